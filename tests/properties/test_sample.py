"""Samples of any tables that refer to each other in any way: whoever is kept finds whom it refers to, and a sample is the
same however the rows lie.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sampled import World, refers

TABLES = 4


@dataclass(frozen=True)
class Graph:
    """Tables t0, t1, … with their rows; reference k is a column of `child` that names rows of `parent`, by two columns when
    it is composite.
    """

    rows: list[list[dict[str, int | str | None]]]
    references: list[tuple[int, int, bool]]

    def columns(self, table: int) -> list[str]:
        own = ["id", "kind", "email", "half_a", "half_b"]
        for place, (child, _, composite) in enumerate(self.references):
            if child == table:
                own += [f"r{place}_a", f"r{place}_b"] if composite else [f"r{place}"]
        return own

    def statements(self, *, backwards: bool) -> list[str]:
        made = []
        for table, rows in enumerate(self.rows):
            names = self.columns(table)
            made.append(f"create table raw.t{table} ({', '.join(f'{n} {_type(n)}' for n in names)})")
            for row in reversed(rows) if backwards else rows:
                made.append(f"insert into raw.t{table} values ({', '.join(_sql(row[n]) for n in names)})")
        return made


def _type(name: str) -> str:
    return "varchar" if name in {"email", "kind"} else "bigint"


def _sql(value: int | str | None) -> str:
    return "null" if value is None else f"'{value}'" if isinstance(value, str) else str(value)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    number = draw(st.integers(1, TABLES))
    tables = st.integers(0, number - 1)
    references = draw(st.lists(st.tuples(tables, tables, st.booleans()), max_size=5))
    rows: list[list[dict[str, int | str | None]]] = []
    sizes = [draw(st.integers(0, 25)) for _ in range(number)]
    for table, size in enumerate(sizes):
        rows.append([])
        for i in range(size):
            row: dict[str, int | str | None] = {"id": i, "half_a": i // 5, "half_b": i % 5}
            row["kind"] = draw(st.sampled_from(["a", "b", "c", None])) if i else "only here"
            row["email"] = f"u{i}@t{table}.example"
            for place, (child, parent, composite) in enumerate(references):
                if child == table:
                    named = draw(st.one_of(st.none(), st.integers(0, max(sizes[parent], 1))))
                    row |= _naming(place, named, composite)
            rows[-1].append(row)
    return Graph(rows=rows, references=references)


def _naming(place: int, named: int | None, composite: bool) -> dict[str, int | str | None]:
    if not composite:
        return {f"r{place}": named}
    return {f"r{place}_a": named if named is None else named // 5, f"r{place}_b": None if named is None else named % 5}


def made(graph: Graph, folder: Path, *, backwards: bool = False) -> World:
    checks = []
    for place, (child, parent, composite) in enumerate(graph.references):
        own, theirs = (f"r{place}_a,r{place}_b", "half_a,half_b") if composite else (f"r{place}", "id")
        checks.append(refers(f"t{child}", own, f"t{parent}", theirs))
    folder.mkdir()
    return World(folder=folder, checks=checks).write(*graph.statements(backwards=backwards))


@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(graph=graphs(), rows=st.integers(1, 12), seed=st.integers(0, 3))
def test_every_row_finds_whom_it_refers_to(graph: Graph, rows: int, seed: int) -> None:
    assert_whole(graph, rows, seed)


@pytest.mark.soak
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(graph=graphs(), rows=st.integers(1, 12), seed=st.integers(0, 3))
def test_every_row_finds_whom_it_refers_to_in_many_more(graph: Graph, rows: int, seed: int) -> None:
    assert_whole(graph, rows, seed)


def assert_whole(graph: Graph, rows: int, seed: int) -> None:
    """A sample holds whom its rows refer to, misses nothing, is sound, and is the same from rows in another order."""
    with tempfile.TemporaryDirectory() as place:
        world = made(graph, Path(place) / "one")
        told = world.sample(rows=rows, seed=seed)
        kept = [{row[0] for row in world.rows(f"t{t}", "select id")} for t in range(len(graph.rows))]
        for k, (child, parent, composite) in enumerate(graph.references):
            names = f"r{k}_a, r{k}_b" if composite else f"r{k}"
            for row in world.rows(f"t{child}", f"select {names}"):
                if None not in row:
                    assert (row[0] * 5 + row[1] if composite else row[0]) in kept[parent]
        assert world.verify(told).problems == ()
        _assert_nothing_is_missing(graph, kept, rows)
        other = made(graph, Path(place) / "other", backwards=True)
        again = other.sample(rows=rows, seed=seed)
        assert [t.sha256 for t in again.tables] == [t.sha256 for t in told.tables]


def _assert_nothing_is_missing(graph: Graph, kept: list[set[int]], rows: int) -> None:
    """Of a table of which a row can be kept, one is; every value of its categories occurs that a row that can be kept has."""
    usable = [{int(str(row["id"])) for row in table} for table in graph.rows]
    shrunk = True
    while shrunk:
        shrunk = False
        for k, (child, parent, composite) in enumerate(graph.references):
            for row in graph.rows[child]:
                own = int(str(row["id"]))
                named = row[f"r{k}"] if not composite else row[f"r{k}_a"]
                if own not in usable[child] or named is None:
                    continue
                target = int(named) * 5 + int(str(row[f"r{k}_b"])) if composite else int(named)
                if target not in usable[parent]:
                    usable[child].discard(own)
                    shrunk = True
    for table, possible in enumerate(usable):
        assert kept[table] <= possible
        assert bool(kept[table]) == bool(possible)
        values = [{r["kind"] for r in graph.rows[table] if r["id"] in those} for those in (kept[table], possible)]
        assert values[0] == values[1]
