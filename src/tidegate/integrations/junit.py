"""Write a report as JUnit XML, as Jenkins, GitLab and others read it: a suite for each table, a case for each check."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from tidegate.integrations.case_text import details
from tidegate.model import Outcome
from tidegate.model.words import inert
from tidegate.services.report import Case, Report

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""

ELEMENTS = {Outcome.FAIL: "failure", Outcome.ERROR: "error", Outcome.SKIPPED: "skipped"}


def render(report: Report) -> str:
    """The document. A table's checks share its scan, so its time is divided among them evenly."""
    root = Element("testsuites", {"name": "tidegate", "time": _seconds(report.seconds), **_counts(report.cases)})
    del root.attrib["skipped"]  # the schema of Jenkins' xunit plug-in has it for suites alone
    for table in report.tables:
        cases = report.of(table)
        spent = report.seconds_of(table)
        said = {"name": xml_text(table), "timestamp": f"{report.checked_at:%Y-%m-%dT%H:%M:%S}", "time": _seconds(spent)}
        suite = SubElement(root, "testsuite", {**said, **_counts(cases)})
        properties = SubElement(suite, "properties")
        SubElement(properties, "property", name="tidegate.version", value=str(report.version))
        SubElement(properties, "property", name="tidegate.checks", value=str(report.counts))
        for case in cases:
            _case(suite, case, spent / len(cases))
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _counts(cases: tuple[Case, ...]) -> dict[str, str]:
    def number(outcome: Outcome) -> str:
        return str(sum(c.outcome is outcome for c in cases))

    return {
        "tests": str(len(cases)),
        "failures": number(Outcome.FAIL),
        "errors": number(Outcome.ERROR),
        "skipped": number(Outcome.SKIPPED),
    }


def _case(suite: Element, case: Case, seconds: float) -> None:
    element = SubElement(
        suite, "testcase", classname=xml_text(case.table), name=xml_text(case.name), time=_seconds(seconds)
    )
    if case.place:
        file, _, line = case.place.partition(":")
        element.set("file", xml_text(file))
        if line:
            element.set("line", line.partition(":")[0])
    if case.outcome in ELEMENTS:
        inner = SubElement(element, ELEMENTS[case.outcome], message=xml_text(case.message))
        if case.outcome is not Outcome.SKIPPED:
            inner.set("type", xml_text(case.kind))
            inner.text = xml_text(details(case))
    elif case.outcome is Outcome.WARN:
        SubElement(element, "system-out").text = xml_text(f"warning: {details(case)}")


def _seconds(spent: float) -> str:
    return f"{spent:.3f}"


def xml_text(text: str) -> str:
    """The text without what XML cannot hold, nor a runner that logs it may obey; it is written out instead."""
    return inert(NOT_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", text))
