"""Tables on which verdicts may differ: nulls, no rows, duplicates, unicode, extremes, groups, gaps, the future."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

TYPES = {
    "id": "INTEGER",
    "seq": "INTEGER",
    "label": "VARCHAR",
    "code": "VARCHAR",
    "grp": "VARCHAR",
    "amount": "DOUBLE",
    "price": "DECIMAL(18,2)",
    "made_at": "TIMESTAMP",
    "made_on": "DATE",
    "low": "INTEGER",
    "high": "INTEGER",
    "big": "BIGINT",
    "flag": "BOOLEAN",
    "old_at": "TIMESTAMP",
}
LABELS = ("alpha", "Alpha", "beta", "a1b2", "", "  ", "it's", "Ärger", "日本", "x\ny", 'say "no"', "ab", "zzz", "50%")

Row = Sequence[Any]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A data set, and the rows of the table that it is compared with."""

    name: str
    rows: list[Row]
    others: list[Row] = field(default_factory=list)
    types: Mapping[str, str] = field(default_factory=lambda: TYPES)

    @property
    def other(self) -> str:
        return f"other_{self.name}"


def just_now() -> datetime:
    """Asked when rows are made, not when this is imported: a midnight in between would move what is a day old."""
    return datetime.now(tz=UTC).replace(tzinfo=None, microsecond=0)


def clean(number: int) -> list[Row]:
    """Rows without a fault: in sequence, recent, two groups, one row a day."""
    now = just_now()
    return [
        (
            i,
            i,
            "alpha" if i % 2 else "beta",
            "x" if i % 3 else "y",
            "a" if i % 2 else "b",
            float(i),
            Decimal(i) + Decimal("0.25"),
            now - timedelta(days=number - i, minutes=5),
            (now - timedelta(days=number - i)).date(),
            2 * i,
            2 * i + 1,
            i,
            bool(i % 2),
            datetime(2020, 1, 15, tzinfo=UTC).replace(tzinfo=None) + timedelta(days=20 * i),
        )
        for i in range(1, number + 1)
    ]


def random_rows(seed: int, number: int, *, nulls: float = 0.15, extreme: bool = True) -> list[Row]:
    """Rows drawn from few values, so that every test passes on some of them and fails on others."""
    chance, now = random.Random(seed), just_now()

    def maybe(value: object) -> object:
        return None if chance.random() < nulls else value

    far = [2**53 + 1, -(2**63), 2**63 - 1] if extreme else [1, 7]
    return [
        (
            maybe(chance.randrange(1, 7)),
            maybe(chance.choice((i, i, i + 1))),
            maybe(chance.choice(LABELS)),
            chance.choice(("x",) * 6 + ("y",) * 2 + (None,)),
            maybe(chance.choice(("a", "a", "b", "c"))),
            maybe(chance.choice((0.0, -0.5, 3.5, 60.0, 1e300, 1e-9) if extreme else (0.5, 3.5, 9.0))),
            maybe(chance.choice((Decimal("0.00"), Decimal("12.34"), Decimal("99999999.99")))),
            maybe(now - timedelta(hours=chance.choice((-30, 1, 20, 50, 200, 400)))),
            maybe((now - timedelta(days=chance.randrange(15))).date()),
            maybe(chance.randrange(5)),
            maybe(chance.randrange(3, 9)),
            maybe(chance.choice((1, *far))),
            maybe(chance.random() < 0.5),
            maybe(datetime(2020, 1, 1, tzinfo=UTC).replace(tzinfo=None) + timedelta(days=chance.randrange(300))),
        )
        for i in range(number)
    ]


ODD = Table(
    name="odd",
    types={"doc": "JSON", "raw": "BLOB", "number": "INTEGER", "Big Name": "INTEGER", "label": "VARCHAR"},
    rows=[('{"a": 0}', b"x", 1, 1, "it's"), ('{"a": 0}', b"x", 1, None, "plain"), ('{"a": 1}', b"\xff", 2, 2, None)],
)
"""Types and names that the others have not; only cases that name it look at it."""


def on(number: int, listed: Sequence[Table]) -> list[Table]:
    """Of the data sets with the usual columns those for the case of that number: the messy and the empty one, and one of the rest in turn.

    All of them where these two are not among them, as in the soak test.
    """
    usual = [table for table in listed if table.types is TYPES]
    rest = [table for table in usual if table.name not in {"messy", "empty"}]
    if len(rest) == len(usual):
        return rest
    return [table for table in usual if table not in rest] + [rest[number % len(rest)]]


def tables(extra: Sequence[int] = ()) -> list[Table]:
    """The data sets; `extra` are seeds of further random ones."""
    good, nulls = clean(9), [tuple([None] * len(TYPES))] * 3
    fixed = [
        Table(name="messy", rows=random_rows(1, 40), others=random_rows(2, 40)),
        Table(name="empty", rows=[], others=good[:5]),
        Table(name="good", rows=good, others=[*good, *good]),
        Table(name="mild", rows=random_rows(3, 25, nulls=0.0, extreme=False), others=random_rows(3, 30, nulls=0.0)),
        Table(name="alone", rows=good[:1], others=[]),
        Table(name="nothing", rows=nulls, others=nulls[:1]),
    ]
    drawn = [
        Table(
            name=f"drawn_{seed}",
            rows=random_rows(seed, seed % 60, nulls=seed % 7 / 10, extreme=bool(seed % 2)),
            others=random_rows(seed + seed % 2, 30, nulls=seed % 5 / 10),
        )
        for seed in extra
    ]
    return [*fixed, *drawn]
