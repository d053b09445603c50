"""The light scan: every plain aggregate of every column, and the conditions of checks on the same statements."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from tidegate.errors import QueryError
from tidegate.metrics import (
    METRICS,
    Atoms,
    ConditionError,
    average,
    conditions,
    is_pure,
    kind_of,
    quoted,
    relation,
    select,
    taken_apart,
)
from tidegate.metrics.predicate import condition
from tidegate.metrics.shortcuts import OPEN, extreme_of, in_range, shortcut
from tidegate.model import Column, Family, MetricSpec
from tidegate.scan.merging import Item, Merge, UnkeepableError
from tidegate.scan.options import Plan
from tidegate.scan.pieces import ask_of, columns
from tidegate.scan.tally import Tally, groups

PROFILE: Final = (
    "null_count",
    "distinct_count",
    "min",
    "max",
    "min_exact",
    "max_exact",
    "sum",
    "mean",
    "stddev",
    "nan_count",
    "infinite_count",
    "newest",
    "distinct_days",
    "empty_count",
    "min_length",
    "max_length",
    "mean_length",
    "true_count",
)
"""What is measured of every column to which it applies."""

EXACT: Final = frozenset({"min_exact", "max_exact"})
WANTED_PER_STATEMENT: Final = 200
"""Chosen, not derived: a statement stays readable, and rides on few passes."""


MERGES: Final[Mapping[str, Merge]] = MappingProxyType(
    dict.fromkeys(
        "row_count null_count sum mean mean_length finite_count nan_count infinite_count empty_count true_count"
        " failing_rows known_rows".split(),
        Merge.SUM,
    )
    | dict.fromkeys(("min", "min_exact", "min_length"), Merge.MIN)
    | dict.fromkeys(("max", "max_exact", "max_length"), Merge.MAX)
    | dict.fromkeys(("distinct_count", "distinct_days"), Merge.DISTINCT)
    | {"stddev": Merge.MOMENTS}
)
"""How the parts of a metric join over pieces of a table; what is not here is asked of all rows."""

RATIOS: Final = frozenset({"mean", "mean_length"})
"""Metrics that join only when sum and count are asked by themselves."""

USERS: Final = re.compile(r"\s*([a-z_]+)\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)\s*", re.IGNORECASE)
"""One call of an aggregate, and nothing around it."""

DISTINCT: Final = re.compile(r"\s*distinct\b", re.IGNORECASE)

USERS_MERGES: Final[Mapping[str, Merge]] = MappingProxyType(
    {
        "count": Merge.SUM,
        "sum": Merge.SUM,
        "stddev": Merge.MOMENTS,
        "stddev_samp": Merge.MOMENTS,
        "approx_count_distinct": Merge.DISTINCT,
    }
)


USERS_SHORTCUTS: Final[Mapping[str, str]] = MappingProxyType({"stddev": "stddev", "stddev_samp": "stddev"})
"""The user's aggregates of a column that are a metric of the catalogue to which there may be a shortcut."""

NAME: Final = re.compile(r'"([^"]+)"|[a-z_][a-z0-9_]*', re.IGNORECASE | re.ASCII)

SHORT_MERGES: Final[Mapping[str | None, Merge]] = MappingProxyType(
    {"COUNT": Merge.SUM, "SUM": Merge.SUM, "MIN": Merge.MIN, "MAX": Merge.MAX}
)
"""How the parts of shortcuts join."""


@dataclass(frozen=True, slots=True)
class Ask:
    """An aggregate on its way: the spec and its SQL, taken apart; `users` tells that the user wrote part of it.

    Where a `limit` is given, the number asked for stands for the one wanted only up to there: beyond, `exact` is asked.
    `otherwise` makes it a shortcut: what is asked where that leaves the number open.
    """

    spec: MetricSpec
    atoms: Atoms
    users: bool = False
    limit: float | None = None
    exact: Atoms | None = None
    otherwise: Ask | None = None


