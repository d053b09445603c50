"""What gaps in what counts up tell of a day with too few rows."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.unit.detect.days import judged, scaled, shop, without
from tidegate.model import Finding

ID, LINE = ("order_id", "1"), ("line", "1 by order_id")
LOST = "70 % of order_id, which goes up by one, is missing in between, in 90 places: rows were lost"
FEWER = "order_id goes up by one without more gaps than usual: fewer rows came, or the last ones are missing"

Gaps = dict[tuple[str, str], tuple[float, float | None]]


def after(
    gaps: Gaps, *, of: float = 0.4, lost: str | None = None, else_: Mapping[int, float] | None = None, places: int = 90
) -> Finding:
    """A day with a share of its rows, or without a country's, and by column which share of what is due is missing: usually, and on that day; `else_` on some
    other days.
    """
    days = shop()
    for at, day in enumerate(days):
        for (column, argument), (usual, now) in gaps.items():
            share = now if at == len(days) - 1 else (else_ or {}).get(at, usual)
            day["due_count", column, argument] = 1_000
            day["gap_count", column, argument] = None if share is None else 1_000 * share
            day["break_count", column, argument] = places
    if lost is not None:
        without(days[-1], lost)
    else:
        scaled(days[-1], of)
    (found,) = [f for f in judged(days) if f.kind in ("volume", "segment")]
    return found


@pytest.mark.parametrize(
    ("gaps", "said"),
    [
        ({}, None),
        ({ID: (0.0, 0.7)}, LOST),
        ({ID: (0.01, 0.7)}, LOST),
        ({ID: (0.0, 0.051)}, LOST.replace("70 %", "5.1 %")),
        ({ID: (0.0, 0.049)}, FEWER),
        ({ID: (0.0, 0.0)}, FEWER),
        ({ID: (0.03, 0.7)}, None),
        ({ID: (0.0, None)}, None),
        ({ID: (0.0, 0.7), LINE: (0.01, 0.0)}, LOST),
        ({ID: (0.01, 0.0), LINE: (0.0, 0.7)}, LOST.replace("order_id, which goes up by one", "line, which goes up by one for each order_id")),
    ],
)  # fmt: skip
def test_rows_that_were_lost_are_told_from_rows_that_never_were(gaps: Gaps, said: str | None) -> None:
    found = after(gaps)
    assert found.holds
    assert found.sentence.partition(" than usual")[2] == (f"; {said}" if said else "")


def test_it_is_said_of_a_category_that_lost_its_rows() -> None:
    found = after({ID: (0.0, 0.7)}, lost="DE")
    assert found.kind == "segment"
    assert found.sentence.endswith(f"; {LOST}")


def test_of_too_many_rows_gaps_tell_nothing() -> None:
    assert "order_id" not in after({ID: (0.0, 0.7)}, of=2.5).sentence


@pytest.mark.parametrize("before", [{40: 0.5}, dict.fromkeys(range(31), 0.5)])
def test_a_day_with_gaps_or_days_long_ago_are_not_what_is_usual(before: dict[int, float]) -> None:
    assert after({ID: (0.0, 0.7)}, else_=before).sentence.endswith(f"; {LOST}")


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (1, "in 1 place: rows were lost there, or the numbers jumped"),
        (2, "in 2 places: rows were lost there, or the numbers jumped"),
        (3, "in 3 places: rows were lost"),
    ],
)
def test_a_gap_in_one_place_may_be_a_number_that_jumped(places: int, said: str) -> None:
    assert after({ID: (0.0, 0.7)}, places=places).sentence.endswith(f"is missing in between, {said}")
