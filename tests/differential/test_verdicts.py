"""Every dbt test that Tidegate evaluates by itself ends as dbt ends it, with as many failures, on the same data."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from tests.differential import project
from tests.differential.cases import CASES
from tests.differential.data import ODD, tables
from tests.differential.project import Comparison, Verdict
from tidegate.checks import CHECKS, dbt_expectations, dbt_utilities
from tidegate.checks.plan import specs
from tidegate.integrations.dbt_tests import BUILT_IN
from tidegate.metrics import Vouched
from tidegate.model import MetricSpec

SUPPORTED = {*BUILT_IN, *dbt_utilities.KINDS, *dbt_expectations.KINDS}


SEEDS = range(100, 130)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return project.compare(tmp_path_factory.mktemp("differential"), [*tables(), ODD], CASES)


@pytest.fixture(scope="module")
def verdicts(comparison: Comparison) -> list[Verdict]:
    return comparison.verdicts()


@pytest.mark.slow
def test_status_and_failures_are_dbts(verdicts: list[Verdict]) -> None:
    assert [str(v) for v in verdicts if v.differs] == []


@pytest.mark.slow
def test_nothing_went_through_compiled_sql(verdicts: list[Verdict]) -> None:
    assert {v.ours.check.kind for v in verdicts if not v.case.compiled} == SUPPORTED
    assert {v.ours.check.kind for v in verdicts if v.case.compiled} == {"compiled"}


@pytest.mark.slow
def test_every_kind_passes_on_some_data_and_fails_on_other(verdicts: list[Verdict]) -> None:
    """A comparison of nothing but passes would prove nothing."""
    ended = defaultdict(set)
    for v in verdicts:
        ended[v.ours.check.kind].add(v.dbt)
    one_sided = {kind for kind, how in ended.items() if "pass" not in how or not how & {"fail", "warn"}}
    assert one_sided == set()


@pytest.mark.slow
def test_both_ran_every_case(verdicts: list[Verdict]) -> None:
    assert {id(v.case) for v in verdicts} == {id(case) for case in CASES}
    assert len(verdicts) > 2 * len([case for case in CASES if not case.on])


@pytest.mark.slow
def test_failures_are_counted_as_the_package_counts_them(comparison: Comparison) -> None:
    """A check of `tidegate.yml` has no dbt that says how."""
    for check in comparison.facts.checks:
        if "fail_calc" not in comparison.named[check.name][0].config:
            assert check.fail_calc.split() == CHECKS[check.kind].fail_calc.split(), check.kind


def turned(spec: MetricSpec, old: str, new: str) -> MetricSpec:
    """The number as an entry with a slip in its SQL would ask for it."""
    return replace(spec, argument=Vouched((spec.argument or "").replace(old, new)) if spec.argument else None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "unseen"),
    [
        (">=", ">", {"expect_column_values_to_be_within_n_moving_stdevs", "expect_row_values_to_have_recent_data"}),
        ("NOT (", "(", set()),
        (" OR ", " AND ", set()),
        ("FULL JOIN", "JOIN", set()),
        ("DISTINCT ", "", {"expect_column_distinct_values_to_contain_set"}),
        ("PARTITION BY", "ORDER BY", set()),
    ],
)
def test_a_slip_in_an_entry_is_seen(comparison: Comparison, old: str, new: str, unseen: set[str]) -> None:
    """By at least one case of each kind, but for those where only the very second of the clock would tell, or it is
    the same.
    """
    found = comparison.verdicts(broken=lambda spec: turned(spec, old, new))
    found = [v for v in found if not v.case.compiled]
    asked = {v.ours.check.kind for v in found if old in str(_main(v).argument)}
    assert asked
    assert {k.partition(".")[2] for k in asked - {v.ours.check.kind for v in found if v.differs}} <= unseen


def _main(verdict: Verdict) -> MetricSpec:
    return specs(verdict.ours.check)[0]


@pytest.mark.soak
@pytest.mark.parametrize("part", range(5))
def test_status_and_failures_are_dbts_on_drawn_data(tmp_path: Path, part: int) -> None:
    seeds = [seed for seed in SEEDS if seed % 5 == part]
    found = project.compare(tmp_path / "p", tables(seeds)[6:], CASES).verdicts()
    assert [str(v) for v in found if v.differs] == []


def test_the_real_packages_may_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert project.packages() == project.OWN_PACKAGES or os.environ.get(project.REAL_PACKAGES)
    monkeypatch.setenv(project.REAL_PACKAGES, str(tmp_path))
    assert project.packages() == tmp_path
