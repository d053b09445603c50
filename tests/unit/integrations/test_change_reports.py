"""What a change does to data, as Markdown, SARIF and JUnit: whole, harmless whatever the data is called, within the limits."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from xml.etree import ElementTree

import jsonschema
import pytest

from tests.unit.integrations.test_junit import ALLOWED, REQUIRED
from tests.unit.integrations.test_sarif import SCHEMA
from tests.unit.services.test_change import EDGES, MOVED, NODES, SAME, STATE, check, contract, result, told
from tidegate.integrations import change_reports
from tidegate.integrations.fitted import COMMENT, code_units
from tidegate.model import DatasetRef, Outcome, PipelineFacts
from tidegate.services.change import Change
from tidegate.services.diff import ColumnChange, TableDiff
from tidegate.services.doctor import Breach

NASTY = "a|b`c*<script>@everyone\n[x](y)"
BREACH = Breach(
    code="dbt-no-tests", level="error", path="m.yml", line=3, message="no test", why="w", fix="add", fixable=False
)


@pytest.fixture(scope="module")
def whole() -> Change:
    base = dataclasses.replace(
        STATE, contracts=(contract(),), checks=(check("gone"),), costs={"scan, CPU": 2.0, "version on disk, bytes": 1e6}
    )
    head = dataclasses.replace(
        STATE,
        contracts=(contract(required=False),),
        checks=(check(NASTY, declared_in="models/m.yml:7"),),
        results=(result(NASTY, Outcome.FAIL, declared_in="models/m.yml:7"), result("e", Outcome.ERROR)),
        costs={"scan, CPU": 3.0, "version on disk, bytes": 2e6},
    )
    return told(base, head, MOVED, SAME, findings=(BREACH,), untold=("what nobody knows",))


def test_a_comment_says_all_of_it(whole: Change) -> None:
    text = change_reports.comment(whole)
    for said in (
        "| contract | ❌ **breaking**",
        "1 of 2 tables differs; no model is modified",
        "❌ 2 checks failing that did not, 2 of which would hold a version; 1 removed, 1 added",
        "- what nobody knows",
        "| orders 1.0.0, write 2.0.0 | column \\`orders.id\\` | it is not required any more |",
        "| ❌ dbt-no-tests | m.yml:3 | no test | add |",
        "| raw.orders | 10 → 12 (+2) | 3 added, 1 removed, 2 changed | other values: amount |",
        "| raw.orders.amount | 10 → 9 | 2 |  |",
        "| exposure board | boss@\u200bexample.com | raw.orders |",
        "| ⚠️ removed | gone | raw.orders |",
        "| scan, CPU | 2.00 s | 3.00 s | +50 % |",
        "| version on disk, bytes | 1,000,000 | 2,000,000 | +100 % |",
    ):
        assert said in text, said
    titles = [line for line in text.splitlines() if line.startswith("###")]
    assert titles[:3] == ["### Could not be told", "### Breaking changes of contracts", "### Checks that fail now"]


def test_data_cannot_break_out(whole: Change) -> None:
    text = change_reports.comment(whole)
    assert "<script>" not in text
    assert "@everyone" not in text
    assert "a\\|b\\`c\\*&lt;script&gt;@\u200beveryone \\[x\\]\\(y\\)" in text
    assert all(line.count("|") - line.count("\\|") == 5 for line in text.splitlines() if "script" in line)


def test_nothing_to_tell_is_said() -> None:
    text = change_reports.comment(told(STATE, STATE, SAME))
    assert "| contract | there is none |" in text
    assert "0 of 1 table differ" in text
    assert "✅ none fails that did not; none added or removed" in text
    assert "###" not in text


def test_a_large_change_in_any_script_is_cut_and_counted() -> None:
    names = [f"表🧨{n}" * 10 for n in range(3_000)]
    refs = [DatasetRef(namespace="raw", name=name) for name in names]
    column = ColumnChange(name="ß" * 60, old_filled=1, new_filled=2, changed=1)
    tables = [TableDiff(ref=r, state="changed", old_rows=1, new_rows=2, columns=(column,)) for r in refs]
    head = dataclasses.replace(STATE, facts=PipelineFacts(nodes=NODES, edges=EDGES))
    found = told(STATE, head, *tables, untold=("one thing",))
    text = change_reports.comment(found)
    assert 0.8 * COMMENT < code_units(text) <= COMMENT
    assert "- one thing" in text
    assert "more left out: tables" in text
    assert "more left out: columns" in text
    assert "**Cut to fit: " in text
    summary = change_reports.summary(found, room=1_000_000)
    assert len(summary.encode()) <= 1_000_000
    assert change_reports.summary(found, room=1 << 40).count("表🧨") > 30_000, "a file has all of it"


def test_sarif_is_valid_and_has_what_stops(whole: Change) -> None:
    document = json.loads(change_reports.as_sarif(whole, below="shop", ended=datetime(2026, 1, 2, tzinfo=UTC)))
    jsonschema.Draft4Validator(SCHEMA).validate(document)
    (run,) = document["runs"]
    assert [(r["ruleId"], r["level"]) for r in run["results"]] == [
        ("contract-breaking", "error"),
        ("check-failing", "error"),
        ("check-failing", "error"),
        ("dbt-no-tests", "error"),
    ]
    places = [r["locations"][0]["physicalLocation"] for r in run["results"]]
    assert [(p["artifactLocation"]["uri"], p["region"]["startLine"]) for p in places] == [
        ("shop/tidegate.yml", 1),
        ("shop/models/m.yml", 7),
        ("shop/tidegate.yml", 1),
        ("shop/m.yml", 3),
    ]
    assert len({r["partialFingerprints"]["tidegate/v1"] for r in run["results"]}) == 4
    assert run["invocations"][0]["exitCode"] == 1
    calm = json.loads(change_reports.as_sarif(told(), below="", ended=datetime(2026, 1, 2, tzinfo=UTC)))
    jsonschema.Draft4Validator(SCHEMA).validate(calm)
    assert calm["runs"][0]["invocations"][0]["exitCode"] == 0


def test_junit_fails_what_stops_and_errs_where_nobody_could_tell(whole: Change) -> None:
    root = ElementTree.fromstring(change_reports.as_junit(whole))
    counts = {s.get("name"): (s.get("tests"), s.get("failures"), s.get("errors")) for s in root}
    assert counts == {
        "contracts": ("1", "1", "0"),
        "checks": ("2", "2", "0"),
        "doctor": ("1", "1", "0"),
        "not looked at": ("1", "0", "1"),
    }
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert REQUIRED.get(element.tag, set()) <= set(element.attrib) <= attributes
        assert {child.tag for child in element} <= set(children)
    calm = ElementTree.fromstring(change_reports.as_junit(told()))
    assert [(s.get("tests"), s.get("failures")) for s in calm] == [("1", "0")] * 3
