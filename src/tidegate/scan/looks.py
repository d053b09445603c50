"""How the values of a whole table look, for tables that have no buckets of time: texts, signs, empty clocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tidegate.metrics import METRICS, aggregate, kind_of, relation, select
from tidegate.model import Family
from tidegate.scan import infer
from tidegate.scan.options import Plan
from tidegate.scan.tally import Tally, groups

LOOKS: Final[Mapping[Family, tuple[str, ...]]] = {
    Family.NUMBER: ("zero_count", "negative_count"),
    Family.TEXT: ("upper_count", "lower_count", "padded_count", "non_ascii_count", "placeholder_count"),
    Family.TIME: ("epoch_count",),
}
"""What is asked of every column: shares of which a table that never had any shows at once that something is wrong."""

MOST_VALUES: Final = 10_000_000
"""Values (rows x columns) up to which this is asked. Chosen, not derived."""


def looks(tally: Tally) -> Plan[None]:
    """Count them; nothing of a table that is too large for it, which is noted."""
    measures = {column.name for column in infer.measures(tally)}
    able = [
        c
        for c in tally.dataset.columns
        if (c.family in (Family.TEXT, Family.TIME) or c.name in measures) and not infer.LOADERS_OWN.search(c.name)
    ]
    if tally.rows * len(able) > MOST_VALUES:
        tally.notes.append(
            f"{tally.dataset.ref}: how values look is not asked, for it has more than {MOST_VALUES // len(able):,} rows"
        )
        return
    asks = [
        (tally.spec(metric, column.name), column)
        for column in able
        for metric in LOOKS.get(column.family, ())
        if METRICS[metric].applies_to(kind_of(column), column.family)
    ]
    for group in groups(asks, 2 * tally.options.columns_per_statement) if asks else ():
        sql = select(
            [aggregate(spec, column, dialect=tally.dialect) for spec, column in group],
            relation(tally.dataset.ref, tally.dialect),
            dialect=tally.dialect,
        )
        rows = yield tally.statement("looks", sql, specs=[spec for spec, _ in group])
        for (spec, _), value in zip(group, rows[0], strict=True):
            tally.add(spec, value)
