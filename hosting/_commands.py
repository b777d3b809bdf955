"""The names of the command line's own subcommands, which no installed package can replace."""

BUILT_IN_COMMANDS = (
    "start",
    "new",
    "diag",
    "check",
    "schema",
    "keys",
    "image",
    "manifests",
    "completion",
    "health",
    "top",
    "logs",
    "functions",
    "invoke",
)
