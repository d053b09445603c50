"""Stages of CI as JUnit: a suite for each stage, a case for each part of it."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from tidegate.integrations.junit import ELEMENTS, xml_text
from tidegate.model import Outcome
from tidegate.services.stages import Case, StageOutcome


def as_junit(outcomes: Sequence[StageOutcome]) -> str:
    """The document."""
    root = Element("testsuites", name="tidegate ci")
    for stage in outcomes:
        suite = SubElement(root, "testsuite", {"name": stage.stage, "time": f"{stage.seconds:.3f}", **_counts(stage)})
        for case in stage.cases:
            _case(suite, stage.stage, case)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _counts(stage: StageOutcome) -> dict[str, str]:
    def number(outcome: Outcome) -> str:
        return str(sum(c.outcome is outcome for c in stage.cases))

    return {
        "tests": str(len(stage.cases)),
        "failures": number(Outcome.FAIL),
        "errors": number(Outcome.ERROR),
        "skipped": number(Outcome.SKIPPED),
    }


def _case(suite: Element, stage: str, case: Case) -> None:
    said = {"classname": f"tidegate.ci.{stage}", "name": xml_text(case.name), "time": f"{case.seconds:.3f}"}
    element = SubElement(suite, "testcase", said)
    if case.outcome in ELEMENTS:
        inner = SubElement(element, ELEMENTS[case.outcome], message=xml_text(case.message))
        if case.outcome is not Outcome.SKIPPED:
            inner.set("type", stage)
            inner.text = xml_text("\n".join([*case.lines, *([f"hint: {case.hint}"] if case.hint else [])]))
