"""Bisecting finds exactly the keys that differ, whatever the tables, and moves few rows to do so."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from tidegate.services.bisect import Row, What, bisect

Rows = Sequence[tuple[int, int]]
"""(key, value); a key is its own position."""

rows = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3)), max_size=120)
spread = st.sampled_from([1, 7, 10**6])


@dataclass
class Memory:
    """A side in memory that counts what it hands out."""

    held: Counter[tuple[int, int]]
    rows_moved: int = 0
    asked: list[int] = field(default_factory=list)

    def segments(self, step: int, within: Sequence[int] | None, before: int) -> Mapping[int, tuple[int, int]]:
        inside = None if within is None else set(within)
        found: dict[int, tuple[int, int]] = {}
        seen = 0
        for (position, value), count in self.held.items():
            if inside is None or position // before in inside:
                seen += count
                rows_, sum_ = found.get(position // step, (0, 0))
                found[position // step] = (rows_ + count, sum_ + count * hash_of(position, value))
        self.asked.append(seen)
        return found

    def rows(self, step: int, within: Sequence[int]) -> Sequence[Row]:
        inside = set(within)
        found = [
            Row(position=p, key=(str(p),), hash=hash_of(p, v), count=n)
            for (p, v), n in self.held.items()
            if p // step in inside
        ]
        self.rows_moved += len(found)
        return found


@cache
def hash_of(position: int, value: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{position}/{value}".encode(), digest_size=7).digest())


def truth(old: Rows, new: Rows) -> dict[int, What]:
    """What differs, told the slow way."""
    found = {}
    for key in {k for k, _ in (*old, *new)}:
        left, right = (Counter(v for k, v in side if k == key) for side in (old, new))
        if left != right:
            found[key] = (
                What.ADDED if not left else What.REMOVED if not right
                else What.COPIES if left.keys() == right.keys() else What.CHANGED
            )  # fmt: skip
    return found


@given(old=rows, new=rows, wide=spread, fanout=st.integers(2, 5), leaf=st.integers(1, 9))
def test_it_finds_exactly_the_keys_that_differ(old: Rows, new: Rows, wide: int, fanout: int, leaf: int) -> None:
    old, new = ([(k * wide, v) for k, v in side] for side in (old, new))
    found = bisect(Memory(Counter(old)), Memory(Counter(new)), span=201 * wide, fanout=fanout, leaf=leaf)
    assert found.complete
    assert {d.position: d.what for d in found.differences} == truth(old, new)
    assert len(found.differences) == len({d.position for d in found.differences}), "each once"
    for difference in found.differences:
        counted = [sum(k == difference.position for k, _ in side) for side in (old, new)]
        assert [difference.old_rows, difference.new_rows] == counted


@given(
    keys=st.integers(0, 1_500),
    edits=st.lists(st.tuples(st.integers(0, 1_500), st.sampled_from(["add", "drop", "change"])), max_size=8),
    leaf=st.integers(1, 20),
)
def test_few_edits_move_few_rows(keys: int, edits: list[tuple[int, str]], leaf: int) -> None:
    """At most two leaves for each key that differs, and a look at each level costs no more than what differs there."""
    old = dict.fromkeys(range(keys), 0)
    new = dict(old)
    for key, what in edits:
        if what == "drop":
            new.pop(key, None)
        else:
            new[key] = 1
    ours, theirs = (Memory(Counter(side.items())) for side in (old, new))
    found = bisect(ours, theirs, span=1_501, fanout=8, leaf=leaf)
    assert {d.position for d in found.differences} == {k for k in {*old, *new} if old.get(k) != new.get(k)}
    assert found.rows == ours.rows_moved + theirs.rows_moved
    assert found.rows <= (2 * leaf + 1) * len(found.differences), "what only one side has differs, and is moved once"
    if not found.differences:
        assert (found.rows, found.levels) == (0, 1), "equal tables are looked at once and move nothing"
    assert found.levels <= 1 + 4, "log 1,501 / log 8, rounded up"


def test_a_large_table_with_three_edits_moves_three_leaves_and_scans_the_rest_once() -> None:
    old = Counter({(key, 0): 1 for key in range(20_000)})
    new = old.copy()
    for key in (5, 9_999, 19_999):
        del new[(key, 0)]
        new[(key, 1)] = 1
    ours, theirs = Memory(old), Memory(new)
    found = bisect(ours, theirs, span=20_000, fanout=16, leaf=64)
    assert sorted(d.position for d in found.differences) == [5, 9_999, 19_999]
    assert found.rows <= 3 * 2 * 64
    assert ours.asked[0] == 20_000
    assert sum(ours.asked[1:]) <= 3 * (4_096 + 256), "further looks only go where the checksums differ"


def test_it_stops_when_too_much_differs_and_says_so() -> None:
    old, new = Counter({(key, 0): 1 for key in range(3_000)}), Counter({(key, 1): 1 for key in range(3_000)})
    found = bisect(Memory(old), Memory(new), span=3_000, fanout=8, leaf=1, most=10)
    assert not found.complete
    assert 10 < len(found.differences) < 3_000
