"""What to do about an app's code that fails: the remedy fits the cause. Texts have ROOT for the app's folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

from hosting.apps.load import load_app
from hosting.core import App
from hosting.errors import AppLoadError, HostingError
from tests.conftest import MakeApp

APP = "import azure.functions as func\napp = func.FunctionApp()\n"
BLUEPRINT = "import azure.functions as func\nbp = func.Blueprint()\n"
SDK = f"azure-functions {version('azure-functions')}, which is installed,"


def failure(make_app: MakeApp, files: Mapping[str, str]) -> tuple[str, HostingError]:
    """Load an app that fails, and return its remedy with ROOT for its folder, and the error."""
    root = make_app({"function_app.py": APP, **files})
    with pytest.raises(AppLoadError) as caught:
        load_app(root, environ=os.environ)
    return caught.value.remedy.replace(str(root.resolve()), "ROOT"), caught.value


def main(code: str) -> dict[str, str]:
    """Return a v2 file that begins with these lines."""
    return {"function_app.py": code + "\n" + APP}


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (
            {**main("from routes import x"), "routes.py": "from function_app import app\nx = 1"},
            ("function_app", "routes"),
        ),
        (
            {**main("import routes"), "routes.py": "import function_app\nfunction_app.app.route('x')"},
            ("function_app", "routes"),
        ),
        (
            {
                **main("import a"),
                "a.py": "from b import B\nA = 1",
                "b.py": "from c import C",
                "c.py": "from a import A",
            },
            ("a", "c"),
        ),
        (
            {
                **main("import p.a"),
                "p/__init__.py": "",
                "p/a.py": "from p.b import B\nA = 1",
                "p/b.py": "from .a import A",
            },
            ("p.a", "p.b"),
        ),
        (
            {
                **main("import p.a"),
                "p/__init__.py": "",
                "p/a.py": "from . import b\nA = b.B",
                "p/b.py": "from . import a\nB = a.A",
            },
            ("p.a", "p.b"),
        ),
        (
            {
                **main("import p.a"),
                "p/__init__.py": "",
                "p/q/__init__.py": "",
                "p/a.py": "import p.q.a\nA = 1",
                "p/q/a.py": "from p import a\nB = a.A",
            },
            ("p.a", "p.q.a"),
        ),
        (
            {**main("import p"), "p/__init__.py": "from p.a import A\nX = 1", "p/a.py": "from p import X\nA = 1"},
            ("p", "p.a"),
        ),
    ],
    ids=[
        "name from the app",
        "attribute of the app",
        "through another module",
        "inside a package",
        "module from its package",
        "modules of one name",
        "package and its module",
    ],
)
def test_circular_import_keeps_pythons_hint_and_names_both_modules(
    files: Mapping[str, str], names: tuple[str, str], make_app: MakeApp
) -> None:
    """No version of a package has anything to do with it."""
    remedy, error = failure(make_app, files)
    assert "(most likely due to a circular import)" in error.message
    assert remedy.startswith(
        f"The imports of {names[0]!r} and {names[1]!r} form a cycle. Move what both need to a third "
    )
    assert ("func.Blueprint" in remedy) is (names[0] == "function_app")
    assert "version" not in remedy
    assert "pip" not in remedy


def test_circular_import_of_a_v1_function_keeps_pythons_hint(make_app: MakeApp) -> None:
    """The modules of v1 apps are below a namespace."""
    function_json = '{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req"}]}'
    root = make_app(
        {
            "Hello/function.json": function_json,
            "Hello/__init__.py": "from . import texts\nNAME = 1\ndef main(req): ...",
            "Hello/texts.py": "from . import NAME",
        }
    )
    with pytest.raises(AppLoadError, match="most likely due to a circular import") as caught:
        load_app(root, environ={})
    assert caught.value.remedy.startswith("The imports of 'Hello' and 'Hello.texts' form a cycle.")


@pytest.mark.parametrize(
    ("statement", "instead"),
    [
        ("from .routes import bp", "from routes import bp"),
        ("from . import routes", "import routes"),
        ("from .routes import bp as blueprint, helper", "from routes import bp as blueprint, helper"),
        ("from ..common.routes import bp", "from common.routes import bp"),
    ],
)
def test_relative_import_in_a_v2_file_has_the_absolute_one_as_remedy(
    statement: str, instead: str, make_app: MakeApp
) -> None:
    """The file is not in a package, and neither is another file beside it."""
    remedy, error = failure(make_app, {**main(statement), "routes.py": BLUEPRINT})
    assert remedy.endswith(f"so its imports begin without a dot. Write '{instead}'.")
    assert error.line == 1
    remedy, error = failure(make_app, {**main("import routes"), "routes.py": statement})
    assert remedy == (
        f"routes.py is a module of its own and not in a package, so its imports begin without a dot. Write '{instead}'."
    )
    assert error.file is not None
    assert error.file.endswith("routes.py")


def test_relative_import_above_the_apps_folder_is_named(make_app: MakeApp) -> None:
    """In v1 two dots lead to the app's folder, three lead nowhere."""
    function_json = '{"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req"}]}'
    root = make_app({"Hello/function.json": function_json, "Hello/__init__.py": "from ...common import x"})
    with pytest.raises(AppLoadError, match="beyond top-level package") as caught:
        load_app(root, environ={})
    assert caught.value.remedy.endswith("is the outermost. Write 'from common import x'.")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {**main("import helpers"), "src/helpers.py": ""},
            (
                "The app has ROOT/src/helpers.py, and modules are found from the app's folder on. "
                "Write 'src.helpers', or move it to ROOT."
            ),
        ),
        (
            {**main("from shop.models import Order"), "src/shop/__init__.py": "", "src/shop/models.py": "Order = 1"},
            (
                "The app has ROOT/src/shop, and modules are found from the app's folder on. "
                "Write 'src.shop', or move it to ROOT."
            ),
        ),
        (
            {**main("import helpers"), "a-b/lib/helpers.py": ""},
            "The app has ROOT/a-b/lib/helpers.py, and modules are found from the app's folder on. Move it to ROOT.",
        ),
        (
            {**main("import helpers"), "Helpers.py": ""},
            "The app has ROOT/Helpers.py. Write 'Helpers': upper and lower case differ on Linux, as in Azure.",
        ),
        (
            {**main("import Common.texts"), "common/texts.py": ""},
            "The app has ROOT/common. Write 'common': upper and lower case differ on Linux, as in Azure.",
        ),
        (
            {**main("import common.Texts"), "common/__init__.py": "", "common/texts.py": ""},
            "The app has ROOT/common/texts.py. Write 'texts': upper and lower case differ on Linux, as in Azure.",
        ),
        (
            {**main("import common.text"), "common/__init__.py": "", "common/texts.py": ""},
            "The app has ROOT/common/texts.py. Did you mean 'texts'?",
        ),
        (
            {**main("import common.orders"), "common/__init__.py": "", "other/orders.py": ""},
            (
                "The app has ROOT/other/orders.py, and modules are found from the app's folder on. "
                "Write 'other.orders', or move it to ROOT."
            ),
        ),
        (
            {**main("import common.nothing"), "common/__init__.py": ""},
            "The app's folder ROOT has no such module: check the spelling, and that the file exists.",
        ),
        (
            {**main("import common.texts"), "common.py": ""},
            (
                "'common' is the file ROOT/common.py, not a package: it has no module 'texts'. "
                "Check the spelling, or rename the file if it hides a package."
            ),
        ),
        (
            {**main("import helper_functions"), "helper_function.py": ""},
            (
                "The app has ROOT/helper_function.py: did you mean 'helper_function'? If not: add the package that "
                "provides 'helper_functions' to requirements.txt, then run: pip install -r requirements.txt"
            ),
        ),
        (
            {**main("import fast"), "fast.pyx": ""},
            "ROOT/fast.pyx is not a module that this Python can import. Write fast.py.",
        ),
        (
            {**main("from __app__.common import x"), "commen/__init__.py": ""},
            "The app has ROOT/commen. Did you mean 'commen'?",
        ),
        (
            {**main("from __app__.nothing import x")},
            "The app's folder ROOT has no such module: check the spelling, and that the file exists.",
        ),
    ],
)
def test_module_of_the_apps_own_is_found_wherever_it_is(
    files: Mapping[str, str], expected: str, make_app: MakeApp
) -> None:
    """A stranger's package may have the same name on the index: it is never suggested."""
    assert failure(make_app, files)[0] == expected


