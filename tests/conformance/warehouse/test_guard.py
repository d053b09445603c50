"""Every adapter: while the steps run, nothing but the candidate can be written, or it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.conformance.warehouse.adapters import House
from tests.conformance.warehouse.children import run
from tidegate.errors import StepEscapedError
from tidegate.ports import Warehouse


def try_to_write(connection: Connection, database: str) -> None:
    """What a step with a hard-coded path does: write to it, in a process of its own."""
    import duckdb

    try:
        with duckdb.connect(database) as written:
            written.execute("CREATE OR REPLACE TABLE intruder AS SELECT 1 AS x")
    except duckdb.Error as error:
        connection.send(f"refused: {error}")
    else:
        connection.send("written")


def try_to_read(connection: Connection, database: str, sql: str) -> None:
    """What a dashboard does meanwhile."""
    import duckdb

    with duckdb.connect(database, read_only=True) as reading:
        connection.send(reading.execute(sql).fetchall())


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A database that the user's own configuration names."""
    database = tmp_path / "other.duckdb"
    assert run(try_to_write, str(database)) == "written"
    return database


def test_nothing_happens_when_only_the_candidate_is_written(house: House, published: Warehouse, other: Path):
    candidate = published.begin(number=2, parent=1)
    with published.guard([other, other.with_name("not there.duckdb")]):
        house.write(candidate, "UPDATE raw.refunds SET version = 2")


def test_before_the_first_publication_there_is_only_the_rest_to_guard(warehouse: Warehouse, other: Path):
    with warehouse.guard([]):
        pass
    with warehouse.guard([other]):
        assert run(try_to_write, str(other)).startswith("refused")


def test_the_published_version_cannot_be_opened_for_writing_but_read(house: House, published: Warehouse):
    live = str(published.public_path())
    with published.guard([]):
        assert run(try_to_write, live).startswith("refused")
        assert run(try_to_read, live, "SELECT count(*) FROM raw.orders") == [(2,)]
        with published.reader(1) as reader:
            assert reader.query("SELECT count(*) FROM raw.orders").rows == ((2,),)
        assert run(try_to_write, live).startswith("refused"), "our own reader's end must not end the guard"


def test_a_link_to_the_published_version_is_guarded_as_well(published: Warehouse, tmp_path: Path):
    link = tmp_path / "shop.duckdb"
    link.symlink_to(published.public_path())
    with published.guard([link]):
        assert run(try_to_write, str(link)).startswith("refused")


def test_another_existing_database_cannot_be_written_but_read(published: Warehouse, other: Path):
    with published.guard([other]):
        assert run(try_to_write, str(other)).startswith("refused")
        assert run(try_to_read, str(other), "SELECT x FROM intruder") == [(1,)]
    assert run(try_to_write, str(other)) == "written"


def test_a_database_that_appears_is_told(published: Warehouse, tmp_path: Path):
    escaped = tmp_path / "hard coded.duckdb"
    with pytest.raises(StepEscapedError, match=r"hard coded\.duckdb` appeared"), published.guard([escaped]):
        assert run(try_to_write, str(escaped)) == "written"


@pytest.mark.parametrize("change", ["was written", "appeared", "was removed"])
def test_what_is_written_to_the_state_of_the_published_version_is_told(published: Warehouse, change: str):
    cursor = published.state_folder(1) / "cursor.txt"
    deeds = {
        "was written": (cursor, lambda: cursor.write_text("up to order 9", encoding="utf-8")),
        "appeared": (cursor.with_name("x"), cursor.with_name("x").touch),
        "was removed": (cursor, cursor.unlink),
    }
    path, deed = deeds[change]
    with pytest.raises(StepEscapedError, match=f"{path}` {change}") as caught:
        guarded(published, [], deed)
    assert "tidegate rollback" in caught.value.hint


def test_the_state_of_the_candidate_is_the_steps_own(published: Warehouse):
    candidate = published.begin(number=2, parent=1)
    with published.guard([]):
        candidate.state.joinpath("cursor.txt").write_text("up to order 9", encoding="utf-8")
        candidate.state.joinpath("more").mkdir()


def test_of_many_files_a_few_are_named(published: Warehouse):
    state = published.state_folder(1)
    with pytest.raises(StepEscapedError, match="and 4 more files changed"):
        guarded(published, [], *((state / f"{n}.txt").touch for n in range(7)))


def guarded(warehouse: Warehouse, others: Sequence[Path], *deeds: Callable[[], object]) -> None:
    with warehouse.guard(others):
        for deed in deeds:
            deed()


def fail() -> None:
    raise ValueError("the step failed")


def interrupt() -> None:
    raise KeyboardInterrupt


def test_a_database_that_was_replaced_is_told(published: Warehouse, other: Path):
    with pytest.raises(StepEscapedError, match=r"other\.duckdb` was written"):
        guarded(published, [other], other.unlink, lambda: run(try_to_write, str(other)))


def test_a_database_that_was_removed_is_told(published: Warehouse, other: Path):
    with pytest.raises(StepEscapedError, match=r"other\.duckdb` was removed"):
        guarded(published, [other], other.unlink)


def test_bytes_that_changed_are_told(published: Warehouse, other: Path):
    with pytest.raises(StepEscapedError, match=r"other\.duckdb` was written"):
        guarded(published, [other], lambda: other.write_bytes(other.read_bytes()[:-100] + b"x" * 100))


def test_all_are_named(published: Warehouse, other: Path, tmp_path: Path):
    new = tmp_path / "new.duckdb"
    with pytest.raises(StepEscapedError, match=r"other\.duckdb` was removed and `.*new\.duckdb` appeared"):
        guarded(published, [other, new], other.unlink, new.touch)


def test_a_failed_body_is_checked_too_and_its_error_is_kept(published: Warehouse, other: Path):
    with pytest.raises(StepEscapedError) as caught:
        guarded(published, [other], other.unlink, fail)
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_failed_body_without_an_escape_fails_as_itself(published: Warehouse, other: Path):
    with pytest.raises(ValueError, match="the step failed"):
        guarded(published, [other], fail)


def test_an_interruption_stays_one(published: Warehouse, other: Path):
    with pytest.raises(KeyboardInterrupt):
        guarded(published, [other], other.unlink, interrupt)


def test_the_guard_ends_with_its_body(published: Warehouse, other: Path):
    guard = published.guard([other])
    with guard:
        pass
    assert run(try_to_write, str(other)) == "written"
    with pytest.raises(ValueError, match="failed"):
        guarded(published, [other], fail)
    assert run(try_to_write, str(other)) == "written"
