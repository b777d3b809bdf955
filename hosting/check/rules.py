"""Every rule of ``hosting check``. Codes are stable: the code of a removed rule is never used again.

Removed, because other tools check it better: APP209 and EXT206 (ruff's ASYNC), EXT107 and EXT111 (deptry).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hosting.core import Severity


class Rule(NamedTuple):
    """The severity of a rule, and the text of the reference about it."""

    severity: Severity
    title: str
    """What is wrong: a noun phrase or a clause, without a full stop."""
    why: str
    """What the problem leads to, and what is checked."""


SECTIONS: Mapping[str, str] = {
    "EXT1": "Extensions: pyproject.toml",
    "EXT2": "Extensions: code",
    "EXT3": "Extensions: project files",
    "APP1": "Apps: files and settings",
    "APP2": "Apps: functions",
    "APP3": "Apps: requirements",
    "APP4": "Apps: extensions in Azure",
    "APP5": "Apps: orchestrators of Durable Functions",
}
"""The sections of the reference, by the beginning of the codes in them."""

RULES: Mapping[str, Rule] = {
    "EXT101": Rule(
        "error",
        "`pyproject.toml` cannot be used",
        "It is not valid TOML, it lacks a name or a version, or a dependency does not follow the packaging standards.",
    ),
    "EXT102": Rule(
        "error",
        "Unknown entry-point group",
        "The group's name starts like those of hosting, but hosting does not read it: the extension is never found.",
    ),
    "EXT103": Rule(
        "warning",
        "Extension name that is hard to type",
        "The name appears in `host.json`, in code and in environment variables. Use lower-case letters, digits, `-` "
        "and `_`, and start with a letter.",
    ),
    "EXT104": Rule(
        "error",
        "Package with the name of a module of Python or of hosting",
        "Only the one that comes first on the import path can be imported.",
    ),
    "EXT105": Rule(
        "error",
        "Extension name that is in use",
        "Of two extensions with one name, neither is loaded. The project is compared with the installed packages.",
    ),
    "EXT106": Rule(
        "warning",
        "`requires-python` does not match the versions that hosting supports",
        "Without a lower bound, pip installs the package where hosting cannot run. With an upper bound, pip refuses "
        "new versions of Python, which Azure may run already.",
    ),
    "EXT108": Rule(
        "error",
        "Requirement that excludes the installed version of hosting",
        "pip would refuse to install the extension here, or would replace hosting with another version.",
    ),
    "EXT109": Rule(
        "warning",
        "Requirement of hosting without a lower bound",
        "Each hook exists since some version of hosting; an older version would not call it.",
    ),
    "EXT110": Rule(
        "warning",
        "`azure-functions` is limited to version 1",
        "Version 1 is for Python 3.12 and earlier, version 2 for Python 3.13 and later. With this bound the extension "
        "cannot be installed on Python 3.13.",
    ),
    "EXT201": Rule(
        "error",
        "Entry point that cannot be imported",
        "The module is imported from the project's source, which need not be installed. The module does not exist, it "
        "raises an exception, or it lacks the attribute.",
    ),
    "EXT202": Rule(
        "error",
        "Hook that breaks the contract",
        "The host's own validation: a hook that does not exist, an argument that the hook does not receive, or a "
        "generator where none is allowed.",
    ),
    "EXT203": Rule(
        "warning",
        "Function that looks like a hook but is not one",
        "Its name is that of a hook, or similar, but it is not marked with `@hosting.hookimpl`. It never runs, and "
        "there is no message.",
    ),
    "EXT204": Rule(
        "warning",
        "Import that prints",
        "What an extension prints is mixed with the app's own output, in Azure without the function's name. Hooks "
        "receive a logger.",
    ),
    "EXT205": Rule(
        "warning",
        "Log handlers that an import adds",
        "The host and the app decide how logs look; a second handler writes every line twice.",
    ),
    "EXT301": Rule(
        "warning",
        "README that is missing or incomplete",
        "Users look for how to install the package, and how to configure it if it has settings. A heading with the "
        "word is enough.",
    ),
    "EXT302": Rule(
        "warning",
        "No license",
        "Without a license, others are not allowed to use the package. The check looks for `license` in pyproject.toml "
        "and for a license file.",
    ),
    "EXT303": Rule(
        "warning",
        "No `py.typed`",
        "Type checkers ignore the annotations of a package without this empty file.",
    ),
    "APP101": Rule(
        "error",
        "`host.json` cannot be used",
        "Azure's host does not start with it either, unless the error is in `extensionHost`, which Azure ignores.",
    ),
    "APP102": Rule(
        "warning",
        "No `host.json`",
        "Core Tools do not recognise the folder as an app; Azure's host uses its defaults.",
    ),
    "APP103": Rule(
        "error",
        "`local.settings.json` cannot be used",
        "`hosting start` exits with this message; Core Tools print a warning and ignore all settings.",
    ),
    "APP104": Rule(
        "warning",
        "`local.settings.json` does not work with Core Tools",
        "`IsEncrypted` is missing, so that they expect an encrypted file; `FUNCTIONS_WORKER_RUNTIME` is missing or is "
        "not `python`, so that they prompt or fail; or they skip a setting.",
    ),
    "APP105": Rule(
        "warning",
        "Git tracks `local.settings.json`",
        "The file is for one machine, and often has secrets. Core Tools never deploy it. Git itself is asked; without "
        "Git or a repository there is no finding.",
    ),
    "APP106": Rule(
        "warning",
        "`local.settings.json` has secrets and is not in `.gitignore`",
        "The next commit includes them. Checked only in a Git repository; the key of the storage emulator is public "
        "and does not count.",
    ),
    "APP107": Rule(
        "warning",
        "Folder that should not be deployed",
        "A virtual environment, tests or `node_modules` that `.funcignore` does not exclude: they make the package "
        "larger and cold starts slower.",
    ),
    "APP108": Rule(
        "error",
        "Secret in a file",
        "A storage or Service Bus key, a signed URL, a private key or a well-known token. Files that Git ignores are "
        "not checked. The message never contains the secret.",
    ),
    "APP109": Rule(
        "warning",
        "Module with the name of one of Python's",
        "The app's folder is on the import path: other code may import the app's module instead of Python's.",
    ),
    "APP110": Rule(
        "warning",
        "Binary files that are not for Linux",
        "`.python_packages` has extension modules for Windows or macOS; Azure runs Python on Linux.",
    ),
    "APP111": Rule(
        "warning",
        "Check outside the app's virtual environment",
        "The app has a virtual environment, but this command runs with other packages and perhaps with another version "
        "of Python.",
    ),
    "APP112": Rule(
        "warning",
        "`proxies.json` has no effect",
        "Azure's host no longer supports proxies and ignores the file.",
    ),
    "APP113": Rule(
        "warning",
        "Python past its end of life",
        "It gets no security fixes any more, and Azure gives no support for apps that run with it. Checked are the "
        "version that runs the check, and those in `.python-version`, `runtime.txt`, `Dockerfile`, "
        "`requires-python`, the setting `FUNCTIONS_WORKER_RUNTIME_VERSION`, workflows in `.github`, "
        "`azure-pipelines*.yml` and `infra/**/*.bicep`. Lists of versions, which workflows test, are not.",
    ),
    "APP114": Rule(
        "warning",
        "Version of Azure's runtime past its end of support",
        "Checked are `FUNCTIONS_EXTENSION_VERSION` in `local.settings.json`, `projectRuntime` in "
        "`.vscode/settings.json` and the image in `Dockerfile`.",
    ),
    "APP201": Rule(
        "error",
        "App that does not load",
        "In Azure, a v2 app that cannot be imported has no functions, and every address returns 404.",
    ),
    "APP202": Rule(
        "error",
        "Function with an error",
        "The function does not exist, or every call of it fails; the other functions run.",
    ),
    "APP203": Rule(
        "warning",
        "Warning of the host",
        "`hosting start` logs it, too.",
    ),
    "APP204": Rule(
        "warning",
        "Binding type that no installed package provides",
        "On this machine the functions run only through the admin endpoint. The message says whether Azure has the "
        "type, and which package provides it here. Each type is reported once.",
    ),
    "APP205": Rule(
        "warning",
        "No extension bundle",
        "Azure's host itself has HTTP, timer and warm-up triggers only. With another binding of Azure the function is "
        "in error unless `host.json` has an `extensionBundle`. No bundle has the types of other packages.",
    ),
    "APP206": Rule(
        "warning",
        "Unsupported extension bundle",
        "Its `id` is not Microsoft's, its version is not a range, or the support of the newest version in the range "
        "has ended.",
    ),
    "APP207": Rule(
        "warning",
        "Blueprint that is not registered",
        "The app does not have its functions, and there is no message.",
    ),
    "APP208": Rule(
        "warning",
        "Web app below a route prefix",
        "An AsgiFunctionApp or WsgiFunctionApp receives paths that start with `/api` unless `routePrefix` is empty.",
    ),
    "APP210": Rule(
        "warning",
        "Setting of a binding that is not set on this machine",
        "The setting of a binding's connection, or one between percent signs such as `%SCHEDULE%`, is neither in "
        "`local.settings.json` nor in the environment: its functions do not run here. In Azure it may be set. Each "
        "setting is reported once.",
    ),
    "APP301": Rule(
        "error",
        "No `requirements.txt`",
        "Azure installs the packages that it lists. Without it, or dependencies in a `pyproject.toml`, imports of "
        "packages fail there, except for `azure.functions`, which Azure's worker has, and for packages in "
        "`.python_packages`.",
    ),
    "APP302": Rule(
        "error",
        "Import that the requirements do not list",
        "It works here because the package happens to be installed, and fails in Azure. Optional imports are not "
        "checked: those for type checkers, for other platforms or versions of Python, and those whose failure is "
        "handled. Nor are files that `.funcignore` excludes, and packages in `.python_packages`.",
    ),
    "APP303": Rule(
        "warning",
        "Import of an indirect dependency",
        "The package is installed only because a listed package needs it today.",
    ),
    "APP304": Rule(
        "warning",
        "Imports that cannot be compared with the requirements",
        "No requirement has their names. Whether one provides them is not known before "
        "`pip install -r requirements.txt`. All of them are one finding.",
    ),
    "APP305": Rule(
        "warning",
        "`azure-functions` is not listed",
        "Azure's worker then provides its own version, which may differ from the one that the app was tested with.",
    ),
    "APP306": Rule(
        "error",
        "Invalid line in the requirements",
        "pip stops the build at a line that is not a requirement, and at one that includes a file that does not exist.",
    ),
    "APP307": Rule(
        "warning",
        "`azure-functions-worker` is listed",
        "The platform provides the worker; a second one in the app conflicts with it.",
    ),
    "APP308": Rule(
        "error",
        "Requirement that cannot be installed on Linux",
        "Azure runs Python on Linux. A package for Windows or macOS, as `pip freeze` lists it there, stops the build.",
    ),
    "APP309": Rule(
        "warning",
        "Requirement that exists only on this machine",
        "An editable install, a path outside of the app's folder or a `file:` URL does not exist where Azure builds. "
        "A wheel or a folder inside the app's folder, named by its relative path, does.",
    ),
    "APP310": Rule(
        "warning",
        "Requirement that often fails in Azure",
        "It needs a library or a program that the image does not have, is too large for a cold start, or has no effect "
        "there.",
    ),
    "APP311": Rule(
        "warning",
        "Requirement with the name of a module of Python",
        "The package of that name is an old copy that hides Python's own module.",
    ),
    "APP312": Rule(
        "error",
        "Extension that the requirements do not list",
        "The app uses or requires it by name: with `hosting.use` or `hosting.configure`, in `function.json` or in "
        "`host.json`. Azure does not install it.",
    ),
    "APP401": Rule(
        "warning",
        "Extensions that do not run in Azure",
        "Azure's worker does not know hosting's extensions, and from Python 3.13 on it does not call worker extensions "
        "either, unless the app uses `hosting.extend`. Reported for apps that switch on, require or define extensions.",
    ),
    "APP402": Rule(
        "warning",
        "Extensions that are switched off",
        "The app uses `hosting.extend`, but `PYTHON_ENABLE_WORKER_EXTENSIONS` is not true: no extension is imported. "
        "An app with extensions of its own needs no such setting.",
    ),
    "APP501": Rule(
        "warning",
        "Orchestrator with values that differ on replay",
        "An orchestrator runs again from its beginning whenever one of its tasks ends. A clock, random numbers, new "
        "ids, the environment or the order of a set then lead to other calls than before, and the orchestration fails "
        "or mixes up results. Functions of the app that the orchestrator calls are checked, too; code in "
        "`if not context.is_replaying` is not.",
    ),
    "APP502": Rule(
        "warning",
        "Orchestrator that does I/O or sleeps",
        "It happens again at each replay, and the result may differ. While an orchestrator sleeps, no other one runs "
        "on its thread. Files, HTTP, databases, other services and processes belong in activities.",
    ),
    "APP503": Rule(
        "error",
        "Orchestrator that is `async def`, uses asyncio or starts threads",
        "Durable Functions replays generators on one thread: `await` does not work in an orchestrator, and results of "
        "threads come in another order at each replay.",
    ),
    "APP504": Rule(
        "error",
        "Orchestrator that yields something other than a task",
        "The orchestration fails or waits forever. Reported are values that are certainly not tasks: literals, lists "
        "of tasks without `task_all`, results of `get_input` or `signal_entity`, and generators without `yield from`.",
    ),
    "APP505": Rule(
        "warning",
        "Task that is created and not yielded",
        "The SDK schedules a task when it is yielded, alone or in `task_all` or `task_any`: this one never runs.",
    ),
}
