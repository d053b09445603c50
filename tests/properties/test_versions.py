"""Versions behave like a dictionary of contents and one pointer, in whatever order they are built, shown and removed."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tidegate.errors import DatabaseNotFoundError, VersionNotFoundError, WarehouseError
from tidegate.warehouses.duckdb import DuckDBWarehouse

CONTENTS = st.binary(min_size=1, max_size=40)


def file_of(content: bytes) -> bytes:
    """What passes for a DuckDB file as long as nobody opens it: every byte of it is in the headers."""
    return bytes(8) + b"DUCK" + content


@dataclass
class Expected:
    """What the model knows of a version: its content (None: no database yet), state, and fingerprint once sealed."""

    content: bytes | None
    state: bytes | None
    sealed: str | None = None


class Versions(RuleBasedStateMachine):
    """The adapter beside a model that is a dictionary; the adapter's object is made anew now and then."""

    @initialize()
    def an_empty_warehouse(self) -> None:
        self.root = Path(tempfile.mkdtemp())
        weakref.finalize(self, shutil.rmtree, self.root)
        self.kept: dict[int, Expected] = {}
        self.published: int | None = None
        self.next = 1
        self.another_process()

    @rule()
    def another_process(self) -> None:
        self.warehouse = DuckDBWarehouse(self.root / "ware house", database="shop.duckdb")

    def path(self, number: int) -> Path:
        return self.root / "ware house" / "versions" / f"{number:06d}"

    def any_number(self, data: st.DataObject) -> int:
        """A version, or one that was removed, or one that never was."""
        return data.draw(st.integers(min_value=1, max_value=self.next), label="number")

    @rule(data=st.data(), content=CONTENTS, is_sealed=st.booleans())
    def build(self, data: st.DataObject, content: bytes, is_sealed: bool) -> None:
        """A run: from a parent that has data, or from nothing."""
        parents = [None, *(n for n, e in self.kept.items() if e.content is not None)]
        parent = data.draw(st.sampled_from(parents), label="parent")
        number, self.next = self.next, self.next + 1
        self.warehouse.begin(number=number, parent=parent)
        before = Expected(content=None, state=None) if parent is None else self.kept[parent]
        self.kept[number] = Expected(content=before.content, state=before.state)
        self.the_warehouse_is_as_the_model()
        self.change(number, content)
        if is_sealed:
            self.kept[number].sealed = self.warehouse.seal(number)

    @rule()
    def begin_only(self) -> None:
        number, self.next = self.next, self.next + 1
        self.warehouse.begin(number=number, parent=None)
        self.kept[number] = Expected(content=None, state=None)

    @rule(data=st.data(), content=CONTENTS)
    def write_to_a_sealed_candidate(self, data: st.DataObject, content: bytes) -> None:
        number = self.any_number(data)
        if number in self.kept and number != self.published:
            self.change(number, content)

    def change(self, number: int, content: bytes) -> None:
        """A step: the content changes and with it the state that travels along."""
        sealed, path = self.kept[number].sealed, self.path(number) / "shop.duckdb"
        path.unlink(missing_ok=True)
        path.write_bytes(file_of(content))
        (self.path(number) / "state" / "cursor").write_bytes(content)
        if sealed is not None and self.kept[number].content != content:
            assert self.warehouse.fingerprint(number) != sealed
        self.kept[number] = Expected(content=content, state=content)

    @rule(data=st.data())
    def seal(self, data: st.DataObject) -> None:
        number = self.any_number(data)
        if number not in self.kept:
            with pytest.raises(VersionNotFoundError):
                self.warehouse.seal(number)
        elif self.kept[number].content is None:
            with pytest.raises(DatabaseNotFoundError):
                self.warehouse.seal(number)
        else:
            sealed = self.warehouse.seal(number)
            assert self.kept[number].sealed in {None, sealed}
            self.kept[number].sealed = sealed

    @rule(data=st.data())
    def publish_or_roll_back(self, data: st.DataObject) -> None:
        number = self.any_number(data)
        if number not in self.kept:
            with pytest.raises(VersionNotFoundError):
                self.warehouse.publish(number)
        elif self.kept[number].content is None:
            with pytest.raises(DatabaseNotFoundError):
                self.warehouse.publish(number)
        else:
            self.warehouse.publish(number)
            self.published = number

    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        number = self.any_number(data)
        if number == self.published:
            with pytest.raises(WarehouseError):
                self.warehouse.discard(number)
        else:
            self.warehouse.discard(number)
            self.kept.pop(number, None)

    @rule(data=st.data())
    def begin_the_same_number_again(self, data: st.DataObject) -> None:
        """What the caller does after a crash; a candidate is replaced by a new one."""
        number = self.any_number(data)
        if number == self.published:
            with pytest.raises(WarehouseError):
                self.warehouse.begin(number=number, parent=None)
        elif number in self.kept:
            self.warehouse.begin(number=number, parent=None)
            self.kept[number] = Expected(content=None, state=None)

    @rule(name=st.sampled_from([".new-000001", ".new-000777", ".trash-000001-00", ".trash-000777-00"]))
    def crash(self, name: str) -> None:
        """What a killed process leaves."""
        (self.root / "ware house" / "versions" / name / "state").mkdir(parents=True, exist_ok=True)

    @rule()
    def take_the_lock(self) -> None:
        with self.warehouse.lock(owner="next run", wait_s=0):
            pass
        versions = self.root / "ware house" / "versions"
        assert not versions.exists() or {p.name for p in versions.iterdir()} == {f"{n:06d}" for n in self.kept}

    @invariant()
    def the_warehouse_is_as_the_model(self) -> None:
        if not hasattr(self, "kept"):
            return
        assert self.warehouse.published() == self.published
        assert self.warehouse.kept() == tuple(sorted(self.kept))
        for number, expected in self.kept.items():
            database, cursor = self.path(number) / "shop.duckdb", self.path(number) / "state" / "cursor"
            assert (database.read_bytes() if database.exists() else None) == (
                None if expected.content is None else file_of(expected.content)
            )
            assert (cursor.read_bytes() if cursor.exists() else None) == expected.state
            if expected.sealed is not None:
                assert self.warehouse.fingerprint(number) == expected.sealed
        live = self.warehouse.public_path()
        if self.published is None:
            assert not live.exists()
        else:
            content = self.kept[self.published].content
            assert content is not None
            assert live.read_bytes() == file_of(content)


Versions.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestVersions = Versions.TestCase
