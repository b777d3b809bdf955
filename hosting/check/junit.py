"""A report as JUnit XML, the format in which CI servers show tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from hosting.check.report import Finding, Report
from hosting.check.rules import RULES

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PREFIXES = {"app": "APP", "extension": "EXT"}


def junit_xml(report: Report, *, strict: bool = False) -> str:
    """Return a report as an XML document with one test case for each finding, and for each rule without one.

    An error is a failed test. JUnit has no warnings: one is a skipped test, so that a server shows it and the build
    goes on as the exit code says.

    Args:
        report: the report.
        strict: whether a warning is a failed test, too.
    """
    failed = report.count("error") + (report.count("warning") if strict else 0)
    cases = [*_passed(report), *(_case(finding, strict=strict) for finding in report.findings)]
    counts = {
        "name": "hosting check",
        "tests": str(len(cases)),
        "failures": str(failed),
        "errors": "0",
        "skipped": str(len(report.findings) - failed),
    }
    suites = Element("testsuites", counts)
    SubElement(suites, "testsuite", counts).extend(cases)
    indent(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(suites, encoding="unicode")}\n'


def _passed(report: Report) -> Iterator[Element]:
    """Yield a test case for each rule of the checked kinds that has no finding and was selected."""
    prefixes = tuple(_PREFIXES[kind] for kind in report.kinds)
    found = {finding.code for finding in report.findings}
    for code, rule in RULES.items():
        if code.startswith(prefixes) and code not in found and report.includes(code):
            yield Element("testcase", {"classname": f"hosting.check.{code}", "name": f"{code} {_text(rule.title)}"})


def _case(finding: Finding, *, strict: bool) -> Element:
    attributes = {"classname": f"hosting.check.{finding.code}", "name": _text(f"{finding.code} {finding.message}")}
    if finding.file is not None:
        attributes["file"] = _text(finding.file)
    if finding.line:
        attributes["line"] = str(finding.line)
    case = Element("testcase", attributes)
    failed = strict or finding.severity == "error"
    outcome = SubElement(case, "failure" if failed else "skipped", {"message": _text(finding.message)})
    if failed:
        outcome.set("type", finding.severity)
    outcome.text = _text("\n".join(filter(None, (finding.location, finding.remedy))))
    return case


def _text(text: str) -> str:
    """Return a text with escapes in place of the characters that XML cannot have."""
    return _NOT_IN_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
