"""Hashes in order, and the filters before them: what is in both is found, whatever the hashes are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tidegate.model import Part
from tidegate.scan import prints
from tidegate.scan.pieces import Piece

hashes = st.lists(
    st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 50), st.integers(2**64 - 50, 2**64 - 1)),
    max_size=60,
    unique=True,
)


def of(values: list[int]) -> NDArray[np.uint64]:
    return np.sort(np.array(values, dtype=np.uint64))


def piece() -> Piece:
    return Piece((Part(name="a", rows=1, first=0, end=1),), {})


@given(st.lists(hashes, max_size=4), st.lists(hashes, max_size=3), st.booleans())
def test_a_value_that_comes_twice_is_found(old: list[list[int]], new: list[list[int]], sieved: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prints, "LEAST_SIEVED", 0 if sieved else 10**9)
        compared = [(raw := of(one).tobytes(), prints._sieve(piece(), "ask", raw)) for one in old]
        assert all((sieve is not None) == sieved for _, sieve in compared)
        found = prints._all_differ(compared, [of(one).tobytes() for one in new])
    fresh = [value for one in new for value in one]
    assert found == (len(set(fresh)) == len(fresh) and set(fresh).isdisjoint(value for one in old for value in one))


def test_a_filter_passes_all_of_its_own_and_one_in_eight_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prints, "LEAST_SIEVED", 0)
    chance = np.random.default_rng(5)
    old, new = (chance.integers(0, 2**64, size=20_000, dtype=np.uint64) for _ in range(2))
    kept = piece()
    sieve = np.frombuffer(prints._sieve(kept, "ask", np.sort(old).tobytes()) or b"", dtype=np.uint8)
    assert prints._passes(old, sieve).all()
    assert 1 / 20 < prints._passes(new, sieve).mean() < 1 / 7
    assert prints._sieve(kept, "ask", np.sort(old).tobytes()) == sieve.tobytes()
