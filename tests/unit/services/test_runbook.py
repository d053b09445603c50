"""Which sections an incident shows, and what stands in their fields."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from importlib import resources

import pytest

from tidegate.errors import RunbookError
from tidegate.model import (
    Band,
    DatasetRef,
    Finding,
    Incident,
    IncidentState,
    Layer,
    Segment,
    Severity,
    Slice,
)
from tidegate.services import runbook
from tidegate.services.runbook import Section

NOW = datetime(2026, 8, 23, tzinfo=UTC)
ORDERS = DatasetRef(namespace="raw", name="orders")
LOST = Finding(
    key="raw.orders/volume",
    kind="volume",
    layer=Layer.DATA,
    dataset=ORDERS,
    column="amount",
    sentence="raw.orders has 611 rows.",
    holds=True,
    observed=611.0,
    expected=Band(low=1180.4, high=1420.0, centre=1300.0, method="median", points=20),
    slice=Slice(segment=Segment(column="country", value="DE"), share=0.92, observed=1.0, expected=690.0),
    since="2026-08-22",
    sql="select 1\nfrom raw.orders",
)
INCIDENT = Incident(
    number=7,
    fingerprint=LOST.key,
    title="orders are missing",
    state=IncidentState.OPEN,
    severity=Severity.SEV2,
    reasons=(),
    version=12,
    run="r1",
    opened_at=NOW,
    updated_at=NOW,
    findings=(LOST,),
    products=("revenue",),
)


def sections(text: str, source: str = "runbooks/orders.md", **bound: tuple[str, ...]) -> tuple[Section, ...]:
    return runbook.read(text, source, bound=bound)


def shown(own: str, built_in: str = "", incident: Incident = INCIDENT) -> list[tuple[str, str]]:
    found = runbook.advice(
        incident, sections(own), sections(built_in, "volume.md"), runbook.values(incident, published=11)
    )
    return [(a.title, a.text) for a in found]


def test_a_file_is_cut_at_its_second_level() -> None:
    found = sections(
        "# Orders\n\nAsk Ann.\n\n## Missing rows\nlook\n### deeper\nmore\n\n```\n## no heading\n```\n\n## Empty\n\n## Late\nwait"
    )
    assert [(s.title, s.line, s.text) for s in found] == [
        ("Orders", 1, "Ask Ann."),
        ("Missing rows", 5, "look\n### deeper\nmore\n\n```\n## no heading\n```"),
        ("Late", 16, "wait"),
    ]


def test_what_a_section_is_for_stands_below_its_heading_and_for_all_before_the_first() -> None:
    text = "<!-- for: table=raw.* -->\n\n## Lost\n<!-- for: kind=volume,segment -->\nlook\n<!-- for: kind=late -->\n## Any\nask"
    lost, anything = sections(text, product=("revenue",))
    assert lost.bound == {"product": ("revenue",), "table": ("raw.*",), "kind": ("volume", "segment")}
    assert lost.text == "look\n<!-- for: kind=late -->"  # a comment further down is the author's own
    assert anything.bound == {"product": ("revenue",), "table": ("raw.*",)}


@pytest.mark.parametrize("said", ["kinds=volume", "kind", "kind=", "kind=a,,b", "volume"])
def test_a_binding_to_nothing_is_an_error_with_its_line(said: str) -> None:
    with pytest.raises(RunbookError, match=r"`runbooks/orders\.md:3`") as told:
        sections(f"# Orders\n## Lost\n<!-- for: {said} -->\nlook")
    assert "kind, table, column, product, severity" in told.value.hint


@pytest.mark.parametrize(
    ("said", "is_shown"),
    [
        ("kind=volume", True),
        ("kind=freshness,vol*", True),
        ("kind=freshness", False),
        ("table=raw.*", True),
        ("table=marts.*", False),
        ("kind=volume table=marts.*", False),
        ("product=revenue column=amount severity=sev[12]", True),
        ("product=stock", False),
        ("severity=sev1", False),
    ],
)
def test_a_section_is_shown_when_all_of_its_bindings_fit(said: str, is_shown: bool) -> None:
    assert bool(shown(f"## Lost\n<!-- for: {said} -->\nlook")) == is_shown


def test_a_finding_without_a_table_fits_no_table() -> None:
    step = dataclasses.replace(INCIDENT, findings=(dataclasses.replace(LOST, dataset=None, column=None, kind="step"),))
    assert shown("## A\n<!-- for: table=* -->\nlook\n## B\nask", incident=step) == [("B", "ask")]


def test_the_shipped_section_stands_back_for_one_of_the_team_about_that_kind() -> None:
    built_in = "## Too few\n<!-- for: kind=volume -->\ncount"
    assert shown("## Ours\n<!-- for: kind=volume -->\nlook", built_in) == [("Ours", "look")]
    assert shown("## Ours\nlook", built_in) == [("Ours", "look"), ("Too few", "count")]
    assert shown("", built_in) == [("Too few", "count")]


def test_sections_follow_the_findings_and_come_once() -> None:
    late = dataclasses.replace(LOST, key="b", kind="freshness")
    both = dataclasses.replace(INCIDENT, findings=(late, LOST, LOST))
    text = "## Lost\n<!-- for: kind=volume -->\nlook\n## Late\n<!-- for: kind=freshness -->\nwait\n## Any\nask"
    assert [title for title, _ in shown(text, incident=both)] == ["Late", "Any", "Lost"]


def test_fields_are_filled_in_and_lines_without_a_value_left_out() -> None:
    text = (
        "## Lost\nIncident {{incident}} ({{ severity }}): {{sentence}}.\n{{slice}} since {{since}}\nask {{owner}}\n\n\n\n"
        "{{observed}}, not {{expected}}; version {{version}} beside {{published}}\n```sql\n{{sql}}\n```\n{{ others }}"
    )
    assert shown(text) == [
        (
            "Lost",
            (
                "Incident 7 (sev2): raw.orders has 611 rows.\ncountry = DE since 2026-08-22\n\n"
                "611, not 1,180 to 1,420; version 12 beside 11\n```sql\nselect 1\nfrom raw.orders\n```\n{{ others }}"
            ),
        )
    ]


def test_a_field_that_stands_for_nothing_is_named() -> None:
    (section,) = sections("## Lost\n{{table}} {{tabel}} {{tabel}}")
    assert runbook.filled(section, {"table": "raw.orders"}).unknown == ("tabel",)


def test_a_block_that_lost_its_statement_goes_with_it() -> None:
    (section,) = sections("## Lost\nlook\n\n```sql\n{{sql}}\n```\n")
    assert runbook.filled(section, {}).text == "look"


def test_a_share_is_said_in_percent() -> None:
    nulls = dataclasses.replace(
        LOST, kind="nulls", observed=0.31, expected=Band(low=0.01, high=0.01, centre=0.01, method="m", points=9)
    )
    values = runbook.values(dataclasses.replace(INCIDENT, findings=(nulls,)), owners=["ann", "bob", "ann"])
    assert (values["observed"], values["expected"], values["owner"]) == ("31 %", "1.0 %", "ann, bob")


def test_what_ships_can_be_read_and_names_only_fields_that_exist() -> None:
    folder = resources.files("tidegate.kit") / "runbooks"
    kinds = set()
    for file in folder.iterdir():
        for section in runbook.read(file.read_text(encoding="utf-8"), file.name):
            assert section.bound.keys() == {"kind"}, file.name
            kinds |= set(section.bound["kind"])
            assert runbook.filled(section, runbook.values(INCIDENT, published=11)).unknown == ()
    said = Finding.__doc__ or ""
    named = said[said.index("about:") + 6 : said.index("`holds`")].replace("\n", " ").strip().rstrip(".").split(",")
    assert {name.strip() for name in named} <= kinds
