"""Every adapter: an existing database becomes version 1, and is left alone unless it is to be replaced by a link."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conformance.warehouse.adapters import House
from tidegate.errors import DatabaseNotFoundError
from tidegate.ports import Candidate, Warehouse


@pytest.fixture
def existing(house: House, warehouse: Warehouse, tmp_path: Path) -> Path:
    """The user's own database, which no warehouse knows."""
    original = tmp_path / "my data" / "shop.duckdb"
    original.parent.mkdir()
    stranger = Candidate(
        number=0,
        parent=None,
        folder=original.parent,
        database=original,
        stable_database=original,
        state=original.parent,
        copied_bytes=0,
        copy_s=0,
        copy_method="none",
    )
    house.write(stranger, "CREATE TABLE kept AS SELECT 42 AS answer")
    return original


def test_an_adopted_database_is_copied_and_left_alone(house: House, warehouse: Warehouse, existing: Path):
    before = existing.read_bytes()
    candidate = warehouse.adopt(existing, number=1, link_back=False)
    assert (candidate.number, candidate.parent) == (1, None)
    assert candidate.copied_bytes == len(before)
    assert warehouse.published() is None
    warehouse.seal(1)
    warehouse.publish(1)
    assert house.read_live("SELECT answer FROM kept") == [(42,)]
    assert not existing.is_symlink()
    assert existing.read_bytes() == before
    assert [p.name for p in existing.parent.iterdir()] == ["shop.duckdb"]


def test_an_adopted_database_becomes_a_link_once_the_version_is_live(
    house: House, warehouse: Warehouse, existing: Path
):
    warehouse.adopt(existing, number=1, link_back=True)
    warehouse.seal(1)
    warehouse.publish(1)
    assert not existing.is_symlink()
    assert house.open().unlinked(1) == existing
    assert house.open().link_back(1)
    assert existing.is_symlink()
    assert existing.samefile(warehouse.public_path())
    assert house.open().unlinked(1) is None
    assert house.open().link_back(1), "it can be repeated"


def test_an_adopted_database_that_was_written_since_is_left_alone(warehouse: Warehouse, existing: Path):
    warehouse.adopt(existing, number=1, link_back=True)
    warehouse.seal(1)
    warehouse.publish(1)
    existing.write_bytes(existing.read_bytes() + b"more")
    assert not warehouse.link_back(1)
    assert not existing.is_symlink()
    assert warehouse.unlinked(1) == existing
    warehouse.let_original_be(1)
    assert warehouse.unlinked(1) is None
    assert warehouse.link_back(1)
    assert not existing.is_symlink()


def test_what_is_written_to_an_adopted_database_afterwards_is_known_by_its_time(
    house: House, warehouse: Warehouse, existing: Path
):
    """A commit may be in the log beside it for long; through a link the warehouse itself is written."""
    wanted = datetime(2026, 3, 1, 6, tzinfo=UTC)
    os.utime(existing, (0, wanted.timestamp()))
    assert warehouse.written_at(existing) == wanted
    log = existing.with_name(f"{existing.name}.wal")
    log.touch()
    os.utime(log, (0, wanted.timestamp() + 60))
    assert warehouse.written_at(existing) == wanted + timedelta(minutes=1)
    (existing.parent / "link").symlink_to(existing)
    assert warehouse.written_at(existing.parent / "link") is None
    assert warehouse.written_at(existing.parent / "nothing.duckdb") is None


def test_adoption_can_be_repeated(warehouse: Warehouse, house: House, existing: Path):
    warehouse.adopt(existing, number=1, link_back=True)
    house.open().adopt(existing, number=1, link_back=False)
    warehouse.seal(1)
    warehouse.publish(1)
    assert warehouse.unlinked(1) is None
    assert warehouse.link_back(1)
    assert not existing.is_symlink()


def test_there_is_no_database_to_adopt(warehouse: Warehouse, tmp_path: Path):
    with pytest.raises(DatabaseNotFoundError, match=r"nothing\.duckdb"):
        warehouse.adopt(tmp_path / "nothing.duckdb", number=1, link_back=False)
    assert warehouse.kept() == ()
    assert not (tmp_path / "nothing.duckdb").exists()