def test_v2_file_of_another_name_is_no_package(make_app: MakeApp) -> None:
    """A package called function_app would be a stranger's."""
    root = make_app({"main.py": f"import helpers\n{APP}", "helpers.py": "from function_app import app"})
    with pytest.raises(AppLoadError) as caught:
        load_app(root, environ={"PYTHON_SCRIPT_FILE_NAME": "main.py"})
    assert caught.value.remedy == f"{root} has no function_app.py: write the name of the app's v2 file."


def test_name_of_the_apps_own_folder_is_left_out(make_app: MakeApp) -> None:
    """Modules are found inside the folder."""
    root = make_app({"shop/function_app.py": "from shop.models import x", "shop/models.py": "", "shop/host.json": "{}"})
    with pytest.raises(AppLoadError) as caught:
        load_app(root / "shop", environ={})
    assert caught.value.remedy.endswith(
        "shop is the app's folder itself, and modules are found inside it. Import them without 'shop.'."
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({**main("from common import Text"), "common/__init__.py": "Texts = 1"}, "Did you mean 'Texts'?"),
        (
            {**main("from common import texte"), "common/__init__.py": "", "common/texts.py": ""},
            "Did you mean 'texts'?",
        ),
        ({**main("from common import Texts"), "common/texts.py": ""}, "Write 'texts': upper and lower case differ"),
        (
            {**main("from texts import helo"), "texts.py": "def hello(): ..."},
            "ROOT/texts.py has no 'helo'. Did you mean 'hello'?",
        ),
        ({**main("from texts import zzz"), "texts.py": ""}, "ROOT/texts.py has no 'zzz'. Check the spelling, "),
        (
            {**main("import texts\ntexts.helo"), "texts.py": "hello = 1"},
            "ROOT/texts.py has no 'helo'. Did you mean 'hello'?",
        ),
    ],
)
def test_missing_name_in_a_module_of_the_app_gets_a_suggestion(
    files: Mapping[str, str], expected: str, make_app: MakeApp
) -> None:
    """Nothing is said about versions and packages."""
    remedy, _ = failure(make_app, files)
    assert expected in remedy
    assert "version" not in remedy
    assert "pip" not in remedy


