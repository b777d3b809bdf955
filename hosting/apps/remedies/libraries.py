"""Remedies for libraries of the operating system that a compiled module needs: pip does not install them."""

from __future__ import annotations

import re
from collections.abc import Mapping

_MISSING = (
    re.compile(r"([^\s'\"]*\.(?:so|dylib)[\w.]*): cannot open shared object file"),
    re.compile(r"Library not loaded: '?(\S+?\.dylib)"),
    re.compile(r"cannot load library '([^']+)'"),
    re.compile(r"no library called \"([^\"]+)\" was found"),
    re.compile(r"Could not find module '([^']+\.dll)'"),
)
_FOREIGN = re.compile(
    r"invalid ELF header|wrong ELF class|incompatible architecture|mach-o|not a valid Win32 application"
)
_NEWER_SYSTEM = re.compile(r"version `(GLIBC\w*_[\d.]+)' not found")

PACKAGES: Mapping[str, str] = {
    "libaio": "libaio1",
    "libcairo": "libcairo2",
    "libffi": "libffi8",
    "libgdal": "gdal-bin",
    "libgeos_c": "libgeos-c1v5",
    "libgl": "libgl1",
    "libglib-2.0": "libglib2.0-0",
    "libgobject-2.0": "libglib2.0-0",
    "libgomp": "libgomp1",
    "libgthread-2.0": "libglib2.0-0",
    "libldap": "libldap-2.5-0",
    "libmagic": "libmagic1",
    "libmariadb": "libmariadb3",
    "libmysqlclient": "libmariadb3",
    "libodbc": "unixodbc",
    "libodbcinst": "unixodbc",
    "libpango-1.0": "libpango-1.0-0",
    "libpangocairo-1.0": "libpangocairo-1.0-0",
    "libpq": "libpq5",
    "libsm": "libsm6",
    "libsndfile": "libsndfile1",
    "libspatialindex": "libspatialindex6",
    "libtesseract": "tesseract-ocr",
    "libxext": "libxext6",
    "libxml2": "libxml2",
    "libxmlsec1": "libxmlsec1",
    "libxrender": "libxrender1",
    "libxslt": "libxslt1.1",
    "libzbar": "libzbar0",
}
"""The package of Debian and Ubuntu, which Azure's images are based on, for the name of a library in lower case."""


def library_remedy(error: BaseException) -> str | None:
    """Return what to do about a library that could not be loaded; None for an exception with another reason."""
    if not isinstance(error, ImportError | OSError):
        return None
    text = str(error)
    match = next(filter(None, (pattern.search(text) for pattern in _MISSING)), None)
    if match is not None:
        return _missing(match[1].rpartition("/")[2])
    newer = _NEWER_SYSTEM.search(text)
    if newer is not None:
        return f"It was built for a newer Linux, with {newer[1]}. {_again(error, 'for this system')}"
    if _FOREIGN.search(text):
        return f"It was built for another operating system or processor. {_again(error, 'on this machine')}"
    if "undefined symbol" in text or "symbol not found" in text.lower():
        return f"It was built for another version of a library or of Python. {_again(error, 'in this environment')}"
    return None


def _missing(library: str) -> str:
    stem = re.split(r"\.(?:so|dylib|dll)", library)[0].lower()
    known = PACKAGES.get(stem) or PACKAGES.get(re.sub(r"-[\d.]+$", "", stem))
    how = f"apt-get install {known}" if known else f"'apt-file search {library}' names the package"
    return (
        f"{library} is a library of the operating system, which pip does not install. Install its system package; on "
        f"Debian and Ubuntu: {how}. In Azure, it must be in the image of the app."
    )


def _again(error: BaseException, where: str) -> str:
    name = str(getattr(error, "name", None) or "").partition(".")[0]
    return f"Install the package {where} anew: pip install --force-reinstall --no-cache-dir {name or 'PACKAGE'}"
