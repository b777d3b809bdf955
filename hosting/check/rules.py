"""Every rule of ``hosting check``. Codes are stable: one that is no longer used is not given to another rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hosting.core import Severity


class Rule(NamedTuple):
    """What a code stands for."""

    severity: Severity
    title: str
    """What is wrong, a clause."""
    why: str
    """What comes of it, and what is looked at."""


SECTIONS: Mapping[str, str] = {
    "EXT1": "Extensions: pyproject.toml",
    "EXT2": "Extensions: code",
    "EXT3": "Extensions: papers",
    "APP1": "Apps: files and settings",
    "APP2": "Apps: functions",
    "APP3": "Apps: requirements",
    "APP4": "Apps: extensions in Azure",
}
"""The chapters of the reference, by how their codes begin."""

RULES: Mapping[str, Rule] = {
    "EXT101": Rule(
        "error",
        "`pyproject.toml` cannot be read",
        "It is not TOML, it has no name or no version, or a dependency in it is not what the packaging standards ask "
        "for.",
    ),
    "EXT102": Rule(
        "error",
        "an entry-point group that nobody reads",
        "Its name begins as those of hosting do, but it is none of them: what it names is never found.",
    ),
    "EXT103": Rule(
        "warning",
        "an extension's name that is awkward to write",
        "The name stands in `host.json`, in code and in environment variables: small letters, digits, `-` and "
        "`_`, after a letter.",
    ),
    "EXT104": Rule(
        "error",
        "a package with the name of a module of Python or of hosting",
        "Whichever is first on the path hides the other one.",
    ),
    "EXT105": Rule(
        "error",
        "an extension's name that is taken",
        "Two that claim one name: neither is loaded. Looked at are this project and what is installed.",
    ),
    "EXT106": Rule(
        "warning",
        "`requires-python` is missing, or is not what hosting needs",
        "Without a lower bound pip installs the package where hosting cannot run; with an upper bound it refuses "
        "a new Python that Azure runs already.",
    ),
    "EXT107": Rule(
        "error",
        "an import that `dependencies` does not list",
        "It works on the machine where the package happens to be installed. Imports under `TYPE_CHECKING` and in "
        "`try` are left alone.",
    ),
    "EXT108": Rule(
        "error",
        "bounds that keep the installed hosting out",
        "pip would refuse the extension here, or take hosting back to another version.",
    ),
    "EXT109": Rule(
        "warning",
        "no lower bound for hosting",
        "The hooks that the extension implements came with some version; an older one would not call them.",
    ),
    "EXT110": Rule(
        "warning",
        "`azure-functions` is kept below 2",
        "Version 1 is for Python 3.12 and earlier, version 2 for Python 3.13 and later: with the bound the "
        "extension cannot be installed there.",
    ),
    "EXT111": Rule(
        "warning",
        "an import that comes with another package",
        "It is installed only because a dependency depends on it today.",
    ),
    "EXT201": Rule(
        "error",
        "an entry point that does not resolve",
        "Its module is imported from the source, without installing the project: it is missing, raises, or has no "
        "such attribute.",
    ),
    "EXT202": Rule(
        "error",
        "a hook that breaks the contract",
        "What the host says when it loads the extension: a hook that no specification knows, an argument that it "
        "does not get, a generator in the wrong place.",
    ),
    "EXT203": Rule(
        "warning",
        "a function that looks like a hook and is none",
        "Its name is a hook's, or nearly, and it is not marked: it never runs, and nothing says so.",
    ),
    "EXT204": Rule(
        "warning",
        "noise on standard output",
        "What an extension prints ends up among the app's own output, in Azure without a function's name. Hooks "
        "get a logger.",
    ),
    "EXT205": Rule(
        "warning",
        "log handlers that an import adds",
        "How logs look is the host's and the app's affair; a second handler doubles every line.",
    ),
    "EXT206": Rule(
        "warning",
        "a blocking call in `async def` code",
        "It holds up every invocation of the process, since all share one event loop.",
    ),
    "EXT301": Rule(
        "warning",
        "a README that is missing, or lacks a section",
        "Who finds the package wants to know how to install it, and how to configure it if it has settings. A "
        "heading with the word is enough.",
    ),
    "EXT302": Rule(
        "warning",
        "no license",
        "Without one nobody may use the package. Looked for are `license` in pyproject.toml and a file.",
    ),
    "EXT303": Rule(
        "warning",
        "no `py.typed`",
        "Type checkers ignore the annotations of a package without that empty file.",
    ),
    "APP101": Rule(
        "error",
        "`host.json` cannot be used",
        "Azure's host does not start either, but for what is in `extensionHost`.",
    ),
    "APP102": Rule(
        "warning",
        "no `host.json`",
        "Core Tools do not take the folder for an app; Azure's host runs with defaults.",
    ),
    "APP103": Rule(
        "error",
        "`local.settings.json` cannot be used",
        "`hosting start` ends with this message; Core Tools warn, and go on without any setting.",
    ),
    "APP104": Rule(
        "warning",
        "something in `local.settings.json` that Core Tools stumble over",
        "`IsEncrypted` is missing (they take the file for encrypted), `FUNCTIONS_WORKER_RUNTIME` is missing or "
        "not `python` (they ask, or fail), or a setting is skipped.",
    ),
    "APP105": Rule(
        "warning",
        "`local.settings.json` is not in `.funcignore`",
        "Nothing keeps a developer's settings out of what is deployed.",
    ),
    "APP106": Rule(
        "warning",
        "`local.settings.json` has secrets and is not in `.gitignore`",
        "The next commit takes them along. Looked at only in a Git repository; the storage emulator's key is no "
        "secret.",
    ),
    "APP107": Rule(
        "warning",
        "a folder that is deployed and should not be",
        "A virtual environment, tests or `node_modules` that `.funcignore` does not name: a larger package, a "
        "slower cold start.",
    ),
    "APP108": Rule(
        "error",
        "a secret in a file",
        "A storage or service bus key, a signed URL, a private key or a well-known token. Files that Git ignores "
        "are not looked at; the message never shows it.",
    ),
    "APP109": Rule(
        "warning",
        "a module with the name of one of Python's",
        "The app's folder is on the path: other code that imports the standard module may get the app's instead.",
    ),
    "APP110": Rule(
        "warning",
        "binaries that are not for Linux",
        "`.python_packages` has extension modules for Windows or macOS; Azure runs Python on Linux.",
    ),
    "APP111": Rule(
        "warning",
        "another Python than the app's virtual environment",
        "The app has a virtual environment and this command does not run in it: other packages, perhaps another "
        "version.",
    ),
    "APP112": Rule(
        "warning",
        "a `proxies.json`",
        "Azure's host of today has no proxies and ignores the file.",
    ),
    "APP201": Rule(
        "error",
        "the app does not load",
        "In Azure a v2 app that cannot be imported has no functions at all, and every address answers 404.",
    ),
    "APP202": Rule(
        "error",
        "a function is in error",
        "It is not there, or each call of it fails; the others run.",
    ),
    "APP203": Rule(
        "warning",
        "what the host warns of",
        "What `hosting start` says in yellow.",
    ),
    "APP204": Rule(
        "warning",
        "a binding type that no installed package provides",
        "Azure may have it in the extension bundle; here the function can only be run by hand.",
    ),
    "APP205": Rule(
        "warning",
        "no extension bundle",
        "In Azure only HTTP, timer and warm-up triggers come with the host; every other binding needs "
        "`extensionBundle` in host.json, or the function is in error.",
    ),
    "APP206": Rule(
        "warning",
        "an odd extension bundle",
        "Its `id` is not Microsoft's, or its version range is of a bundle that is no longer supported.",
    ),
    "APP207": Rule(
        "warning",
        "a Blueprint that nobody registers",
        "Its functions do not exist, and nothing says so.",
    ),
    "APP208": Rule(
        "warning",
        "a web app below a route prefix",
        "An AsgiFunctionApp or WsgiFunctionApp sees paths that begin with `/api`, unless `routePrefix` is empty.",
    ),
    "APP209": Rule(
        "warning",
        "a blocking call in `async def` code",
        "It holds up every invocation of the process, since all share one event loop.",
    ),
    "APP210": Rule(
        "warning",
        "a connection that is not set here",
        "The setting that a binding connects with is neither in `local.settings.json` nor in the environment: "
        "the function does not run here. In Azure it may be set.",
    ),
    "APP301": Rule(
        "error",
        "no `requirements.txt`",
        "Azure installs what it lists; without it, or dependencies in a pyproject.toml, no import of a package "
        "works there.",
    ),
    "APP302": Rule(
        "error",
        "an import that the requirements do not list",
        "It works here because the package happens to be installed, and fails in Azure. Imports under "
        "`TYPE_CHECKING` and in `try` are left alone, and so are files that `.funcignore` names.",
    ),
    "APP303": Rule(
        "warning",
        "an import that comes with another package",
        "It is installed only because a listed package depends on it today.",
    ),
    "APP304": Rule(
        "warning",
        "an import that cannot be found here",
        "It is not installed, and no requirement has its name; whether one brings it cannot be told before `pip "
        "install -r requirements.txt`.",
    ),
    "APP305": Rule(
        "warning",
        "`azure-functions` is not listed",
        "Azure's worker brings a version of its own, which may not be the one that the app was tried with.",
    ),
    "APP306": Rule(
        "error",
        "a line that is no requirement",
        "pip ends the build at that line, as at one that includes a file that is not there.",
    ),
    "APP307": Rule(
        "warning",
        "`azure-functions-worker` is listed",
        "The worker belongs to the platform; a second one in the app gets in its way.",
    ),
    "APP308": Rule(
        "error",
        "a requirement that Linux cannot install",
        "Azure runs Python on Linux: a package for Windows or macOS, as `pip freeze` lists it there, ends the build.",
    ),
    "APP309": Rule(
        "warning",
        "a requirement that only this machine has",
        "An editable install, a local path or a `file:` URL is not there where Azure builds.",
    ),
    "APP310": Rule(
        "warning",
        "a requirement that is known for trouble in Azure",
        "It needs a library or a program that the image does not have, is too large for a cold start, or does "
        "nothing there.",
    ),
    "APP311": Rule(
        "warning",
        "a requirement with the name of a module of Python",
        "What the registry has under that name is an old copy that hides Python's own.",
    ),
    "APP401": Rule(
        "warning",
        "extensions that do not run in Azure",
        "Azure's worker does not know hosting's extensions, and from Python 3.13 on calls no worker extensions "
        "either, unless the app says `hosting.extend`. Looked at where extensions are switched on, required or "
        "written.",
    ),
    "APP402": Rule(
        "warning",
        "extensions that are switched off",
        "The app says `hosting.extend`, but `PYTHON_ENABLE_WORKER_EXTENSIONS` is not true: no extension is imported.",
    ),
}