@pytest.mark.parametrize(
    ("statement", "requirement", "expected"),
    [
        (
            "import nothing_like_this",
            "Nothing.like_this==1.0",
            "requires Nothing.like_this, which is not installed in ",
        ),
        ("import cv2", "opencv-python", "requires opencv-python, which is not installed in "),
        ("import bs4.element", "beautifulsoup4[lxml]>=4", "requires beautifulsoup4, which is not installed in "),
        (
            "from azure.keyvault.secrets import X",
            "azure-keyvault-secrets",
            "requires azure-keyvault-secrets, which is not installed in ",
        ),
        ("import azure.nothing.like", "azure-nothing-like", "requires azure-nothing-like, which is not installed in "),
        (
            "import nothing_like",
            "nothing-like; python_version < '3'",
            "requires nothing-like only where python_version < ",
        ),
    ],
)
def test_required_package_that_is_not_installed_is_named_with_its_line(
    statement: str, requirement: str, expected: str, make_app: MakeApp
) -> None:
    """The package may have another name than its module."""
    remedy, _ = failure(make_app, {**main(statement), "requirements.txt": f"azure-functions\n{requirement}\n"})
    assert remedy.startswith(f"requirements.txt:2 {expected}")
    assert "only" in remedy or remedy.endswith("Run: pip install -r requirements.txt")


