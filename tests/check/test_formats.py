"""The formats of a report for other programs: SARIF and JUnit XML."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from hosting.check.junit import junit_xml
from hosting.check.report import Finding, Report, finding
from hosting.check.rules import RULES
from hosting.check.sarif import sarif_document
from hosting.cli.check import check

FINDINGS = (
    finding("APP301", "there is no requirements.txt", "Write one."),
    finding("APP202", "function 'é' & <b> \x1b[31m\0\ud800 is in error\nat once", 'Write "x".', "my app/f#1.py", 7),
    finding("APP112", "proxies.json has no effect", "", "proxies.json"),
    finding("APP112", "proxies.json has no effect", "", "/elsewhere/proxies.json", 2),
)
COUNTS = {"name": "hosting check", "errors": "0", "tests": str(sum(code.startswith("APP") for code in RULES) + 1)}


def _report(*findings: Finding, root: Path = Path("/work space/shop")) -> Report:
    return Report(root, ("app",), findings)


def test_sarif_has_each_finding_with_its_rule_and_place() -> None:
    """Addresses of files are escaped, and relative to the folder unless the file is elsewhere."""
    document = sarif_document(_report(*FINDINGS))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    assert run["originalUriBaseIds"] == {"ROOT": {"uri": "file:///work%20space/shop/"}}
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["APP112", "APP202", "APP301"]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])
    assert [one["level"] for one in run["results"]] == ["error", "error", "warning", "warning"]
    places = [one["locations"][0]["physicalLocation"] for one in run["results"]]
    assert places == [
        {"artifactLocation": {"uri": ".", "uriBaseId": "ROOT"}},
        {"artifactLocation": {"uri": "my%20app/f%231.py", "uriBaseId": "ROOT"}, "region": {"startLine": 7}},
        {"artifactLocation": {"uri": "proxies.json", "uriBaseId": "ROOT"}},
        {"artifactLocation": {"uri": "file:///elsewhere/proxies.json"}, "region": {"startLine": 2}},
    ]
    assert run["results"][0]["message"] == {"text": "there is no requirements.txt\nWrite one."}


@pytest.mark.parametrize("findings", [(), FINDINGS], ids=["no finding", "findings"])
def test_sarif_has_only_properties_of_the_specification(findings: tuple[Finding, ...]) -> None:
    """The properties, and which are required, are those of the specification's schema for the parts that are used."""
    document = json.loads(json.dumps(sarif_document(_report(*findings))))
    assert set(document) == {"$schema", "version", "runs"}
    (run,) = document["runs"]
    assert set(run) <= {"tool", "originalUriBaseIds", "columnKind", "results"}
    assert set(run["tool"]["driver"]) == {"name", "version", "rules"}
    for rule in run["tool"]["driver"]["rules"]:
        assert set(rule) == {"id", "shortDescription", "fullDescription", "defaultConfiguration"}
        assert rule["shortDescription"]["text"].endswith(".")
    for result in run["results"]:
        assert set(result) == {"ruleId", "ruleIndex", "level", "message", "locations"}
        assert result["level"] in ("error", "warning")
        for place in (one["physicalLocation"] for one in result["locations"]):
            assert place.get("region", {"startLine": 1})["startLine"] >= 1


def test_sarif_places_findings_without_a_file_in_the_apps_main_file(tmp_path: Path) -> None:
    """Code scanning services leave out results without a place."""
    (tmp_path / "function_app.py").write_text("")
    (result,) = sarif_document(_report(FINDINGS[0], root=tmp_path))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "function_app.py"


def test_junit_has_a_case_for_each_finding_and_for_each_other_rule() -> None:
    """An error is a failure, a warning is skipped; characters that XML cannot have are escaped."""
    suites = ElementTree.fromstring(junit_xml(_report(*FINDINGS)))
    (suite,) = suites
    assert suites.attrib == suite.attrib == {**COUNTS, "failures": "2", "skipped": "2"}
    cases = [case for case in suite if len(case)]
    assert len(suite) - len(cases) == int(COUNTS["tests"]) - 4
    assert {case.attrib["name"][:3] for case in suite} == {"APP"}
    _, error, _, warning = cases
    assert error.attrib["name"] == "APP202 function 'é' & <b> \\u001b[31m\\u0000\\ud800 is in error\nat once"
    assert (error.attrib["file"], error.attrib["line"]) == ("my app/f#1.py", "7")
    assert (error[0].tag, error[0].attrib["type"]) == ("failure", "error")
    assert error[0].text == 'my app/f#1.py:7\nWrite "x".'
    assert warning[0].tag == "skipped"


def test_junit_of_a_strict_check_has_warnings_as_failures() -> None:
    """The document agrees with the exit code."""
    suites = ElementTree.fromstring(junit_xml(_report(FINDINGS[2]), strict=True))
    assert suites.attrib == {**COUNTS, "tests": str(int(COUNTS["tests"]) - 1), "failures": "1", "skipped": "0"}
    assert {failure.attrib["type"] for failure in suites.iter("failure")} == {"warning"}


def test_junit_has_no_case_for_a_rule_that_was_left_out() -> None:
    """A rule that was not checked has not passed."""
    suites = ElementTree.fromstring(junit_xml(_report(*FINDINGS).only(["APP1", "APP3"], ["APP30"])))
    codes = {case.attrib["name"][:6] for case in suites.iter("testcase")}
    assert {code[:4] for code in codes} == {"APP1", "APP3"}
    assert not any(code.startswith("APP30") for code in codes)


def _check(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setattr("hosting.check.run.run", lambda path: _report(*FINDINGS))
    return CliRunner().invoke(check, ["shop", *arguments])


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        ((), "error APP301 there is no requirements.txt\n"),
        (("--format", "text"), "error APP301 there is no requirements.txt\n"),
        (("--json",), '{\n  "schema_version": 1,'),
        (("--format", "json"), '{\n  "schema_version": 1,'),
        (("--format", "json", "--json"), '{\n  "schema_version": 1,'),
        (("--format", "sarif"), '{\n  "$schema": "https://docs.oasis-open.org/'),
        (("--format", "junit"), '<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="hosting check"'),
    ],
)
def test_format_is_chosen_by_an_option(
    arguments: tuple[str, ...], start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file gets the same text as standard output, which is then empty; the exit code is that of the findings."""
    file = tmp_path / "report"
    written = _check(monkeypatch, *arguments, "--output", str(file))
    assert (written.output, written.exit_code) == ("", 1)
    assert file.read_text("utf-8").startswith(start)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--format", "sarfi"), 2, "Did you mean 'sarif'?"),
        (("--format", "junit", "--json"), 2, "--json and --format junit exclude each other."),
        (("--output", "nowhere/report"), 1, "--output: nowhere/report cannot be written: No such file or directory"),
        (("--output", "."), 2, "is a directory"),
    ],
)
def test_wrong_options_are_errors(
    arguments: tuple[str, ...], code: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what is wrong."""
    done = _check(monkeypatch, *arguments)
    assert done.exit_code == code
    assert says in done.output
