"""Render: what is known of one alarm, and of one table, as text for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tidegate.cli.output import Output
from tidegate.model import Band, MetricSpec
from tidegate.model.words import counted, figure, lasting

if TYPE_CHECKING:
    from tidegate.detect.ahead import Expectation, Outlook, Season
    from tidegate.scan import Agreement, Beside, Regular, Relations, Sequences
    from tidegate.services.alarm import Alarm
    from tidegate.services.portrait import Lateness, Portrait, Said

SHARES = frozenset({"nulls", "share", "duplicates", "unlike"})
"""Kinds of numbers that are told as shares of the rows."""

LABELS = {"time_column": "time", "time_zone": "zone", "seasonality": "season"}
"""The labels of what is called longer in `tidegate.yml`."""

SHOWN = 24
"""How many bands are listed; `--json` and `--verbose` have all."""


def alarm(output: Output, found: Alarm, *, now: datetime) -> None:
    """One alarm: what, how rare, since when, where, what changed with it, and alarms like it."""
    finding, incident = found.finding, found.incident
    where = f"incident {incident.number} ({incident.severity}, {incident.state})" if incident else "told, no incident"
    output.line(f"{output.strong(finding.key)}  {where}, version {found.version}")
    output.entry("what", finding.sentence)
    if finding.spec is not None:
        output.entry("number", number_name(finding.spec))
    for label, text in _numbers(found):
        output.entry(label, text)
    for label, text in _circumstances(found):
        output.entry(label, text)
    for other in found.others:
        output.entry("also", other.sentence)
    for one in found.similar:
        ended = f"{one.resolution}: {one.reason}" if one.resolution else "not answered yet"
        ago = lasting(now - one.opened_at)
        output.entry("similar", f"incident {one.incident}, {ago} ago ({one.how}), {ended}")
    if not found.similar:
        output.entry("similar", "none")
    if finding.sql:
        output.line("\n" + finding.sql)
    output.line(f"\nnext       {_following(found)}")


def _numbers(found: Alarm) -> Iterator[tuple[str, str]]:
    finding = found.finding
    if finding.expected is not None:
        yield "expected", f"{span(finding.expected, finding.kind)} ({finding.expected.method})"
    if finding.observed is not None:
        yield "observed", value(finding.observed, finding.kind)
    if found.one_in is not None:
        yield "how rare", f"chance alone brings one in {found.one_in:,.0f} batches, after all numbers of the table"
    elif finding.expected is not None:
        yield "how rare", "a rule, no chance is involved"


def _circumstances(found: Alarm) -> Iterator[tuple[str, str]]:
    finding = found.finding
    if finding.since:
        yield "since", finding.since
    if finding.slice is not None:
        part = finding.slice
        values = f", {value(part.observed, '')} instead of {value(part.expected, '')}"
        yield "slice", f"{part.name}: {100 * part.share:.0f} % of the difference{values}"
    if finding.spread:
        none = "none" if finding.slice is None else "but"
        yield "slice", f"{none}: it is spread over all values of {', '.join(finding.spread)}"
    for line in found.changed:
        yield "changed", line
    if not found.changed:
        yield "changed", "neither code, nor schemas, nor loads, as far as is known"


def _following(found: Alarm) -> str:
    incident = found.incident
    if found.line and incident is None:
        return f"tidegate explain {found.finding.key} --plot"
    if incident is None:
        return "tidegate incidents"
    if incident.resolution is None:
        plot = f"tidegate explain {incident.number} --plot; " if found.line else ""
        return f"{plot}tidegate recover {incident.number} --plan"
    return f"tidegate incidents show {incident.number}"


def table(output: Output, found: Portrait) -> None:
    """One table: what is inferred, how long its past is, what comes next, and how each of it is said otherwise."""
    look = found.outlook
    rows = f", {found.rows:,} rows" if found.rows is not None else ""
    output.line(f"{output.strong(str(found.dataset))}  version {found.version}{rows}")
    for label, text in (*_of_time(found), *_of_past(found)):
        output.entry(label, text)
    output.line()
    _bands(output, look)
    output.line("\nsaid otherwise in tidegate.yml, each by its line")
    for name, said in found.said.items():
        output.entry(LABELS.get(name, name), said.override)
    output.line(f"\nnext       tidegate explain {found.dataset} --plot; tidegate backtest {found.dataset}")


def _of_time(found: Portrait) -> Iterator[tuple[str, str]]:
    said = found.said
    if said["grain"].value is None:
        yield "grain", "none: there is no column of times, so a batch is a version"
    else:
        yield (
            "grain",
            f"{said['grain'].value}{_by(said['grain'])}, by {said['time_column'].value or 'a column of times'}{_by(said['time_column'])}",
        )
    if found.load_column:
        yield "loads", f"told by {found.load_column}{_loads(found)}"
    told = [f"{said['time_zone'].value}{_by(said['time_zone'])}"]
    told += [f"{name} {said[name].value}{_by(said[name])}" for name in ("weekend", "holidays")]
    yield "calendar", ", ".join(told)
    if found.next_holidays:
        yield "holidays", "next: " + "; ".join(f"{day:%Y-%m-%d} {name}" for day, name in found.next_holidays)


def _loads(found: Portrait) -> str:
    if found.has_loads_for_batches:
        return f"; each new one is judged by the {counted(found.loads, 'load')} before it"
    return (
        f"; not enough history ({found.loads} of {found.loads_needed} loads)" if found.outlook.unit == "version" else ""
    )


def _by(said: Said) -> str:
    return " (said)" if said.is_said else ""


def _of_past(found: Portrait) -> Iterator[tuple[str, str]]:
    look = found.outlook
    span_of = f", {look.since:%Y-%m-%d} to {look.until:%Y-%m-%d}" if look.since and look.until else ""
    yield "history", f"{counted(look.points, look.unit)}{span_of}"
    if found.is_young:
        of = "of the whole table " if found.has_loads_for_batches else ""
        known = f"{look.points} of {counted(look.needed, look.unit)}"
        yield "young", f"not enough history ({known}); {of}only gross changes are judged"
    if look.trend is not None:
        yield "trend", _trend(look.trend, look.unit)
    if found.said["seasonality"].is_said:
        yield "season", "off (said)"
    for season in look.seasons if not found.said["seasonality"].is_said else ():
        yield "season", _season(season, look)
    if look.unit != "version":
        yield "lateness", _lateness(found.lateness, look.unit)
        yield "relations", relations(found.relations)
        yield "agreement", agreement(found.agreement)
        yield "numbers", numbers(found.numbers)
        yield "regular", regular(found.regular)
        yield "sequences", sequences(found.sequences)
    for note in found.notes:
        yield "note", note
    budget = found.budget
    yield (
        "budget",
        f"{budget.false_alarms_per_month:.3g} false alarms a month, by {budget.said_by}: one in {1 / budget.per_batch:,.0f} batches",
    )
    if found.incidents:
        more = f" and {len(found.incidents) - 5} more" if len(found.incidents) > 5 else ""
        yield "incidents", ", ".join(map(str, found.incidents[:5])) + more


def _trend(factor: float, unit: str) -> str:
    if abs(factor - 1) < 0.01:
        return f"none: the rows of a {unit} stay where they are"
    return f"the rows of a {unit} {'grow' if factor > 1 else 'shrink'} by {abs(factor - 1):.0%} in 30 {unit}s"


def _season(season: Season, look: Outlook) -> str:
    if season.strength is None:
        return f"{season.name}: not enough history ({look.points} of {3 * season.length} {look.unit}s)"
    if not season.is_found:
        return f"{season.name}: none found (explains {season.strength:.0%} of what the trend leaves)"
    said = ""
    if season.length == 7 and look.since is not None:
        first = (look.since + (look.until - look.since) / (2 * look.points)).weekday() if look.until else 0
        days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
        told = sorted(((first + at) % 7, f) for at, f in enumerate(season.effects))
        said = ": " + ", ".join(f"{days[day]} {factor - 1:+.0%}" for day, factor in told)
    return f"{season.name}, explains {season.strength:.0%} of what the trend leaves{said}"


NOT_CHOSEN: Final = "not chosen yet: it takes seven buckets of time that a published version has"


def numbers(chosen: Beside | None) -> str:
    """Which numbers and times follow from the others of their row, and which from a category."""
    if chosen is None:
        return NOT_CHOSEN
    told = [f"{name} by {by.column}" for name, by in chosen.by_category.items()]
    if chosen.following:
        whose = "its" if len(chosen.following) == 1 else "their"
        told.append(f"{', '.join(chosen.following)} from the others of {whose} row")
    return "; ".join(told) or "none: no number follows from the others of its row, or from a category"


def agreement(chosen: Agreement | None) -> str:
    """What rows with the same key have in common."""
    if chosen is None:
        return NOT_CHOSEN
    told = [
        f"{', '.join(values)} of one {key}{f' (of one in {n})' if (n := chosen.one_in.get(key)) else ''}"
        for key, values in chosen.by_key.items()
    ]
    return "; ".join(told) or "none: no rows that share a key agree in anything else"


def regular(chosen: Regular | None) -> str:
    """To how many decimals numbers keep, and which column is NULL only where another one is."""
    if chosen is None:
        return NOT_CHOSEN
    told = []
    for digits in sorted(set(chosen.decimals.values())):
        names = ", ".join(name for name, k in chosen.decimals.items() if k == digits)
        told.append(f"{names} with {counted(digits, 'decimal')}")
    told += [f"{name} NULL only where {other} is" for name, other in chosen.nulls.items()]
    return "; ".join(told) or "none: no number keeps to its decimals, and no column is NULL only where another one is"


def sequences(chosen: Sequences | None) -> str:
    """Which columns count up, and by which step."""
    if chosen is None:
        return NOT_CHOSEN
    return "; ".join(f"{one.column} {one}" for one in chosen.counting) or "none: no column counts up without gaps"


def relations(chosen: Relations | None) -> str:
    """Which columns go with which key, and which keys stand alone."""
    if chosen is None:
        return NOT_CHOSEN
    by_key: dict[str, list[str]] = {key: [] for key in chosen.keys}
    for pair in chosen.pairs:
        by_key[pair.key].append(pair.value)
    told = [f"{', '.join(values)} with {key}" for key, values in by_key.items() if values]
    alone = [key for key, values in by_key.items() if not values]
    told += [f"values of {', '.join(alone)}"] if alone else []
    part = f" ({chosen.in_part})" if chosen.in_part else ""
    return "; ".join(told) + part if told else "none: no values come again regularly, and none go together"


def _lateness(found: Lateness, unit: str) -> str:
    if found.seen < found.needed:
        return f"not known yet ({found.seen} of {found.needed} {unit}s seen while they were young); complete when it has ended"
    curve = ", ".join(f"{a.share:.1%} after {a.age:g}" for a in found.curve[:5])
    when = (
        f"complete {found.complete_after:g} {unit}s after its end"
        if found.complete_after is not None
        else "never complete"
    )
    return f"{when}, by {found.seen} {unit}s that were seen young ({curve} {unit}s)"


def _bands(output: Output, look: Outlook) -> None:
    from tidegate.detect.words import bucket

    told = [e for e in look.expectations if e.spec.segment is None] or list(look.expectations)
    parts = len(look.expectations) - len(told)
    ahead = f" for {bucket(look.following, look.unit)}" if look.following is not None else ""
    shown = told if output.verbose else told[:SHOWN]
    if not shown:
        output.line("no number of it is known yet")
        return
    output.table(["number", "last", f"expected next{ahead}", "points", "by"], [_band(e) for e in shown], right=(1, 3))
    rest = [f"{len(told) - len(shown)} more numbers"] if len(told) > len(shown) else []
    rest += [f"{counted(parts, 'number')} of categories"] if parts else []
    if rest:
        output.line(f"and {' and '.join(rest)}, which `--json` lists")


def _band(one: Expectation) -> Sequence[str]:
    last = "-" if one.last is None else value(one.last, one.kind)
    if one.band is None:
        missing = f"not enough history ({one.points} of {one.needed})"
        return (number_name(one.spec), last, missing, str(one.points), "")
    method = one.band.method.rpartition(", ")[0]
    return (number_name(one.spec), last, span(one.band, one.kind), str(one.points), method)


def number_name(spec: MetricSpec) -> str:
    """A number in a few words: `mean of amount`, `row_count where country = DE`."""
    argument = f" {spec.argument}" if spec.argument else ""
    column = f" of {spec.column}" if spec.column else ""
    part = f" where {spec.segment}" if spec.segment is not None else ""
    part += f" and {spec.where}" if part and spec.where else ""
    return f"{spec.metric}{argument}{column}{part}"


def value(number: float, kind: str) -> str:
    """A number for a person, as a share for a kind that is one."""
    if kind in SHARES and 0 <= number <= 1:
        return f"{number:.1%}"
    return figure(number)


def span(band: Band, kind: str) -> str:
    """Both ends of a band, once where they look the same."""
    whole = kind in {"volume", "segment", "distinct"}
    low, high = (f"{end:,.0f}" if whole else value(end, kind) for end in (band.low, band.high))
    return low if low == high else f"{low} to {high}"