def test_requirement_of_a_pyproject_counts_too(make_app: MakeApp) -> None:
    """Some apps have no requirements.txt."""
    toml = '[project]\nname = "x"\ndependencies = [\n"nothing-like"]\n'
    remedy, _ = failure(make_app, {**main("import nothing_like"), "pyproject.toml": toml})
    assert remedy.startswith("pyproject.toml:4 requires nothing-like, which is not installed in ")


@pytest.mark.parametrize(
    ("module", "usual"),
    [
        ("cv2", " (usually opencv-python-headless)"),
        ("bs4.element", " (usually beautifulsoup4)"),
        ("azure.eventgrid", " (usually azure-eventgrid)"),
        ("nothing_like_this.x", ""),
        ("azure.nothing", ""),
    ],
)
def test_package_that_is_not_required_is_named_only_if_it_is_well_known(
    module: str, usual: str, make_app: MakeApp
) -> None:
    """A guessed name may be that of a stranger's package."""
    shown = module if module.startswith("azure") else module.partition(".")[0]
    assert failure(make_app, main(f"import {module}"))[0] == (
        f"Add the package that provides {shown!r}{usual} to requirements.txt, then run: pip install -r requirements.txt"
    )


@pytest.mark.parametrize(
    ("module", "file", "hint"),
    [
        ("reqeusts", "requirements.txt", "requirements.txt:2 requires requests"),
        ("reqeusts.auth", "requirements.txt", "requirements.txt:2 requires requests"),
        ("pandsa", "pyproject.toml", "pyproject.toml:3 requires pandas"),
        ("asyncoi", "requirements.txt", "Python has the module 'asyncio'"),
        ("colections.abc", "requirements.txt", "Python has the module 'collections'"),
        ("Datetime", "requirements.txt", "Python has the module 'datetime'"),
    ],
)
def test_misspelled_name_of_a_package_is_asked_about(module: str, file: str, hint: str, make_app: MakeApp) -> None:
    """Before anybody installs what a stranger has published under the misspelled name."""
    toml = '[project]\nname = "x"\ndependencies = ["pandas"]\n'
    text = toml if file.endswith(".toml") else "azure-functions\nrequests>=2\n"
    assert failure(make_app, {**main(f"import {module}"), file: text})[0] == (
        f"{hint}: did you mean that? If not: add the package that provides {module.partition('.')[0]!r} "
        "to requirements.txt, then run: pip install -r requirements.txt"
    )


def test_package_in_another_virtual_environment_is_found_there(make_app: MakeApp) -> None:
    """Often hosting is installed beside the app's environment, and not in it."""
    python = f"lib/python{sys.version_info.major}.{sys.version_info.minor}"
    files = {".venv/pyvenv.cfg": "", f".venv/{python}/site-packages/nothing_like_this/__init__.py": ""}
    remedy, _ = failure(make_app, {**main("import nothing_like_this"), **files})
    assert remedy == (
        f"It is installed in ROOT/.venv, but hosting runs in {sys.prefix}. Install hosting in .venv, and run it there."
    )


@pytest.mark.parametrize(
    ("statement", "requirements", "expected"),
    [
        ("import azure.functions.decorator", "", f"{SDK} has no module 'decorator'. Did you mean 'decorators'?"),
        (
            "import azure.functions.zzzz",
            "azure-functions==1.0",
            (
                f"{SDK} has no module 'zzzz'. requirements.txt:1 requires azure-functions==1.0: write the version that "
                "has it there, then run: pip install -r requirements.txt"
            ),
        ),
        ("from azure.functions import FunctionsApp", "", f"{SDK} has no 'FunctionsApp'. Did you mean 'FunctionApp'?"),
        (
            "from azure.functions import zzzz",
            "",
            (
                f"{SDK} has no 'zzzz'. Check the name and the installed version of 'azure', or update: "
                "pip install --upgrade azure-functions"
            ),
        ),
        (
            "import azure.functions as f\nf.zzzz",
            "",
            f"{SDK} has no 'zzzz'. Check the name and the installed version of ",
        ),
        ("import azure.function", "", "'azure' has no module 'function'. Did you mean azure.functions?"),
    ],
)
def test_missing_name_in_an_installed_package_names_its_version(
    statement: str, requirements: str, expected: str, make_app: MakeApp
) -> None:
    """Another version may have the name."""
    remedy, _ = failure(make_app, {**main(statement), "requirements.txt": requirements})
    assert remedy.startswith(expected)


