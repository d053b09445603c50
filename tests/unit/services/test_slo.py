"""Service levels of a project: from its state store to accounts, findings and incidents, on a real store and warehouse."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.services.site import NOW, add_version, finding, later, make_site, ref, settings_of
from tidegate.errors import NothingCheckedError, UsageError
from tidegate.model import (
    Band,
    Check,
    CheckResult,
    IncidentState,
    Layer,
    Outcome,
    Probe,
    Probed,
    Product,
    Severity,
    Slo,
)
from tidegate.services import incidents, respond
from tidegate.services.judge import Verdict
from tidegate.services.site import Site
from tidegate.services.slo import levels, settle, watch, with_risk
from tidegate.slo import Account, Standing

ORDERS = ref("orders")
CHECK = Check(id="s.orders/amount", name="amount", dataset=ORDERS, kind="rule")
FRESH = Slo(freshness=timedelta(hours=24))


def site_of(folder: Path, slo: Slo, *, tier: int = 1, hold_risky: bool = False, **more: object) -> Site:
    product = Product(name="revenue", tables=(ORDERS,), owner="ann@example.com", tier=tier, slo=slo, **more)
    return make_site(folder, replace(settings_of(folder), products=(product,), hold_risky=hold_risky))


def scanned(site: Site, number: int, *outcomes: Outcome, findings=()) -> None:
    """Keep a scan of a version, with these results of one check each."""
    results = [
        CheckResult(check=replace(CHECK, id=f"c{n}", name=f"c{n}"), outcome=o, reason="so", failures=1, evaluated=10)
        for n, o in enumerate(outcomes)
    ]
    shape = {ORDERS: [("a", "INTEGER")]}
    site.state.save_scan(number, measurements=(), results=results, findings=findings, schemas=shape, marks={"cpu_s": 1})


def version(site: Site, number: int, *, parent: int | None = None, publish: bool = True) -> None:
    rows = f"CREATE OR REPLACE TABLE orders AS SELECT range AS a FROM range({number})"
    add_version(site, number, "CREATE SCHEMA IF NOT EXISTS s", "USE s", rows, parent=parent, publish=publish)


def account(site: Site, name: str) -> Account:
    return next(s.account for s in settle(site, site.settings.products) if s.account.objective.name == name)


def known(site: Site) -> list[tuple[str, IncidentState, Severity]]:
    return [(i.fingerprint, i.state, i.severity) for i in site.state.incidents()]


def test_freshness_burns_while_nobody_runs_anything(tmp_path: Path) -> None:
    site = site_of(tmp_path, FRESH)
    version(site, 1)
    assert account(later(site, hours=24), "freshness").tally.bad_s == 0
    found = account(later(site, hours=30), "freshness")
    assert (found.tally.good_s, found.tally.bad_s) == (24 * 3600, 6 * 3600)
    assert found.bad_since == NOW + timedelta(hours=24)
    assert account(later(site, hours=32), "freshness").standing is Standing.MISSED


def test_a_held_version_costs_freshness_and_no_quality(tmp_path: Path) -> None:
    site = site_of(tmp_path, replace(FRESH, quality=0.9))
    version(site, 1)
    scanned(site, 1, Outcome.PASS)
    version(later(site, hours=20), 2, parent=1, publish=False)
    scanned(site, 2, Outcome.FAIL)
    after = later(site, hours=30)
    assert account(after, "quality").actual == 1.0
    assert account(after, "freshness").tally.bad_s == 6 * 3600


def test_quality_is_that_of_the_version_that_readers_see(tmp_path: Path) -> None:
    site = site_of(tmp_path, Slo(quality=0.9, metrics=(("c1", 0.9),)))
    version(site, 1)
    scanned(site, 1, Outcome.PASS, Outcome.PASS)
    version(later(site, hours=10), 2, parent=1)
    scanned(site, 2, Outcome.PASS, Outcome.WARN)
    found = account(later(site, hours=20), "quality")
    assert (found.tally.good_s, found.tally.bad_s) == (15 * 3600, 5 * 3600)
    assert account(later(site, hours=20), "c1").actual == 0.5


def test_what_was_never_measured_is_unknown(tmp_path: Path) -> None:
    site = site_of(tmp_path, Slo(quality=0.9, completeness=0.9))
    version(site, 1)
    after = later(site, hours=5)
    assert [account(after, n).standing for n in ("quality", "completeness")] == [Standing.UNKNOWN] * 2


def test_completeness_is_unknown_until_there_is_something_to_compare_with(tmp_path: Path) -> None:
    site = site_of(tmp_path, Slo(completeness=0.9))
    version(site, 1)
    scanned(site, 1)
    version(later(site, hours=1), 2, parent=1)
    band = Band(low=90, high=110, centre=100, method="m", points=9)
    fewer = replace(finding("orders", kind="volume"), observed=40.0, expected=band)
    scanned(site, 2, findings=[fewer])
    found = account(later(site, hours=2), "completeness").tally
    assert (found.unknown_s, found.good_s, found.bad_s) == pytest.approx((3600, 1440, 2160))
    deaf = replace(later(site, hours=2), settings=replace(site.settings, learned="off"))
    assert account(deaf, "completeness").tally.known_s == 0


def test_answers_of_probes_are_availability_and_latency(tmp_path: Path) -> None:
    probe = Probe(
        product="revenue", name="web", http="http://x", every=timedelta(hours=1), timeout=timedelta(seconds=9)
    )
    site = site_of(tmp_path, Slo(availability=0.99, latency=timedelta(seconds=1)), probes=(probe,))
    answers = [(0, True, 0.2), (1, True, 3.0), (2, False, None)]
    site.state.save_probed(
        Probed(product="revenue", probe="web", at=NOW + timedelta(hours=h), answered=right, latency_s=took)
        for h, right, took in answers
    )
    after = later(site, hours=4)
    assert account(after, "availability").tally.bad_s == 2 * 3600
    assert account(after, "latency").tally.bad_s == 3600
    assert account(later(site, hours=5), "availability").known_now is False


def test_an_incident_of_a_promise_names_the_published_version_if_there_is_one(tmp_path: Path) -> None:
    probe = Probe(
        product="revenue", name="web", http="http://x", every=timedelta(hours=1), timeout=timedelta(seconds=9)
    )
    site = site_of(tmp_path, Slo(availability=0.99), probes=(probe,))
    silent = [Probed(product="revenue", probe="web", at=NOW, answered=False, latency_s=None)]
    site.state.save_probed(silent)
    assert [i.version for i in watch(later(site, hours=1), run=None)] == [0]
    known = site_of(tmp_path / "known", Slo(availability=0.99), probes=(probe,))
    version(known, 1)
    version(known, 2, parent=1)
    version(known, 3, parent=2, publish=False)
    known.state.save_probed(silent)
    assert [i.version for i in watch(later(known, hours=1), run=None)] == [2]


def test_a_promise_is_one_incident_however_often_it_is_looked_at(tmp_path: Path) -> None:
    site = site_of(tmp_path, FRESH)
    version(site, 1)
    assert levels(later(site, hours=20)).incidents == ()
    for hours in (25, 26, 40, 60):
        found = levels(later(site, hours=hours))
        assert not found.is_fine
        assert len(found.incidents) == 1
    (incident,) = site.state.incidents()
    assert (incident.fingerprint, incident.layer, incident.products) == (
        "slo/revenue/freshness",
        Layer.BUSINESS,
        ("revenue",),
    )
    assert incident.seen == 1
    assert "tell ann@example.com" in incident.reasons
    assert "the freshness of `revenue`" in incident.title


def test_it_is_mitigated_by_fresh_data_and_not_before(tmp_path: Path) -> None:
    site = site_of(tmp_path, FRESH)
    version(site, 1)
    watch(later(site, hours=30), run=None)
    version(later(site, hours=31), 2, parent=1)
    watch(later(site, hours=31), run=None)
    assert site.state.incidents()[0].state is IncidentState.OPEN  # the last five minutes still burn
    watch(later(site, hours=32), run=None)
    assert site.state.incidents()[0].state is IncidentState.MITIGATED
    watch(later(site, hours=34), run=None)
    assert site.state.incidents()[0].state is IncidentState.MITIGATED


def test_when_it_was_resolved_only_new_bad_time_opens_it_again(tmp_path: Path) -> None:
    site = site_of(tmp_path, FRESH)
    version(site, 1)
    watch(later(site, hours=60), run=None)
    version(later(site, hours=60), 2, parent=1)
    respond.resolve(later(site, hours=61), 1, reason="so", resolution="fixed")
    watch(later(site, hours=70), run=None)
    assert account(later(site, hours=70), "freshness").standing is Standing.MISSED
    assert site.state.incidents()[0].state is IncidentState.RESOLVED
    watch(later(site, hours=86), run=None)
    (incident,) = site.state.incidents()
    assert (incident.state, incident.seen) == (IncidentState.OPEN, 2)


@pytest.mark.parametrize(("tier", "severity"), [(1, Severity.SEV1), (2, Severity.SEV2), (4, Severity.SEV3)])
def test_a_fast_burn_is_as_severe_as_the_product_matters(tmp_path: Path, tier: int, severity: Severity) -> None:
    site = site_of(tmp_path, FRESH, tier=tier)
    version(site, 1)
    watch(later(site, hours=25), run=None)
    assert [found[2] for found in known(site)] == [severity]


def test_publishing_a_version_does_not_end_it(tmp_path: Path) -> None:
    """Other incidents are mitigated when a version without their cause is published."""
    site = site_of(tmp_path, FRESH)
    version(site, 1)
    watch(later(site, hours=30), run=None)
    assert incidents.mitigated(site, [], version=2) == []
    assert incidents.accepted(site, version=1, reason="so") == []


def test_while_a_run_holds_the_lock_it_is_told_and_not_recorded(tmp_path: Path) -> None:
    site = site_of(tmp_path, FRESH)
    version(site, 1)
    after = later(site, hours=40)
    other = make_site(tmp_path, site.settings)
    with other.warehouse.lock(owner="run", wait_s=0):
        assert not levels(after).is_fine
        assert site.state.incidents() == ()
    levels(after)
    assert len(site.state.incidents()) == 1


def test_what_promises_nothing_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(NothingCheckedError, match="no product promises anything"):
        levels(site_of(tmp_path, Slo()))


def test_an_unknown_product_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no product `revenu`"):
        levels(site_of(tmp_path, FRESH), products=["revenu"])


# --- the gate


STRICT = Slo(quality=0.99)


def spent(folder: Path, *, hold_risky: bool = True, slo: Slo = STRICT) -> Site:
    """A project whose quality was bad for half of the time."""
    site = site_of(folder, slo, hold_risky=hold_risky)
    version(site, 1)
    scanned(site, 1, Outcome.PASS, Outcome.WARN)
    return later(site, days=20)


WARNED = CheckResult(check=CHECK, outcome=Outcome.WARN, reason="3 rows", failures=3, evaluated=9)
CALM = Verdict(results=(replace(WARNED, outcome=Outcome.PASS),), findings=(), notes=())
RISKY = replace(CALM, results=(WARNED,))


def test_a_spent_budget_holds_a_version_that_comes_with_a_warning(tmp_path: Path) -> None:
    (held,) = with_risk(spent(tmp_path), RISKY, version=2).findings
    assert (held.holds, held.kind, held.key, held.product) == (True, "budget", "slo/revenue/quality/held", "revenue")
    assert held.sentence.startswith("version 2 comes with 1 warning (amount: 3 rows) while the error budget")


def test_or_with_a_finding_that_would_not_hold(tmp_path: Path) -> None:
    told = finding("orders", holds=False)
    findings = with_risk(spent(tmp_path), replace(CALM, findings=(told,)), version=2).findings
    assert [f.holds for f in findings] == [False, True]


def test_a_version_without_a_doubt_is_published(tmp_path: Path) -> None:
    assert with_risk(spent(tmp_path), CALM, version=2) == CALM


def test_a_budget_that_is_not_spent_holds_nothing(tmp_path: Path) -> None:
    assert with_risk(spent(tmp_path, slo=Slo(quality=0.5)), RISKY, version=2) == RISKY


def test_nor_does_it_unless_the_project_asks_for_it(tmp_path: Path) -> None:
    assert with_risk(spent(tmp_path, hold_risky=False), RISKY, version=2) == RISKY


def test_a_spent_freshness_holds_nothing_because_holding_would_spend_more(tmp_path: Path) -> None:
    site = spent(tmp_path, slo=FRESH)
    assert account(site, "freshness").standing is Standing.MISSED
    assert with_risk(site, RISKY, version=2) == RISKY
