"""What is kept of pieces of tables: found again, forgotten when nobody has the piece any more, and never trusted when damaged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.errors import StateError
from tidegate.model import DatasetRef
from tidegate.state.answers import LARGE_BYTES, SCANS_KEPT, SQLiteAnswerStore

ORDERS, OTHERS = (DatasetRef(namespace="s", name=name) for name in ("orders", "others"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteAnswerStore]:
    made = SQLiteAnswerStore(tmp_path / "answers.db")
    yield made
    made.close()


def told(
    store: SQLiteAnswerStore, *pieces: str, dataset: DatasetRef = ORDERS
) -> dict[str, dict[str, bytes | memoryview]]:
    return {name: dict(answers) for name, answers in store.known(dataset, pieces).items()}


def test_nothing_is_made_before_something_is_kept(store: SQLiteAnswerStore, tmp_path: Path) -> None:
    assert told(store, "a") == {}
    assert list(tmp_path.iterdir()) == []


def test_answers_are_found_by_dataset_piece_and_question(store: SQLiteAnswerStore) -> None:
    large = os.urandom(LARGE_BYTES + 1)
    store.keep(ORDERS, {"a": {"x": b"1", "y": large}, "b": {"x": b"2"}}, used=["a", "b"])
    store.keep(ORDERS, {"a": {"x": b"3"}}, used=["a"])
    assert told(store, "a", "b", "c") == {"a": {"x": b"3", "y": large}, "b": {"x": b"2"}}
    assert told(store, "b") == {"b": {"x": b"2"}}
    assert told(store, "a", dataset=OTHERS) == {}
    assert len(store.known(ORDERS, ["a"])["a"]) == 2


def test_they_outlive_the_process(store: SQLiteAnswerStore, tmp_path: Path) -> None:
    store.keep(ORDERS, {"a": {"x": b"1"}}, used=["a"])
    store.close()
    again = SQLiteAnswerStore(tmp_path / "answers.db")
    assert told(again, "a") == {"a": {"x": b"1"}}
    again.close()


def test_a_piece_that_no_scan_had_for_long_is_forgotten(store: SQLiteAnswerStore) -> None:
    store.keep(ORDERS, {"old": {"x": b"1"}, "new": {"x": b"2"}}, used=["old", "new"])
    store.keep(OTHERS, {"old": {"x": b"3"}}, used=["old"])
    for _ in range(SCANS_KEPT - 1):
        store.keep(ORDERS, {}, used=["new"])
    assert set(told(store, "old", "new")) == {"old", "new"}
    store.keep(ORDERS, {}, used=["new"])
    assert set(told(store, "old", "new")) == {"new"}
    assert set(told(store, "old", dataset=OTHERS)) == {"old"}


def test_a_file_that_is_no_database_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "answers.db"
    path.write_bytes(b"not a database, by any means" * 100)
    store = SQLiteAnswerStore(path)
    assert told(store, "a") == {}
    store.keep(ORDERS, {"a": {"x": b"1"}}, used=["a"])
    assert told(store, "a") == {"a": {"x": b"1"}}
    store.close()


def test_a_file_of_another_shape_is_begun_anew(store: SQLiteAnswerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.keep(ORDERS, {"a": {"x": b"1"}}, used=["a"])
    store.close()
    monkeypatch.setattr("tidegate.state.answers.SHAPE", 99)
    assert told(store, "a") == {}


LARGE = os.urandom(LARGE_BYTES + 1)


def files(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "answers").iterdir())


def test_a_large_answer_is_a_file_as_long_as_it_is_kept(store: SQLiteAnswerStore, tmp_path: Path) -> None:
    store.keep(ORDERS, {"a": {"x": LARGE, "y": b"1"}}, used=["a"])
    (first,) = files(tmp_path)
    kept = store.known(ORDERS, ["a"])["a"]["x"]
    store.keep(ORDERS, {"a": {"x": LARGE[::-1]}}, used=["a"])
    (second,) = files(tmp_path)
    assert first != second
    assert kept == LARGE
    assert told(store, "a") == {"a": {"x": LARGE[::-1], "y": b"1"}}
    for _ in range(SCANS_KEPT):
        store.keep(ORDERS, {}, used=["b"])
    assert files(tmp_path) == []


@pytest.mark.parametrize("left", [None, 0, LARGE_BYTES])
def test_a_large_answer_that_is_gone_or_cut_is_not_known(
    store: SQLiteAnswerStore, tmp_path: Path, left: int | None
) -> None:
    store.keep(ORDERS, {"a": {"x": LARGE, "y": b"1"}}, used=["a"])
    (file,) = files(tmp_path)
    file.unlink() if left is None else file.write_bytes(LARGE[:left])
    found = store.known(ORDERS, ["a"])["a"]
    assert found.get("x") is None
    assert found.get("y") == b"1"


def test_files_that_an_interrupted_process_left_are_removed(store: SQLiteAnswerStore, tmp_path: Path) -> None:
    store.keep(ORDERS, {"a": {"x": LARGE}}, used=["a"])
    (tmp_path / "answers" / "left").write_bytes(b"half")
    store.keep(ORDERS, {"b": {"x": b"1"}}, used=["a", "b"])
    assert len(files(tmp_path)) == 1
    assert told(store, "a") == {"a": {"x": LARGE}}


def test_what_is_not_kept_in_the_end_leaves_what_was(
    store: SQLiteAnswerStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.keep(ORDERS, {"a": {"x": LARGE}}, used=["a"])
    monkeypatch.setattr("tidegate.state.answers.OLD", "no statement")
    with pytest.raises(StateError):
        store.keep(ORDERS, {"a": {"x": LARGE[::-1]}}, used=["a"])
    assert told(store, "a") == {"a": {"x": LARGE}}


def test_a_file_in_place_of_the_folder_is_told(store: SQLiteAnswerStore, tmp_path: Path) -> None:
    (tmp_path / "answers").write_bytes(b"")
    with pytest.raises(StateError, match="cannot be used"):
        store.keep(ORDERS, {"a": {"x": LARGE}}, used=["a"])


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "answers.db").mkdir()
    with pytest.raises(StateError, match="cannot be used") as raised:
        SQLiteAnswerStore(tmp_path / "answers.db").keep(ORDERS, {"a": {"x": b"1"}}, used=["a"])
    assert "deleted" in (raised.value.hint or "")