def test_decorator_that_the_sdk_does_not_have_names_its_version(make_app: MakeApp) -> None:
    """A newer version of the SDK has more triggers."""
    remedy, _ = failure(make_app, {"function_app.py": f"{APP}@app.zzzz()\ndef f(x): ...\n"})
    assert remedy.startswith(f"{SDK} has no 'zzzz'. Check the name and the installed version of 'azure'")


@pytest.mark.parametrize(
    ("name", "message", "expected"),
    [
        (
            "pyodbc",
            "libodbc.so.2: cannot open shared object file: No such file or directory",
            "apt-get install unixodbc",
        ),
        ("cv2", "libGL.so.1: cannot open shared object file: No such file or directory", "apt-get install libgl1"),
        (
            "x",
            "libzzz-1.0.so.3: cannot open shared object file: No such file or directory",
            "'apt-file search libzzz-1.0",
        ),
        (
            "x",
            "cannot load library 'libgobject-2.0-0': libgobject-2.0-0: cannot open shared",
            "apt-get install libglib2.0-0",
        ),
        (
            "x",
            "dlopen(x.so, 2): Library not loaded: /opt/lib/libpq.5.dylib",
            "libpq.5.dylib is a library of the operating ",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["ImportError", "OSError"])
def test_missing_library_of_the_system_is_not_installed_with_pip(
    kind: str, name: str, message: str, expected: str, make_app: MakeApp
) -> None:
    """The remedy names the system's package."""
    argument = f", name={name!r}" if kind == "ImportError" else ""
    remedy, _ = failure(make_app, main(f"raise {kind}({message!r}{argument})"))
    assert "is a library of the operating system, which pip does not install. Install its system package; " in remedy
    assert expected in remedy
    assert "pip install" not in remedy


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("/x/_x.so: invalid ELF header", "It was built for another operating system or processor."),
        (
            "/lib/libc.so.6: version `GLIBC_2.36' not found (required by x)",
            "It was built for a newer Linux, with GLIBC_2.36.",
        ),
        ("/x/_x.so: undefined symbol: PyX", "It was built for another version of a library or of Python."),
    ],
)
def test_compiled_module_for_another_system_is_installed_anew(message: str, expected: str, make_app: MakeApp) -> None:
    """The remedy names the package."""
    remedy, _ = failure(make_app, main(f"raise ImportError({message!r}, name='grpc._cython')"))
    assert remedy.startswith(expected)
    assert remedy.endswith("pip install --force-reinstall --no-cache-dir grpc")


