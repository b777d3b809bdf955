"""The checkout in which wheels are tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.processes import ROOT
from tools import wheel_tests


def test_the_checkout_has_the_tests_and_not_what_the_wheels_bring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests, documentation and examples are copied; the packages, repositories and environments are not."""
    found = f"plugins/{wheel_tests.FOUND[0]}"
    sources = [f"plugins/{name}/src/x.py" for name in wheel_tests.FOUND]
    for name in ("hosting/a.py", *sources, f"{found}/tests/t.py", "plugins/x/src/x.py", "docs/p.md", ".venv/a"):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setattr(wheel_tests, "ROOT", tmp_path / "root")
    copied = wheel_tests.copy_without_sources(tmp_path / "checkout")
    files = [path.relative_to(copied).as_posix() for path in sorted(copied.rglob("*")) if path.is_file()]
    assert files == ["docs/p.md", f"{found}/tests/t.py", "plugins/x/src/x.py"]


def test_tests_that_are_left_out_exist() -> None:
    """What is left out, as it reads the sources, is still where it is said to be."""
    assert all((ROOT / path).exists() for path in wheel_tests.SOURCE_TESTS)


def test_packages_and_libraries_of_azures_worker_are_those_of_the_makefile() -> None:
    """The environment with the wheels has the same libraries as the one for development."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert f"$(AZURE) {' '.join(wheel_tests.AZURE_WORKER)}\n" in makefile
    assert f"FOUND := {' '.join(wheel_tests.FOUND)}\n" in makefile


def test_a_folder_without_wheels_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without wheels the usage is printed, and the exit code is 2."""
    assert wheel_tests.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("usage: python -m tools.wheel_tests DIST")
