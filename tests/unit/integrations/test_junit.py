"""JUnit XML as Jenkins and GitLab read it: the elements and attributes of junit-10.xsd, counts that add up, unique names."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from tests.unit.integrations.reports import NASTY, made, outcome
from tidegate.integrations import junit
from tidegate.services.report import report

ALLOWED = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, ["testsuite"]),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
        ["properties", "testcase"],
    ),
    "properties": (set(), ["property"]),
    "property": ({"name", "value"}, []),
    "testcase": ({"name", "classname", "time", "file", "line"}, ["skipped", "error", "failure", "system-out"]),
    "failure": ({"message", "type"}, []),
    "error": ({"message", "type"}, []),
    "skipped": ({"message"}, []),
    "system-out": (set(), []),
}
"""By element: its attributes and its children, of those that the xunit plug-in's junit-10.xsd allows or has allowed: newer
releases of it leave `file` and `line` out, which GitLab and pytest have; Jenkins' own junit step validates nothing."""

REQUIRED = {"testsuite": {"name", "tests", "failures", "errors"}, "testcase": {"name", "classname"}}


@pytest.fixture(scope="module")
def root() -> ElementTree.Element:
    return ElementTree.fromstring(junit.render(made()))


def test_elements_and_attributes_are_those_of_the_schema(root: ElementTree.Element) -> None:
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.attrib) <= attributes
        assert set(element.attrib) >= REQUIRED.get(element.tag, set())
        assert {child.tag for child in element} <= set(children)
        for name in ("tests", "failures", "errors", "skipped", "line"):
            assert element.get(name, "0").isdecimal()
        assert re.fullmatch(r"\d+\.\d{3}", element.get("time", "0.000"))
    for suite in root:
        assert [child.tag for child in suite][:1] == ["properties"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp", ""))


def test_the_counts_are_what_is_there(root: ElementTree.Element) -> None:
    for element in (root, *root):
        cases = list(element.iter("testcase"))
        assert int(element.get("tests", "")) == len(cases)
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            if element is not root or name != "skipped":
                assert int(element.get(name, "")) == sum(case.find(tag) is not None for case in cases)
    assert [root.get(k) for k in ("tests", "failures", "errors")] == ["9", "2", "1"]
    assert [suite.get("skipped") for suite in root] == ["0", "1", "0"]


def test_a_suite_is_a_table_and_no_case_hides_another(root: ElementTree.Element) -> None:
    assert [suite.get("name") for suite in root] == ["raw.orders", "analytics.fct_orders", "pipeline"]
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(names)) == len(names)


def test_a_failure_has_place_sql_and_masked_sample(root: ElementTree.Element) -> None:
    (case,) = [c for c in root.iter("testcase") if c.get("name") == "email filled"]
    assert (case.get("file"), case.get("line")) == ("tidegate.yml", "4")
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("type") == "not_null"
    text = failure.text or ""
    for part in ("declared in tidegate.yml:4", "19 failures in 19 rows", "WHERE email IS NULL", "***", "masked: email"):
        assert part in text
    assert "rows shown: 2 of 19" in text
    assert "hint: look at the rows" in text


def test_a_warning_passes_and_is_told(root: ElementTree.Element) -> None:
    (case,) = [c for c in root.iter("testcase") if c.get("name") == "positive"]
    assert [child.tag for child in case] == ["system-out"]
    assert (case[0].text or "").startswith("warning: 3 rows")


def test_what_xml_cannot_hold_is_written_out() -> None:
    text = junit.render(made())
    assert "\x00" not in text
    assert "\x1b" not in text
    assert r"\x00\x1b[31m" in text
    assert NASTY.encode()[-4:].decode() in text


def test_a_report_of_nothing_is_a_document() -> None:
    root = ElementTree.fromstring(junit.render(report(outcome((), ()))))
    assert (root.tag, root.get("tests"), len(root)) == ("testsuites", "0", 0)