SET = 'Set ZZ_KEY in "Values" of local.settings.json or in the environment.'
READS_NONE = f"This statement uses a setting that is not set. {SET}"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (main("import os\nos.environ['ZZ_KEY']"), SET),
        (main("import os\nos.environ.pop('ZZ_KEY')"), SET),
        (main("import os\nsettings = dict(os.environ)\nsettings['ZZ_KEY']"), f"If 'ZZ_KEY' is a setting: {SET}"),
        (main("import os\nos.getenv('ZZ_KEY').split(',')"), READS_NONE),
        (main("from os import getenv\nint(getenv('ZZ_KEY', None))"), READS_NONE),
        (main("import os\nurl = os.environ.get('ZZ_KEY') + '/x'"), READS_NONE),
        (main("from os import environ\nkey = environ.get('ZZ_KEY')\nlen(\n    key\n)"), READS_NONE),
        (main("import os\nKEY: str = os.getenv('ZZ_KEY')\nclass A:\n    x = KEY.strip()"), READS_NONE),
        ({**main("import config\nint(config.KEY)"), "config.py": "import os\nKEY = os.getenv('ZZ_KEY')"}, READS_NONE),
        (
            {**main("from config import KEY as k\nint(k)"), "config.py": "import os\nKEY = os.getenv('ZZ_KEY')"},
            READS_NONE,
        ),
        (
            {
                **main("import os\nfrom db import connect\nconnect(os.getenv('ZZ_KEY'))"),
                "db.py": "def connect(text):\n    return dict(text.split('=') for text in text.split(';'))",
            },
            READS_NONE,
        ),
        (main("import os\nfrom urllib.request import Request\nRequest(os.getenv('ZZ_KEY'))"), READS_NONE),
        *(
            ({**main(f"{load}\n{use}"), "config.py": f"import os\n{code}"}, READS_NONE)
            for load, use, code in (
                ("from config import C", "C.KEY.strip()", "class C:\n    KEY = os.getenv('ZZ_KEY')"),
                ("import config", "config.C.KEY.strip()", "class C:\n    KEY: str = os.getenv('ZZ_KEY')"),
                ("from config import s", "s['k'].strip()", "s = {'k': os.getenv('ZZ_KEY')}"),
                ("import config", "config.s['k'].strip()", "s = {'k': os.getenv('ZZ_KEY')}"),
                ("from config import s", "s['k'].strip()", "s = dict(k=os.getenv('ZZ_KEY'))"),
                ("from config import s", "s['k'].strip()", "s = {}\ns['k'] = os.environ.get('ZZ_KEY')"),
                (
                    "from config import Client",
                    "Client()",
                    (
                        "class Client:\n    def __init__(self):\n        self.url = os.getenv('ZZ_KEY')\n"
                        "        self.base = self.url.strip()"
                    ),
                ),
            )
        ),
        (
            {
                **main("import shop.db"),
                "shop/__init__.py": "",
                "shop/config.py": "import os\nKEY = os.getenv('ZZ_KEY')",
                "shop/db.py": "from .config import KEY\nKEY.strip()",
            },
            READS_NONE,
        ),
        *(
            (main(f"import os\nfrom os import environ\n{code}"), READS_NONE)
            for code in (
                "if not os.getenv('ZZ_KEY'):\n    raise ValueError('no')",
                "if os.environ.get('ZZ_KEY') is None:\n    raise ValueError",
                "key = os.getenv('ZZ_KEY')\nif not key or len(key) < 3:\n    print()\n    raise ValueError('no')",
                "if 'ZZ_KEY' not in os.environ:\n    raise ValueError('no')",
                "if 'ZZ_KEY' in environ:\n    key = 1\nelse:\n    raise ValueError('no')",
                "for name in ('PATH', 'ZZ_KEY'):\n    if name not in environ:\n        raise ValueError('no')",
                "def read(name):\n    if not os.getenv(name):\n        raise ValueError('no')\nread('ZZ_KEY')",
                "if not os.getenv('ZZ_KEY'):\n    raise SystemExit(1)",
                "import sys\nif not os.getenv('ZZ_KEY'):\n    sys.exit('no')",
                "assert 'ZZ_KEY' in os.environ",
                "assert os.getenv('ZZ_KEY'), 'no'",
                "class C:\n    key = os.getenv('ZZ_KEY')\nif C.key is None:\n    raise ValueError('no')",
            )
        ),
        (main("raise ValueError('Missing environment variable: ZZ_KEY')"), SET),
        (main("raise ValueError('ZZ_KEY is not set')"), f"If 'ZZ_KEY' is a setting: {SET}"),
        (main("raise ValueError('Missing required settings: [\\'ZZ_KEY\\']')"), f"If 'ZZ_KEY' is a setting: {SET}"),
        (main("raise RuntimeError('ZZ_KEY not found. Declare it as envvar or define a default value.')"), SET),
        (
            main(
                "import os\ntry:\n    os.environ['ZZ_KEY']\nexcept KeyError as e:\n    raise RuntimeError('no') from e"
            ),
            SET,
        ),
    ],
)
def test_missing_setting_behind_an_exception_is_named(
    files: Mapping[str, str], expected: str, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exception itself often names neither the setting nor its file."""
    monkeypatch.delenv("ZZ_KEY", raising=False)
    assert failure(make_app, files)[0] == expected


def test_fields_that_a_settings_class_requires_are_named(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pydantic's settings raise one exception for all fields, named like the settings in any case."""
    monkeypatch.setitem(sys.modules, "pydantic_settings", ModuleType("pydantic_settings"))
    code = """
class ValidationError(ValueError):
    title = "Shop"
    def errors(self): return [{"type": "missing", "loc": ("zz_key",)}, {"type": "x", "loc": ("y",)}]
ValidationError.__module__ = "pydantic_core"
raise ValidationError()
"""
    remedy, _ = failure(make_app, main(code))
    assert remedy == 'Set zz_key in "Values" of local.settings.json or in the environment, as Shop has it.'


@pytest.mark.parametrize(
    "code",
    [
        "import os\nint(os.getenv('ZZ_KEY', 'x'))",
        "import os\nx = os.getenv('ZZ_KEY')\nint(None)",
        "import os\ndef f():\n    os.getenv('ZZ_KEY')\nint(None)",
        "{}['a']",
        "import os\nclass A:\n    key = os.getenv('ZZ_KEY')\nclass B:\n    other = None\nB.other.strip()",
        "import os\nclass A:\n    key = os.getenv('ZZ_KEY')\nA.key = 'x'\nint(A.key)",
        "import os\ns = {'k': os.getenv('ZZ_KEY')}\nint({'k': 'x'}['k'])",
        "raise ValueError('ZZ_KEY is bad')",
        "raise ValueError('HTTP is required')",
        "import os\nif os.getenv('ZZ_KEY'):\n    pass\nraise ValueError('no')",
        "import os\nif 'PATH' in os.environ:\n    raise ValueError('no')",
        "import os\nprint('ZZ_KEY' in os.environ, int('no'))",
    ],
)
def test_other_exceptions_name_no_setting(code: str, make_app: MakeApp) -> None:
    """A setting with a default, one that another statement reads, and other keys are not the cause."""
    assert failure(make_app, main(code))[0] == "Run with --verbose to see the full traceback."


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        ("zz_key", "zz_key is set: write the same case in both places, as names in os.environ have one."),
        ("ZZ_KEYS", f"{SET} ZZ_KEYS is set: did you mean that?"),
    ],
)
def test_setting_with_a_similar_name_is_suggested(
    existing: str, expected: str, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of settings differ in case for Python."""
    monkeypatch.setenv(existing, "x")
    assert failure(make_app, main("import os\nos.environ['ZZ_KEY']"))[0] == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("print 'hello'", "This is the syntax of Python 2, and this is Python 3."),
        ("<<<<<<< HEAD", "Resolve the merge conflict in this file."),
        ("def f(:", "Fix this line, or the line above it."),
        ("x = 'a\0b'", "Save the file as UTF-8."),
    ],
)
def test_invalid_syntax_has_a_remedy_of_its_cause(line: str, expected: str, make_app: MakeApp) -> None:
    """The location is that of the line."""
    assert failure(make_app, main(line))[0].startswith(expected)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python has the syntax")
@pytest.mark.parametrize(
    "line",
    [
        "type Name = str",
        "def first[T](items: list[T]) -> T: ...",
        "class Box[T]: ...",
        'x = {"a": 1}; f"{x["a"]}"',
        "f'{\"\\n\"}'",
    ],
)
def test_syntax_of_a_newer_python_names_its_version(line: str, make_app: MakeApp) -> None:
    """The line is right, and Python is too old for it."""
    assert failure(make_app, main(line))[0].startswith(
        "This syntax needs Python 3.12 or later, and this is Python 3.11."
    )


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python has it")
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = t'{1}'", "This syntax needs Python 3.14 or later, and this is Python 3."),
        (
            "try: ...\nexcept ValueError, TypeError: ...",
            "This syntax needs Python 3.14 or later, and this is Python 3.",
        ),
        ("import annotationlib", "Python 3.14 and later have 'annotationlib', and this is Python 3."),
        ("import string.templatelib", "Python 3.14 and later have 'string.templatelib', and this is Python 3."),
    ],
)
def test_what_python_3_14_brings_names_its_version(code: str, expected: str, make_app: MakeApp) -> None:
    """Nothing on the index is a replacement for it."""
    remedy, _ = failure(make_app, main(code))
    assert remedy.startswith(expected)
    assert "pip" not in remedy


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import json.zzz", "Python's own package 'json' has no module 'json.zzz'. Check the spelling."),
        ("import winreg", "Python has the module 'winreg' on Windows only; Azure runs Python apps on Linux."),
        ("from json import zzz", "Python's own module 'json' has no 'zzz'. Check the name."),
        ("from json import load5", "Python's own module 'json' has no 'load5'. Did you mean 'load'?"),
    ],
)
def test_missing_part_of_python_itself_is_not_installed_with_pip(
    statement: str, expected: str, make_app: MakeApp
) -> None:
    """A package of that name on the index belongs to a stranger."""
    assert failure(make_app, main(statement))[0].startswith(expected)


def test_module_that_an_installed_package_needs_names_the_package(make_app: MakeApp, tmp_path: Path) -> None:
    """The app itself does not import it, and need not require it."""
    folder = tmp_path / "site-packages"
    info = folder / "needy-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: needy\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("needy\n")
    (folder / "needy.py").write_text("import nothing_like_this\n")
    sys.path.append(str(folder))
    remedy, _ = failure(make_app, {**main("import needy"), "src/nothing_like_this.py": ""})
    assert remedy == (
        "needy 1.0 needs it, and not the app itself. Install it anew with what it requires: "
        "pip install --force-reinstall needy"
    )


def test_code_of_a_librarys_error_is_not_taken_for_a_setting(make_app: MakeApp, tmp_path: Path) -> None:
    """Such codes are written like settings."""
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "zz_client.py").write_text("raise ValueError('RESOURCE_NOT_FOUND: not found')\n")
    sys.path.append(str(tmp_path / "site-packages"))
    assert failure(make_app, main("import zz_client"))[0] == "Run with --verbose to see the full traceback."


def test_folder_with_the_name_of_a_required_package_is_told_from_it(make_app: MakeApp) -> None:
    """Python imports a folder without code silently, where the package is not installed."""
    files = {**main("from nothing_like import X"), "nothing_like/data.txt": "", "requirements.txt": "nothing-like"}
    remedy, _ = failure(make_app, files)
    assert remedy.startswith(
        "ROOT/nothing_like is a folder of the app, and not the package. requirements.txt:1 requires nothing-like, "
    )


def test_exception_that_cannot_be_looked_at_has_the_general_remedy(make_app: MakeApp) -> None:
    """Looking for a remedy never hides the error."""
    code = "class E(Exception):\n    def __str__(self):\n        raise ValueError\nraise E()"
    assert failure(make_app, main(code))[0] == "Run with --verbose to see the full traceback."


def test_app_loads_again_after_its_mistake_is_corrected(make_app: MakeApp) -> None:
    """The search for a remedy leaves nothing behind."""
    root = make_app({"function_app.py": f"import helpers\n{APP}", "src/helpers.py": ""})
    with pytest.raises(AppLoadError):
        load_app(root, environ={})
    (root / "helpers.py").write_text("")
    (root / "function_app.py").write_text(f"import helpers\n{APP}@app.route('x')\ndef x(req): ...\n")
    app: App = load_app(root, environ={})
    assert [function.name for function in app.functions] == ["x"]
