"""What a rollback without a number puts back: what readers saw before the present version came; and what is forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.services.site import NOW, add_version, make_site, ref
from tidegate.errors import StaleVersionError, VersionNotFoundError
from tidegate.model import Probed, Product, Slo
from tidegate.services.publish import publish_by_hand, rollback, tidy
from tidegate.services.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Versions 1 to 3 were published one after the other; 4 is held."""
    site = make_site(tmp_path)
    add_version(site, 1, "create table t as select 1 as id")
    for number in (2, 3, 4):
        add_version(site, number, parent=number - 1, publish=number < 4)
    return site


def back(site: Site, number: int | None = None) -> int:
    return rollback(site, number, reason="so", wait_s=0).number


def show(site: Site, number: int) -> None:
    publish_by_hand(site, number, reason="so", wait_s=0)


def gone(site: Site, number: int) -> None:
    """Forgotten as the retention rule does it."""
    site.state.append([site.event("version.pruned", f"version:{number}", {"reason": "retention"})])
    site.warehouse.discard(number)


def test_each_rollback_goes_one_back_and_the_last_one_is_refused(site: Site) -> None:
    assert [back(site), back(site)] == [2, 1]
    with pytest.raises(VersionNotFoundError, match="before version `1` is kept"):
        back(site)
    assert site.warehouse.published() == 1


def test_before_a_held_version_that_was_published_by_hand_came_a_later_one(site: Site) -> None:
    add_version(site, 5, parent=3)
    show(site, 4)
    assert back(site) == 5
    assert back(site) == 3


def test_an_older_version_that_was_published_by_hand_is_undone(site: Site) -> None:
    show(site, 1)
    assert back(site) == 3, "and not what came before version 1 was published first, which is nothing"
    assert back(site) == 2


def test_after_a_rollback_to_a_number_it_is_that_numbers_past_that_counts(site: Site) -> None:
    assert back(site, 2) == 2
    assert back(site) == 1


def test_a_version_that_came_after_a_rollback_is_undone_to_where_it_was_built(site: Site) -> None:
    back(site)
    add_version(site, 5, parent=2)
    assert back(site) == 2


def test_what_is_gone_is_passed_over(site: Site) -> None:
    gone(site, 2)
    assert back(site) == 1


def test_what_is_gone_is_passed_over_there_and_back(site: Site) -> None:
    """Version 3 was shown, then 2 again, and 3 is gone."""
    show(site, 2)
    gone(site, 3)
    assert back(site) == 1


def test_versions_that_the_ledger_only_found_on_the_disk_are_put_back_by_number(site: Site, tmp_path: Path) -> None:
    for version in site.state.versions():
        site.warehouse.describe(version, {})
    site.state.close()
    (tmp_path / "state.db").unlink()
    afresh = make_site(tmp_path)
    assert [back(afresh), back(afresh)] == [2, 1]


def test_what_was_written_since_is_not_put_back(site: Site) -> None:
    (site.warehouse.state_folder(2) / "cursor").touch()
    with pytest.raises(StaleVersionError, match="somebody wrote to the state that travels with it"):
        back(site)
    assert site.warehouse.published() == 3


@pytest.mark.parametrize(
    ("window", "left"),
    [(timedelta(days=30), [300, 399]), (timedelta(days=500), [300, 399, 401, 499])],
)
def test_answers_of_probes_are_forgotten_when_no_service_level_looks_at_them(
    site: Site, window: timedelta, left: list[int]
) -> None:
    product = Product(name="shop", tables=(ref("t"),), owner=None, tier=2, slo=Slo(window=window))
    site = replace(site, settings=replace(site.settings, products=(product,)))
    ages = [300, 399, 401, 499, 501]
    site.state.save_probed(
        [Probed(product="shop", probe="web", at=NOW - timedelta(days=n), answered=True, latency_s=0.1) for n in ages]
    )
    tidy(site)
    assert sorted((NOW - p.at).days for p in site.state.probed(since=NOW - timedelta(days=999))) == left
