"""Containers for tests: podman as root, with a base image that is made of this machine's own Python.

No registry is asked. Debian has what it needs: ``apt-get install --no-install-recommends podman buildah conmon netavark
aardvark-dns runc iptables``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

TOOLS = ("podman", "runc", "iptables")
PROGRAMS = ("dash", "chmod", "rm", "cat", "id", "ls")
# Wheels may need these, which every image of Debian has.
LIBRARIES = ("libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1", "libgcc_s.so.1", "libstdc++.so.6")
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
BASE = f"docker.io/library/python:{VERSION}-slim"
# runc instead of crun, and limits below those of this process: both for machines without systemd.
CONFIGURATION = """
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


def missing() -> str:
    """Return why containers cannot run here; empty if they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "containers are run by root on Linux"
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"{', '.join(absent)} is not installed" if absent else ""


class Podman:
    """Runs podman with storage of its own below a folder; nothing of the machine's containers is touched.

    Args:
        folder: a new folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        configuration = folder / "containers.conf"
        configuration.write_text(CONFIGURATION)
        self._run = tempfile.mkdtemp()  # podman refuses a path of more than 50 characters
        self._options = ["--root", str(folder / "storage"), "--runroot", self._run]
        self._environ = {**os.environ, "CONTAINERS_CONF": str(configuration), "TMPDIR": str(folder)}

    def __call__(self, *arguments: str | Path, seconds: float = 300.0, content: bytes | None = None) -> str:
        """Run podman, and return what it prints on standard output. Raises AssertionError if it fails."""
        done = self.attempt(*arguments, seconds=seconds, content=content)
        assert done.returncode == 0, f"{arguments}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        return done.stdout.decode()

    def attempt(
        self, *arguments: str | Path, seconds: float = 300.0, content: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run podman, whatever its exit code is."""
        command = ["podman", *self._options, *map(str, arguments)]
        return subprocess.run(
            command, env=self._environ, capture_output=True, timeout=seconds, input=content, check=False
        )

    def make_base(self) -> None:
        """Make the base image of a Dockerfile that ``hosting image`` writes."""
        root = self.folder / "base"
        _make_root(root)
        archive = subprocess.run(["tar", "-C", str(root), "-cf", "-", "."], capture_output=True, check=True).stdout
        self("import", "--quiet", "-", BASE, content=archive)
        shutil.rmtree(root)

    def close(self) -> None:
        """Stop all containers and delete the storage, which podman keeps mounted."""
        self.attempt("rm", "--all", "--force", "--time", "1")
        self.attempt("rmi", "--all", "--force")
        subprocess.run(["umount", str(self.folder / "storage" / "overlay")], capture_output=True, check=False)
        for folder in (self.folder / "storage", self._run):
            shutil.rmtree(folder, ignore_errors=True)


def _make_root(root: Path) -> None:
    """Write the file system of an image with this Python, a shell and a few programs."""
    for folder in ("tmp", "usr/bin", "usr/local/bin", "etc", "root", "proc", "sys", "dev", "home"):
        (root / folder).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "bin").symlink_to("usr/bin")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    copied = [*_copy_python(root), *(_copy_program(root, name) for name in PROGRAMS)]
    (root / "usr/bin/sh").symlink_to("dash")
    needed = {library for file in copied for library in _libraries(file)}
    system = next(Path(one).parent for one in needed if "/libc.so" in one)
    needed |= {str(system / name) for name in LIBRARIES if (system / name).is_file()}
    for library in sorted(needed):
        (root / library.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library, root / library.lstrip("/"))


def _copy_python(root: Path) -> list[Path]:
    """Copy the interpreter, its standard library and pip; return the files that need libraries."""
    executable, library = Path(sys.executable).resolve(), Path(sysconfig.get_path("stdlib"))
    target = root / "usr/local/lib" / library.name
    unwanted = shutil.ignore_patterns(
        "site-packages", "dist-packages", "test", "__pycache__", "idlelib", "tkinter", "config-*"
    )
    shutil.copytree(library, target, symlinks=False, ignore=unwanted)
    packages = target / "site-packages"
    packages.mkdir()
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(packages), "pip"],
        check=True,
    )
    interpreter = root / "usr/local/bin" / f"python{VERSION}"
    shutil.copy2(executable, interpreter)
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).symlink_to(interpreter.name)
    script = root / "usr/local/bin/pip"
    script.write_text(f"#!/usr/local/bin/python{VERSION}\nimport runpy\nrunpy.run_module('pip', run_name='__main__')\n")
    script.chmod(0o755)
    return [executable, *(target / "lib-dynload").glob("*.so")]


def _copy_program(root: Path, name: str) -> Path:
    found = Path(str(shutil.which(name))).resolve()
    shutil.copy2(found, root / "usr/bin" / name)
    return found


def _libraries(file: Path) -> list[str]:
    done = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=False)
    return re.findall(r"(/\S+) \(0x", done.stdout)
