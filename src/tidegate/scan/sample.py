"""Quantiles: exact on small tables, of an unbiased sample of the rows on large ones.

DuckDB's `reservoir_quantile` is 94 rank points off on a column that is ordered in time, because it keeps the last
blocks; `approx_quantile` costs nine times as much. A hash of the row's number picks the same rows every time, costs
5 ns a row once for all columns, and its error follows from the size alone. Views have no row numbers: Bernoulli there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, cast

from tidegate.metrics import TIMES, kind_of, relation, select
from tidegate.metrics.fragments import quantiles, ranked
from tidegate.model import Column
from tidegate.scan import infer
from tidegate.scan.merging import POINTS, Item, Kept, Merge, worth
from tidegate.scan.merging import quantiles as quantiles_of
from tidegate.scan.options import Plan
from tidegate.scan.pieces import Piece, ask_of, joined
from tidegate.scan.tally import Tally, groups

SHARES: Final = ("0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99")
CONFIDENCE: Final = 0.999
SEED: Final = 1
ROWS_OF_A_PIECE: Final = 25_000
"""How many rows of a piece of a table are looked at. Chosen, not derived."""


def sample(tally: Tally) -> Plan[None]:
    """Measure seven quantiles of every measure and time."""
    columns = [*infer.measures(tally), *(c for c in tally.dataset.columns if kind_of(c) in TIMES)]
    if not columns:
        return
    if tally.options.pieces:
        yield from _of_pieces(tally, columns)
        return
    source, where, kept = _source(tally)
    for group in groups(columns, tally.options.columns_per_statement):
        items = [quantiles(column, SHARES, dialect=tally.dialect) for column in group]
        rows = yield tally.statement("quantiles", select(items, source, where=where, dialect=tally.dialect))
        for column, values in zip(group, rows[0], strict=True):
            error = rank_error(kept * (tally.rows - tally.nulls(column))) if kept < 1 else 0.0
            for share, value in zip(SHARES, values if isinstance(values, list | tuple) else (), strict=False):
                tally.add(tally.spec("quantile", column.name, argument=share), value, error=error)


def _of_pieces(tally: Tally, columns: Sequence[Column]) -> Plan[None]:
    """The same from samples of the pieces of the table, each kept as the values at evenly spaced ranks."""
    items = [Item(ranked(column, dialect=tally.dialect), Merge.DISTRIBUTION) for column in columns]
    asks = [ask_of([item]) for item in items]
    answers: list[list[Kept]] = [[] for _ in items]
    for piece in tally.options.pieces:
        missing = [at for at, ask in enumerate(asks) if piece.kept(ask) is None]
        nth = max(1, piece.rows // ROWS_OF_A_PIECE)
        for few in groups(missing, tally.options.columns_per_statement) if missing else ():
            rows = yield tally.statement(
                "quantiles of new rows", _points_sql(tally, piece, nth, [items[at].sql for at in few])
            )
            for at, points in zip(few, rows[0], strict=True):
                count, *values = cast("Sequence[float]", points)
                piece.keep(asks[at], Kept.of([items[at]], [([[count, nth, *values]] if count else [],)]))
        for ask, found in zip(asks, answers, strict=True):
            answer = piece.kept(ask)
            found += [answer] if answer is not None else []
    for column, found in zip(columns, answers, strict=True):
        _add(tally, column, cast("Sequence[Sequence[float]]", joined(found).rows[0][0]))


def _points_sql(tally: Tally, piece: Piece, nth: int, values: Sequence[str]) -> str:
    """For each of some values, in a list: how many there are, and those in the middle of as many equal
    parts as points are kept.

    Sorting once and picking takes a fifth of what as many quantiles do.
    """
    where = [piece.condition, *([f"HASH(rowid) % {nth} = 0"] if nth > 1 else [])]
    inner, outer = [], []
    for at, value in enumerate(values):
        inner += [f"COUNT({value}) AS n{at}", f"LIST_SORT(LIST({value}), 'ASC', 'NULLS LAST') AS v{at}"]
        ranks = f"[1 + ((2 * i + 1) * n{at}) // {2 * POINTS} FOR i IN RANGE({POINTS})]"
        outer.append(f"LIST_PREPEND(CAST(n{at} AS DOUBLE), LIST_SELECT(v{at}, {ranks}))")
    rows = select(inner, relation(tally.dataset.ref, tally.dialect), where=where, dialect=tally.dialect)
    return select(outer, f"({rows}) AS sorted", dialect=tally.dialect)


def _add(tally: Tally, column: Column, samples: Sequence[Sequence[float]]) -> None:
    if not samples:
        return
    whole = all(one[1] == 1 for one in samples)
    error = (0.0 if whole else rank_error(worth(samples))) + 1 / POINTS
    for share, value in zip(SHARES, quantiles_of(samples, [float(share) for share in SHARES]), strict=True):
        tally.add(tally.spec("quantile", column.name, argument=share), value, error=error)


def _source(tally: Tally) -> tuple[str, list[str], float]:
    """The rows to take: a source, a condition, and the share of the rows that they are."""
    table = relation(tally.dataset.ref, tally.dialect)
    nth = tally.rows // tally.options.sample_rows
    if nth < 2:
        return table, [], 1.0
    if tally.dataset.is_view or tally.dataset.column("rowid") is not None:
        return f"{table} TABLESAMPLE BERNOULLI ({100 / nth:.6f} PERCENT) REPEATABLE ({SEED})", [], 1 / nth
    return table, [f"HASH(rowid) % {nth} = 0"], 1 / nth


def rank_error(rows: float) -> float:
    """How far the share of rows below a sample's quantile may be off, with 99.9 % confidence, for a sample of that size.

    Dvoretzky, Kiefer and Wolfowitz (1956) with the constant of Massart (1990).
    """
    return min(1.0, math.sqrt(math.log(2 / (1 - CONFIDENCE)) / (2 * rows))) if rows >= 1 else 1.0
