"""The plan of one table's scan: a few statements, each with the technique that measured best, in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.metrics.fragments import DIALECTS
from tidegate.model import Dataset, MetricSpec
from tidegate.scan.light import light
from tidegate.scan.options import Plan, Profile, ScanOptions, TableScan
from tidegate.scan.own import own
from tidegate.scan.pieces import learnt
from tidegate.scan.tally import Tally


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
    found = Profile()
    if options.profile and tally.rows > 0:
        from tidegate.scan.profile import profile

        found = yield from profile(tally)
    yield from own(tally, mine, found.counts)
    for spec in mine:
        if spec not in tally.measured:
            tally.unmeasured.setdefault(spec, "it was not measured")
    return TableScan(
        dataset=dataset,
        measurements=(*tally.measured.values(), *tally.bucketed),
        profiled=options.profile,
        time_column=found.time_column,
        grain=found.grain,
        load_column=found.load_column,
        segment_columns=found.segment_columns,
        reopened=found.reopened,
        vanished=found.vanished,
        loads=found.loads,
        notes=tuple(tally.notes),
        unmeasured=tally.unmeasured,
        learnt=learnt(options.pieces),
    )
