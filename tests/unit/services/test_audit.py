"""Whether what readers see is still what was audited, as a finding."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from tests.unit.services.site import NOW, add_version, make_site
from tidegate.services.audit import passed_by, unaudited
from tidegate.services.publish import adopt, rollback
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


def test_a_loader_that_still_writes_to_the_adopted_database_is_told(tmp_path: Path) -> None:
    original = tmp_path / "mine.duckdb"
    with duckdb.connect(str(original)) as connection:
        connection.execute("create table t as select 1 as id")
    os.utime(original, (0, NOW.timestamp() - 60))
    plain = make_site(tmp_path)
    settings = replace(plain.settings, warehouse=replace(plain.settings.warehouse, adopt=original))
    site = replace(plain, settings=settings)
    assert passed_by(site) == (), "it is not adopted yet"
    assert adopt(site) == 1
    assert passed_by(site) == ()
    os.utime(original, (0, NOW.timestamp() + 60))
    (note,) = passed_by(site)
    assert note.startswith(f"`{original}` was written at 2026-03-01 06:01 UTC, after version 1 was copied from it")
    assert passed_by(plain) == (), "`adopt:` was taken out of the file"
