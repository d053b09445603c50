"""The plan of one table's scan: a few statements, each with the technique that measured best, in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.metrics.fragments import DIALECTS
from tidegate.model import Column, Dataset, MetricSpec
from tidegate.scan import infer
from tidegate.scan.categories import Counts, categories
from tidegate.scan.duplicates import duplicates
from tidegate.scan.history import History, history
from tidegate.scan.light import light
from tidegate.scan.looks import looks
from tidegate.scan.options import Plan, ScanOptions, TableScan
from tidegate.scan.own import own
from tidegate.scan.pieces import learnt
from tidegate.scan.sample import sample
from tidegate.scan.tally import Tally
from tidegate.scan.window import window


def scan_table(
    dataset: Dataset, wanted: Sequence[MetricSpec], options: ScanOptions, *, dialect: str = "duckdb"
) -> Plan[TableScan]:
    """Measure a table: profile, quantiles, categories, history and duplicates, and every wanted number.

    A generator: it yields a `Statement`, is sent all rows of the answer, and returns the scan. When a statement fails,
    throw the `QueryError` in: the user's own conditions are then asked one by one, and what fails for the user's reasons
    ends in `unmeasured`. Cost: each column is read about four times, the text columns twice.

    Raises:
        QueryError: a statement of ours was refused; the view may be broken.
        LookupError: nothing was measured for that dialect yet.
    """
    if dialect not in DIALECTS:
        raise LookupError(f"there are no measured techniques for `{dialect}`; known: {', '.join(sorted(DIALECTS))}")
    tally = Tally(dataset, options, dialect)
    mine = [spec for spec in wanted if spec.dataset == dataset.ref]
    yield from light(tally, mine)
    counts: Counts = {}
    facts = _Facts()
    if options.profile and tally.rows > 0:
        counts = yield from _profile(tally, facts)
    yield from own(tally, mine, counts)
    for spec in mine:
        if spec not in tally.measured:
            tally.unmeasured.setdefault(spec, "it was not measured")
    return TableScan(
        dataset=dataset,
        measurements=(*tally.measured.values(), *tally.bucketed),
        profiled=options.profile,
        time_column=facts.time.name if facts.time else None,
        grain=facts.grain,
        load_column=facts.load.name if facts.load else None,
        segment_columns=tuple(column.name for column in facts.history.segments),
        reopened=facts.history.reopened,
        vanished=facts.history.vanished,
        notes=tuple(tally.notes),
        unmeasured=tally.unmeasured,
        learnt=learnt(options.pieces),
    )


class _Facts:
    """What was inferred of the table on the way."""

    time: Column | None = None
    grain: str | None = None
    load: Column | None = None
    history: History = History()


def _profile(tally: Tally, facts: _Facts) -> Plan[Counts]:
    """Everything beyond the light scan; the table has rows."""
    facts.load = infer.load_column(tally)
    yield from sample(tally)
    counts = yield from categories(tally, facts.load)
    if not tally.options.history:
        return counts
    facts.time = infer.time_column(tally)
    facts.grain = infer.grain(tally, facts.time) if facts.time else None
    span = window(tally, facts.time, facts.grain) if facts.time and facts.grain else None
    if span is not None:
        facts.history = yield from history(tally, span, {name: len(values) for name, values in counts.items()})
    else:
        yield from looks(tally)
    yield from duplicates(tally, span, facts.history.starts, facts.load)
    return counts
