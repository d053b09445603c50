"""What a bucket's rows break of what earlier ones had: keys that never came, regular keys that are gone, new pairs.

Everything is held against the table's own rows of earlier buckets of the window; nothing of the bucket itself, nor of
what came later, counts, and nothing of buckets that an open incident is about. One statement, in which each relation
costs as many groups as it has different keys or pairs. Of a large table only some of the keys are looked at, with all of their rows (`scan.thinning`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from tidegate.metrics import kind_of, quoted, relation, select
from tidegate.model import Column, Dataset, Interval, MetricSpec
from tidegate.scan.content import EVER, bucket_of, stretches
from tidegate.scan.grain import bucket_sql, within_sql
from tidegate.scan.options import Plan
from tidegate.scan.relations import Pair, Relations, drawn
from tidegate.scan.tally import Tally
from tidegate.scan.thinning import affordable, few
from tidegate.scan.window import Window, rows_within

LEARNING: Final = 3
"""Buckets in which every value is new, and tells nothing. This and what follows was measured, see decision 27."""

REGULAR: Final = 8
"""A key is regular when each of so many buckets before had it, or each of fewer, of so many at least:"""

REGULAR_FROM: Final = 4

LEAST_REGULAR: Final = 3
"""With fewer regular keys nothing is said of those that are gone."""

OF_PAIRS: Final = ("known_key_count", "new_pair_count")

MOST_ASKED: Final = 2_000_000
"""Rows that are looked up for one relation: of more a sample is, against a past that is complete. Chosen, not derived: 90 ns each."""

SAMPLE: Final = "asked_rows"
"""What the sample is called in SQL."""

LETTERS: Final = "kv"
"""What a key and its value are called in SQL."""

OF_SOME: Final = ("keyed_count", "unknown_count")
"""What is asked of a key of which not all values are looked at: of how many rows, how many."""

RELATED: Final = frozenset({*OF_SOME, "regular_count", "gone_count", *OF_PAIRS})
"""All that is measured here."""


def related(
    tally: Tally, span: Window, spans: Sequence[Window], found: Sequence[Interval], chosen: Relations
) -> Plan[None]:
    """Measure the relations of the buckets that lie in `spans`, of all that are `found` (oldest first)."""
    chosen = affordable(tally, span, chosen)
    span, spans, found = _newest(span, spans, found, chosen.buckets)
    asked = _Asked(tally, span, spans, found, chosen)
    parts = list(asked.parts())
    if not parts or not asked.targets:
        return
    rows = yield tally.statement("relations", f"WITH {', '.join(asked.made)} {' UNION ALL '.join(parts)}")
    specs = [
        *(tuple(tally.spec(metric, key) for metric in OF_SOME[not asked.is_part(key) :]) for key in chosen.keys),
        *((tally.spec("regular_count", key), tally.spec("gone_count", key)) for key in chosen.keys),
        *(tuple(tally.spec(metric, pair.value, argument=pair.key) for metric in OF_PAIRS) for pair in chosen.pairs),
    ]
    for at, start, whole, part in rows:
        wanted, bucket = specs[int(str(at))], bucket_of(start, span)
        if asked.places[bucket] >= LEARNING:
            tally.add_buckets(wanted, (int(str(whole)), int(str(part or 0)))[-len(wanted) :], bucket)


def _newest(
    span: Window, spans: Sequence[Window], found: Sequence[Interval], buckets: int | None
) -> tuple[Window, Sequence[Window], Sequence[Interval]]:
    """The same, cut to the newest buckets where only these are looked at."""
    if buckets is None:
        return span, spans, found
    cut = span.last(buckets)
    inside = [one.since(cut.interval.start) for one in spans if one.interval.end > cut.interval.start]
    return cut, inside, [interval for interval in found if interval.start in cut.interval]


class _Asked:
    """The statement while it is made: `made` are the tables that its parts have in common."""

    def __init__(
        self, tally: Tally, span: Window, spans: Sequence[Window], found: Sequence[Interval], chosen: Relations
    ) -> None:
        self.tally, self.span, self.dialect, self.chosen = tally, span, tally.dialect, chosen
        self.source = relation(tally.dataset.ref, tally.dialect)
        untaught = stretches(u for u in tally.options.untaught if u.overlaps(span.interval))
        taught = [i for i in found if not any(i.overlaps(u) for u in untaught)]
        self.places = {i: sum(t.start < i.start for t in taught) for i in found}
        self.taught = frozenset(taught)
        self.targets = [i for i in found if any(i.start in s.interval for s in spans)]
        self.key = span.key(tally.dialect)
        self.now = "(" + " OR ".join(f"({s.condition(tally.dialect)})" for s in spans) + ")"
        self.past = self._past(untaught)
        self.made: list[str] = []
        self.drawn = {key: f"s{at}" for at, key in enumerate(chosen.keys) if key in chosen.one_in}
        rows = rows_within(tally, span) * len(self.targets) / max(1, len(found))
        self.one_row_in = 1 << max(0, math.ceil(rows / MOST_ASKED) - 1).bit_length()

    def _past(self, untaught: Sequence[Interval]) -> list[str]:
        name, kind = self.span.column.name, kind_of(self.span.column)
        return [self._until_last(), *(f"NOT ({within_sql(name, kind, u, self.dialect)})" for u in untaught)]

    def _until_last(self) -> str:
        last = max((i.end for i in self.targets), default=self.span.interval.end)
        return self.span.cut(Interval(start=self.span.interval.start, end=last)).condition(self.dialect)

    def is_part(self, *columns: str) -> bool:
        """Whether not all rows with a key are counted: it is not among the drawn ones, or there are too many to look up."""
        return columns[0] in self.drawn or self._is_sampled(columns)

    def _is_sampled(self, columns: Sequence[str]) -> bool:
        return self.one_row_in > 1 and columns[0] not in self.drawn and not self._is_counted_first(columns)

    def _is_counted_first(self, columns: Sequence[str]) -> bool:
        return few(self.tally, columns, len(self.targets))

    def parts(self) -> Iterator[str]:
        """One SELECT for each: its number, the bucket, of how many, how many."""
        chosen = self.chosen
        if not chosen.keys:
            return
        self.made.append(self._days())
        self.made += [self._some(name, key) for key, name in self.drawn.items()]
        self.made += self._sample()
        for at, key in enumerate(chosen.keys):
            self.made.append(self._since(f"k{at}", (key,)))
            yield self._unknown(at, at, key)
        for at, key in enumerate(chosen.keys):
            self.made += self._regular(at, key)
            yield self._gone(len(chosen.keys) + at, at)
        for at, pair in enumerate(chosen.pairs):
            self.made.append(self._since(f"p{at}", pair.columns))
            yield self._new_pair(2 * len(chosen.keys) + at, at, chosen.keys.index(pair.key), pair)

    def _some(self, name: str, key: str) -> str:
        """All rows of some of the keys: one pass over the columns of the window, however much is asked of them."""
        columns = [self.span.column.name, key, *(pair.value for pair in self.chosen.pairs if pair.key == key)]
        where = [self._until_last(), *self._filled((key,)), *drawn(quoted(key, self.dialect), self.chosen.one_in[key])]
        items = [quoted(column, self.dialect) for column in columns]
        return kept_as(name, select(items, self.source, where=where, dialect=self.dialect))

    def _sample(self) -> list[str]:
        """Some of the rows that are asked about, for the relations that are neither drawn by key nor counted first."""
        asked = [columns for columns in self._relations() if self._is_sampled(columns)]
        if not asked:
            return []
        names = dict.fromkeys([self.span.column.name, *(name for columns in asked for name in columns)])
        items = [quoted(name, self.dialect) for name in names]
        where = [self.now, *drawn(", ".join(items), self.one_row_in)]
        return [kept_as(SAMPLE, select(items, self.source, where=where, dialect=self.dialect))]

    def _relations(self) -> list[tuple[str, ...]]:
        return [*((key,) for key in self.chosen.keys), *(pair.columns for pair in self.chosen.pairs)]

    def _days(self) -> str:
        """The buckets that matter: how many taught before each, whether it is asked about, and whether it teaches."""
        known = [i for i in self.places if self.places[i] >= self._first() and i <= max(self.targets, default=i)]
        rows = ", ".join(
            f"({int(i.start.timestamp())}, {self.places[i]}, {i in self.targets}, {i in self.taught})" for i in known
        )
        return f"days(b, p, asked, taught) AS (VALUES {rows or '(0, 0, False, False)'})"

    def _first(self) -> int:
        return min((self.places[i] for i in self.targets), default=0) - REGULAR

    def _cells(self, columns: Sequence[str]) -> list[str]:
        return [f"{quoted(c, self.dialect)} AS {letter}" for c, letter in zip(columns, LETTERS, strict=False)]

    def _filled(self, columns: Sequence[str]) -> list[str]:
        return [f"{quoted(c, self.dialect)} IS NOT NULL" for c in columns]

    def _rows(self, columns: Sequence[str], where: str, source: str | None = None) -> str:
        items = [f"{self.key} AS b", *self._cells(columns)]
        source = source or self.drawn.get(columns[0], self.source)
        return f"({select(items, source, where=[where, *self._filled(columns)], dialect=self.dialect)})"

    def _since(self, name: str, columns: Sequence[str]) -> str:
        """In which bucket each key, or each pair, came first."""
        letters = list(LETTERS[: len(columns)])
        items = [*self._cells(columns), f"MIN({quoted(self.span.column.name, self.dialect)}) AS t"]
        where = [*self.past, *self._filled(columns)]
        group = [str(at + 1) for at in range(len(columns))]
        source = self.drawn.get(columns[0], self.source)
        oldest = select(items, source, where=where, group=group, dialect=self.dialect)
        start = bucket_sql("t", kind_of(self.span.column), self.span.grain, self.dialect, self.span.zone)
        return kept_as(name, select([*letters, f"{start} AS since"], f"({oldest})", dialect=self.dialect))

    def _now(self, columns: Sequence[str]) -> tuple[str, str]:
        """The rows that are asked about, and how they are counted; few values are counted first and looked up then: looking up each row takes
        several times as long.
        """
        rows = self._rows(columns, self.now, SAMPLE if self._is_sampled(columns) else None)
        if not self._is_counted_first(columns):
            return rows, "COUNT(*)"
        letters = list(LETTERS[: len(columns)])
        group = [str(at + 1) for at in range(len(columns) + 1)]
        return f"({select(['b', *letters, 'COUNT(*) AS n'], f'{rows} AS r', group=group)})", "SUM(r.n)"

    def _unknown(self, number: int, at: int, key: str) -> str:
        rows, counted = self._now((key,))
        source = f"{rows} AS r LEFT JOIN k{at} AS s ON s.k = r.k"
        return select([str(number), "r.b", counted, f"{counted} FILTER ({_new('s')})"], source, group=["2"])

    def _regular(self, at: int, key: str) -> Iterator[str]:
        """Which keys each bucket has; for how many in turn it has had each."""
        first = min((i for i in self.places if self.places[i] >= self._first()), default=self.span.interval)
        recent = self.span.cut(Interval(start=first.start, end=max(self.targets, default=first).end))
        rows = self._rows((key,), recent.condition(self.dialect))
        yield kept_as(f"g{at}", select(["b", "k"], f"{rows} AS r", group=["1", "2"]))
        island = "p - ROW_NUMBER() OVER (PARTITION BY k ORDER BY p) AS island"
        apart = select(["k", "p", island], f"g{at} JOIN days USING (b)", where=["taught"])
        turns = "ROW_NUMBER() OVER (PARTITION BY k, island ORDER BY p) AS turns"
        yield kept_as(f"c{at}", select(["k", "p", turns], f"({apart})"))

    def _gone(self, number: int, at: int) -> str:
        source = (
            f"days AS d JOIN c{at} AS c ON c.p = d.p - 1 AND c.turns >= LEAST({REGULAR}, d.p)"
            f" LEFT JOIN g{at} AS h ON h.b = d.b AND h.k = c.k"
        )
        return select(
            [str(number), "d.b", "COUNT(*)", "COUNT(*) FILTER (h.k IS NULL)"],
            source,
            where=["d.asked", f"d.p >= {REGULAR_FROM}"],
            group=["2"],
            having=f"COUNT(*) >= {LEAST_REGULAR}",
        )

    def _new_pair(self, number: int, at: int, key: int, pair: Pair) -> str:
        rows, counted = self._now(pair.columns)
        source = (
            f"{rows} AS r JOIN k{key} AS s ON s.k = r.k AND s.since < r.b"
            f" LEFT JOIN p{at} AS p ON p.k = r.k AND p.v = r.v"
        )
        return select([str(number), "r.b", counted, f"{counted} FILTER ({_new('p')})"], source, group=["2"])


def kept_as(name: str, sql: str) -> str:
    """A common table that is worked out once."""
    return f"{name} AS MATERIALIZED ({sql})"


def _new(table: str) -> str:
    return f"{table}.since IS NULL OR {table}.since >= r.b"


def pairs_sql(dataset: Dataset, spec: MetricSpec, interval: Interval, time: Column, *, dialect: str = "duckdb") -> str:
    """The pairs of a bucket that never went together before, of keys that are known; the most frequent first."""
    key, value = (quoted(name or "", dialect) for name in (spec.argument, spec.column))
    source, kind = relation(dataset.ref, dialect), kind_of(time)
    before, inside = (
        select(
            [f"{key} AS k", f"{value} AS v"],
            source,
            where=[within_sql(time.name, kind, span, dialect)],
            dialect=dialect,
        )
        for span in (Interval(start=EVER.start, end=interval.start), interval)
    )
    had = [
        f"EXISTS ({select(['1'], f'({before}) AS b', where=where, dialect=dialect)})"
        for where in (["b.k = now.k"], ["b.k = now.k", "b.v = now.v"])
    ]
    return select(
        [f"k AS {key}", f"v AS {value}", "COUNT(*)"],
        f"({inside}) AS now",
        where=["v IS NOT NULL", had[0], f"NOT {had[1]}"],
        group=["1", "2"],
        order=["3 DESC"],
        dialect=dialect,
    )