def light(tally: Tally, wanted: Sequence[MetricSpec]) -> Plan[None]:
    """Measure the profile of every column and the wanted aggregates, about 50 columns a statement."""
    profiled = tally.dataset.columns if tally.options.profile else ()
    riding = _wanted(tally, wanted)
    for number, group in enumerate(groups(profiled, tally.options.columns_per_statement)):
        asks = [ask for column in group for ask in _profile(tally, column)]
        if number == 0:
            rows = tally.spec("row_count")
            asks = [Ask(rows, taken_apart(rows, None, dialect=tally.dialect)), *asks, *riding[:WANTED_PER_STATEMENT]]
        yield from _measure(tally, asks)
    for at in range(WANTED_PER_STATEMENT, len(riding), WANTED_PER_STATEMENT):
        yield from _measure(tally, riding[at : at + WANTED_PER_STATEMENT])


def _profile(tally: Tally, column: Column) -> list[Ask]:
    kind = kind_of(column)
    found = []
    for metric in PROFILE:
        if METRICS[metric].applies_to(kind, column.family):
            spec = tally.spec(metric, column.name)
            found.append(_asked(tally, spec, column))
    return found


def _asked(tally: Tally, spec: MetricSpec, column: Column | None, *, users: bool = False) -> Ask:
    """Raises: ConditionError."""
    whole = _asked_whole(tally, spec, column, users=users)
    short = _shortcut(tally, spec, column)
    return whole if short is None else Ask(spec, short, users, otherwise=whole)


def _shortcut(tally: Tally, spec: MetricSpec, column: Column | None) -> Atoms | None:
    """A cheaper way to a number of all rows; also to the user's own `stddev(column)`."""
    metric = spec.metric
    if metric == "failing_rows" and spec.where is None and spec.argument is not None:
        return in_range(spec.argument, tally.dataset) if tally.options.profile else None
    if metric == "aggregate" and (found := USERS.fullmatch(spec.argument or "")):
        metric, column = USERS_SHORTCUTS.get(found[1].casefold(), ""), _named(tally, found[2])
    elif spec.argument is not None:
        return None
    if column is None or spec.where is not None or spec.segment is not None:
        return None
    return shortcut(metric, column, quoted(column.name, tally.dialect), limit=_limit(tally).timestamp())


def _named(tally: Tally, text: str) -> Column | None:
    """The column whose name a text is, as SQL has it."""
    found = NAME.fullmatch(text.strip())
    return tally.dataset.column(found[1] or found[0]) if found is not None else None


def _asked_whole(tally: Tally, spec: MetricSpec, column: Column | None, *, users: bool) -> Ask:
    """Raises: ConditionError."""
    atoms = taken_apart(_limited(tally, spec), column, dialect=tally.dialect)
    if not tally.options.pieces:
        return Ask(spec, atoms, users)
    if spec.metric == "newest" and spec.argument is None:
        greatest = taken_apart(replace(spec, metric="max"), column, dialect=tally.dialect)
        return Ask(spec, greatest, users, limit=_limit(tally).timestamp(), exact=atoms)
    found = USERS.fullmatch(atoms.parts[0]) if spec.metric == "aggregate" else None
    if found is not None and found[1].casefold() == "avg" and _is_numeric(tally, found[2]):
        return Ask(spec, average(found[2]), users, exact=atoms)
    return Ask(spec, atoms, users)


def _is_numeric(tally: Tally, text: str) -> bool:
    """Whether an expression has numbers for its values, as far as the columns tell that it may name."""
    words = {word.casefold() for word in re.findall(r"\w+", text)}
    others = (c for c in tally.dataset.columns if c.family in (Family.TIME, Family.OTHER))
    return not DISTINCT.match(text) and all(words.isdisjoint(re.findall(r"\w+", c.name.casefold())) for c in others)


def _limit(tally: Tally) -> datetime:
    return tally.options.taken_at + timedelta(days=1)


