"""What a table is asked beyond what is wanted of it: quantiles, categories, history and duplicates."""

from __future__ import annotations

from tidegate.scan import infer
from tidegate.scan.categories import categories
from tidegate.scan.duplicates import duplicates
from tidegate.scan.history import History, history
from tidegate.scan.loads import loads
from tidegate.scan.looks import looks
from tidegate.scan.options import Loads, Plan, Profile
from tidegate.scan.sample import sample
from tidegate.scan.tally import Tally
from tidegate.scan.window import window


def profile(tally: Tally) -> Plan[Profile]:
    """Everything beyond the light scan; the table has rows."""
    load = infer.load_column(tally)
    yield from sample(tally)
    counts = yield from categories(tally, load)
    load_column = load.name if load else None
    if not tally.options.history:
        return Profile(counts=counts, load_column=load_column)
    time = infer.time_column(tally)
    grain = infer.grain(tally, time) if time else None
    span = window(tally, time, grain) if time and grain else None
    past, by_load = History(), Loads()
    if span is not None:
        past = yield from history(tally, span, {name: len(values) for name, values in counts.items()})
    else:
        yield from looks(tally)
        by_load = () if load is None else (yield from loads(tally, load, counts))
    yield from duplicates(tally, span, past.starts, load)
    return Profile(
        counts=counts,
        load_column=load_column,
        time_column=time.name if time else None,
        grain=grain,
        segment_columns=tuple(column.name for column in past.segments),
        reopened=past.reopened,
        vanished=past.vanished,
        loads=by_load,
    )
