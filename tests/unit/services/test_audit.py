"""Whether what readers see is still what was audited, as a finding."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.unit.services.site import add_version, make_site
from tidegate.services.audit import unaudited
from tidegate.services.publish import rollback
from tidegate.services.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


def write(site: Site, number: int) -> None:
    database = site.settings.warehouse.path / "versions" / f"{number:06d}" / "shop.duckdb"
    database.chmod(0o644)
    with duckdb.connect(str(database)) as connection:
        connection.execute("insert into t values (7)")


def test_nothing_is_found_where_nothing_is_published_or_nobody_wrote(site: Site) -> None:
    assert unaudited(site) == ()
    add_version(site, 1, "create table t as select 1 as id")
    add_version(site, 2, parent=1)
    assert unaudited(site) == ()


def test_a_version_that_somebody_wrote_to_is_a_finding_that_holds(site: Site) -> None:
    add_version(site, 1, "create table t as select 1 as id")
    add_version(site, 2, parent=1)
    write(site, 2)
    (found,) = unaudited(site)
    assert found.holds
    assert found.sentence == (
        "version 2, which readers see, was written after it was published: its database is not what was audited"
    )
    assert found.hint == f"find out who wrote to `{site.settings.warehouse.path}/versions/000002`"
    (site.warehouse.state_folder(2) / "cursor").touch()
    (both,) = unaudited(site)
    assert both.key == found.key
    assert both.sentence.endswith("its database and the state that travels with it are not what was audited")


def test_only_what_readers_see_is_looked_at(site: Site) -> None:
    add_version(site, 1, "create table t as select 1 as id")
    add_version(site, 2, parent=1)
    write(site, 2)
    rollback(site, None, reason="so", wait_s=0)
    assert unaudited(site) == ()