def _limited(tally: Tally, spec: MetricSpec) -> MetricSpec:
    """Times more than a day after the scan are no events that happened: plans, or `9999-12-31` for "no end"."""
    if spec.metric != "newest" or spec.argument is not None:
        return spec
    return replace(spec, argument=_limit(tally).isoformat())


def _wanted(tally: Tally, wanted: Sequence[MetricSpec]) -> list[Ask]:
    """Those of the wanted numbers that are plain aggregates; what cannot be one is noted with its reason."""
    asks: list[Ask] = []
    for spec in dict.fromkeys(wanted):
        metric = METRICS.get(spec.metric)
        if metric is None:
            tally.unmeasured[spec] = f"there is no metric `{spec.metric}`"
        elif metric.aggregate is not None and spec.metric != "quantile" and not _profiled(tally, spec):
            ask = _ask(tally, spec)
            if ask is not None:
                asks.append(ask)
    return asks


def _profiled(tally: Tally, spec: MetricSpec) -> bool:
    """Whether the profile measures exactly that number anyway."""
    if spec == tally.spec("row_count"):
        return True
    column = tally.dataset.column(spec.column or "")
    return (
        tally.options.profile
        and column is not None
        and spec.metric in PROFILE
        and METRICS[spec.metric].applies_to(kind_of(column), column.family)
        and spec == tally.spec(spec.metric, column.name)
    )


def _ask(tally: Tally, spec: MetricSpec) -> Ask | None:
    column = tally.dataset.column(spec.column) if spec.column is not None else None
    metric = METRICS[spec.metric]
    if metric.families:
        if column is None:
            tally.unmeasured[spec] = f"{tally.dataset.ref} has no column `{spec.column}`"
            return None
        if not metric.applies_to(kind_of(column), column.family):
            tally.unmeasured[spec] = f"`{spec.metric}` means nothing for `{column.name}`, which is {column.type}"
            return None
    try:
        users = spec.where is not None or (metric.argument_as == "sql" and spec.argument is not None)
        return _asked(tally, spec, column, users=users)
    except ConditionError as error:
        tally.unmeasured[spec] = str(error)
        return None


def _measure(tally: Tally, asks: Sequence[Ask], purpose: str = "profile") -> Plan[None]:
    """Ask for all at once, then for what shortcuts leave open; when the engine refuses, ask for ours at once and for the
    user's one by one.
    """
    try:
        asks, values = yield from _values(tally, asks, purpose)
    except QueryError:
        users = [ask for ask in asks if ask.users]
        if not users:
            raise
        ours = [ask for ask in asks if not ask.users]
        if ours:
            yield from _measure(tally, ours, purpose)
        for ask in users:
            yield from _measure_alone(tally, ask)
        return
    left_open = []
    for ask in asks:
        raw = ask.atoms.combine([values[part] for part in ask.atoms.parts])
        if raw is OPEN and ask.otherwise is not None:
            left_open.append(ask.otherwise)
            continue
        if ask.limit is not None and ask.exact is not None and isinstance(raw, float) and raw > ask.limit:
            raw = yield from _newest(tally, ask, ask.exact, ask.limit)
        if ask.spec.metric in EXACT and ask.spec.column is not None and _fits_double(raw):
            continue
        tally.add(ask.spec, raw)
    if left_open:
        yield from _measure(tally, left_open, "profile: left open")


def _newest(tally: Tally, ask: Ask, exact: Atoms, limit: float) -> Plan[object]:
    """The newest time up to a limit, which only pieces with later times have to be asked for again: few rows first, and of the
    others only for what may be newer than what was found.
    """
    (greatest,) = (Item(part, Merge.MAX) for part in ask.atoms.parts)
    source, found, later = relation(tally.dataset.ref, tally.dialect), [], []
    for piece in tally.options.pieces:
        kept = piece.kept(ask_of([greatest]))
        known = kept.answer()[0][0] if kept is not None else None
        if known is None or (isinstance(known, float) and known > limit):
            later.append(piece)
        elif isinstance(known, float):
            found.append(known)
    for piece in sorted(later, key=lambda piece: piece.rows):
        where = [piece.condition]
        if found and ask.spec.column is not None:
            where.append(f"EPOCH({quoted(ask.spec.column, tally.dialect)}) >= {math.floor(max(found))}")
        sql = select(exact.parts, source, where=where, dialect=tally.dialect)
        known = (yield tally.statement("newest", sql, specs=[ask.spec]))[0][0]
        found += [known] if isinstance(known, float) else []
    return max(found, default=None)


