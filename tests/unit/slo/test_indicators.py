"""What readers saw as good and bad time: each indicator by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tidegate.model import Band, Check, CheckResult, DatasetRef, Finding, Interval, Layer, Outcome, Publication
from tidegate.model.slo import Probe, Probed
from tidegate.slo import NOTHING_KNOWN, availability, completeness, freshness, latency, metric, quality, shown, tally

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(hours=48)
ORDERS, ITEMS = DatasetRef(namespace="marts", name="orders"), DatasetRef(namespace="marts", name="items")


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def publication(version: int, hour: float, kind: str = "publish") -> Publication:
    return Publication(version=version, previous=None, kind=kind, at=at(hour), actor="a", reason="")


def result(
    outcome: Outcome,
    *,
    table: DatasetRef = ORDERS,
    name: str = "c",
    failures: int | None = 0,
    evaluated: int | None = 10,
) -> CheckResult:
    check = Check(id=f"{table}/{name}", name=name, dataset=table, kind="rule")
    return CheckResult(check=check, outcome=outcome, reason="", failures=failures, evaluated=evaluated)


def finding(
    kind: str,
    *,
    table: DatasetRef = ORDERS,
    observed: float | None = None,
    centre: float = 100,
    share: float | None = None,
) -> Finding:
    band = Band(low=centre * 0.9, high=centre * 1.1, centre=centre, method="m", points=9)
    return Finding(
        key="k",
        kind=kind,
        layer=Layer.DATA,
        dataset=table,
        sentence="s",
        holds=True,
        observed=observed,
        expected=None if observed is None else band,
        affected_share=share,
    )


def bad_hours(track, start: float = 0, end: float = 48) -> tuple[float, float, float]:
    found = tally(track, Interval(start=at(start), end=at(end)))
    return found.good_s / 3600, found.bad_s / 3600, found.unknown_s / 3600


def test_freshness_burns_although_nobody_runs_anything() -> None:
    track = freshness(shown([publication(1, 2)], NOW), {1: at(1)}, timedelta(hours=24))
    assert bad_hours(track) == (23, 23, 2)  # from its publication at 2, good until 25; nothing is known before


def test_a_rollback_makes_data_old_at_once() -> None:
    seen = shown([publication(2, 20), publication(1, 1), publication(1, 30, "rollback")], NOW)
    track = freshness(seen, {1: at(0), 2: at(19)}, timedelta(hours=24))
    assert bad_hours(track, 20, 30) == (10, 0, 0)
    assert bad_hours(track, 30, 48) == (0, 18, 0)


def test_the_age_of_an_adopted_database_is_unknown_until_it_is_too_old_anyhow() -> None:
    track = freshness(shown([publication(1, 0, "adopt")], NOW), {1: at(0)}, timedelta(hours=24))
    assert bad_hours(track) == (0, 24, 24)


def test_a_publication_of_later_is_not_seen_yet() -> None:
    assert shown([publication(1, 60)], NOW) == ()


def test_quality_counts_the_checks_that_passed() -> None:
    results = [result(Outcome.PASS), result(Outcome.PASS), result(Outcome.FAIL), result(Outcome.WARN)]
    noise = [result(Outcome.SKIPPED)]
    assert quality([*results, *noise], of_rows=False) == (0.5, 0.5)


def test_a_check_that_could_not_tell_or_looked_at_nothing_is_unknown() -> None:
    results = [result(Outcome.PASS), result(Outcome.ERROR), result(Outcome.PASS, evaluated=0), result(Outcome.FAIL)]
    assert quality(results, of_rows=False) == (0.25, 0.25)
    assert quality([], of_rows=False) == NOTHING_KNOWN


def test_quality_of_rows_counts_rows() -> None:
    results = [result(Outcome.FAIL, failures=1), result(Outcome.PASS, evaluated=30), result(Outcome.FAIL, failures=99)]
    good, bad = quality(results, of_rows=True)
    assert bad == pytest.approx(11 / 50)  # no check fails more rows than it looked at
    assert good + bad == pytest.approx(1)
    assert quality([result(Outcome.ERROR, failures=None)], of_rows=True) == NOTHING_KNOWN


@pytest.mark.parametrize(
    ("outcome", "shares"),
    [
        (Outcome.PASS, (1.0, 0.0)),
        (Outcome.WARN, (0.0, 1.0)),
        (Outcome.FAIL, (0.0, 1.0)),
        (Outcome.ERROR, NOTHING_KNOWN),
        (Outcome.SKIPPED, NOTHING_KNOWN),
    ],
)
def test_a_metric_is_as_its_check(outcome: Outcome, shares: tuple[float, float]) -> None:
    assert metric([result(outcome, name="kpi")], "kpi") == shares
    assert metric([result(outcome, name="another")], "kpi") == NOTHING_KNOWN


def test_completeness_is_how_many_of_the_expected_rows_are_there() -> None:
    tables = {ORDERS, ITEMS}
    assert completeness([], tables=tables, before=tables) == (1.0, 0.0)
    assert completeness([finding("volume", observed=40)], tables=tables, before=tables) == (0.7, 0.3)
    assert completeness([finding("volume", observed=250)], tables=tables, before=tables) == (1.0, 0.0)
    assert completeness([finding("quarantine", share=0.5)], tables=tables, before=tables) == (0.75, 0.25)
    assert completeness([finding("nulls", share=0.5)], tables=tables, before=tables) == (1.0, 0.0)


def test_a_table_that_is_gone_is_missing_and_a_new_one_unknown() -> None:
    assert completeness([], tables={ORDERS}, before={ORDERS, ITEMS}) == (0.5, 0.5)
    assert completeness([], tables={ORDERS, ITEMS}, before={ORDERS}) == (0.5, 0.0)
    assert completeness([], tables=(), before=()) == NOTHING_KNOWN


WEB = Probe(product="revenue", name="web", every=timedelta(hours=1), timeout=timedelta(seconds=5), http="http://x")
SQL = Probe(product="revenue", name="sql", every=timedelta(hours=1), timeout=timedelta(seconds=5), sql="select 1")


def probed(
    hour: float, *, right: bool = True, probe: str = "web", took: float | None = 0.1, late: bool = False
) -> Probed:
    return Probed(product="revenue", probe=probe, at=at(hour), answered=right, latency_s=took, timed_out=late)


def test_an_answer_counts_until_the_next_and_at_most_twice_as_long_as_between_two() -> None:
    track = availability([probed(0), probed(1, right=False), probed(2)], [WEB], NOW)
    assert bad_hours(track, 0, 10) == (3, 1, 6)


def test_a_product_is_available_when_every_probe_is_answered() -> None:
    answers = [probed(0), probed(1), probed(0, probe="sql"), probed(1, probe="sql", right=False)]
    assert bad_hours(availability(answers, [WEB, SQL], NOW), 0, 3) == (1, 2, 0)
    silent = [probed(0), probed(1), probed(2), probed(0, probe="sql")]
    assert bad_hours(availability(silent, [WEB, SQL], NOW), 0, 4) == (2, 0, 2)


def test_a_new_probe_makes_nothing_unknown_that_was_known_before() -> None:
    answers = [probed(0), probed(1), probed(2), probed(2, probe="sql")]
    assert bad_hours(availability(answers, [WEB, SQL], NOW), 0, 4) == (4, 0, 0)


def test_a_probe_that_is_not_configured_any_more_does_not_count() -> None:
    assert bad_hours(availability([probed(0, right=False, probe="old"), probed(0)], [WEB], NOW), 0, 2) == (2, 0, 0)


def test_latency_is_of_answers_and_a_timeout_is_too_slow() -> None:
    answers = [
        probed(0),
        probed(1, took=3),
        probed(2, right=False, took=None),
        probed(3, right=False, took=None, late=True),
    ]
    track = latency(answers, [WEB], timedelta(seconds=2), NOW)
    assert bad_hours(track, 0, 5) == (1, 3, 1)