def _values(tally: Tally, asks: Sequence[Ask], purpose: str) -> Plan[tuple[Sequence[Ask], dict[str, object]]]:
    """The value of every part of what is asked: from what is kept of pieces of the table where that can be, else of all
    rows. What is asked comes back as it was asked in the end.
    """
    joining = {item.sql: item for ask in asks for item in _items(tally, ask)} if tally.options.pieces else {}
    values: dict[str, object] = {}
    if joining:
        items, source = list(joining.values()), relation(tally.dataset.ref, tally.dialect)
        specs = [ask.spec for ask in asks if ask.atoms.parts[0] in joining]
        try:
            found = yield from columns(tally, purpose, items, source, specs)
            values = dict(zip(joining, found, strict=True))
        except (UnkeepableError, QueryError):
            asks = [replace(ask, atoms=ask.exact or ask.atoms, limit=None, exact=None) for ask in asks]
    rest = list(dict.fromkeys(part for ask in asks for part in ask.atoms.parts if part not in values))
    if rest:
        specs = [ask.spec for ask in asks if any(part not in values for part in ask.atoms.parts)]
        rows = yield tally.statement(purpose, _sql(tally, rest), specs=specs)
        values |= zip(rest, rows[0], strict=True)
    return asks, values


def _items(tally: Tally, ask: Ask) -> list[Item]:
    """The parts of what is asked, each with how its values join; none where they do not, or may change with time."""
    spec = ask.spec
    if ask.otherwise is not None:
        return [Item(part, SHORT_MERGES[extreme_of(part)]) for part in ask.atoms.parts]
    merge = MERGES.get("max" if ask.limit is not None else spec.metric)
    if spec.metric == "aggregate" and (found := USERS.fullmatch(ask.atoms.parts[0])) and not DISTINCT.match(found[2]):
        merge = USERS_MERGES.get(found[1].casefold())
    joins = merge is not None and (spec.metric not in RATIOS or len(ask.atoms.parts) == 2)
    users = [
        text for text in (spec.where, spec.argument if METRICS[spec.metric].argument_as == "sql" else None) if text
    ]
    names = [column.name for column in tally.dataset.columns]
    if merge is None or not joins or not all(is_pure(text, names) for text in users):
        return []
    return [Item(part, merge) for part in ask.atoms.parts]


def _measure_alone(tally: Tally, ask: Ask) -> Plan[None]:
    """One of the user's conditions by itself; rows are counted by WHERE, which allows more SQL than an aggregate does."""
    ask = ask.otherwise or ask
    sql = _sql(tally, ask.atoms.parts)
    if ask.spec.metric in ("failing_rows", "row_count"):
        unmet = [f"NOT ({condition(ask.spec.argument, tally.dialect)})"] if ask.spec.argument else []
        where = [*conditions(ask.spec, dialect=tally.dialect), *unmet]
        sql = select(["COUNT(*)"], relation(tally.dataset.ref, tally.dialect), where=where, dialect=tally.dialect)
    try:
        rows = yield tally.statement("condition", sql, specs=[ask.spec])
    except QueryError as error:
        tally.unmeasured[ask.spec] = str(error)
    else:
        tally.add(ask.spec, ask.atoms.combine(rows[0]))


def _sql(tally: Tally, parts: Sequence[str]) -> str:
    return select(parts, relation(tally.dataset.ref, tally.dialect), dialect=tally.dialect)


def _fits_double(raw: object) -> bool:
    """Whether a double holds every digit of the number."""
    return raw is None or Decimal(repr(float(str(raw)))) == Decimal(str(raw))
