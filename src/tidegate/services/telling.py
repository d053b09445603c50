"""Telling: which checks tell a bad version of a table from a good one, found by trying numbers and checks on both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidegate.errors import QueryError
from tidegate.metrics import quoted, relation
from tidegate.model import Check, Column, Dataset, Family, Outcome
from tidegate.ports import Reader
from tidegate.services.measure import for_checks_alone, measure
from tidegate.services.site import Site
from tidegate.services.tables import inferred_of

LOAD = "_dlt_load_id"
LEAST = 0.05
"""How far apart, as a share of the greater one, two numbers must be that are told apart by a bound. Chosen, not derived."""

MOST = 3
"""How many checks are proposed. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Number:
    """A number of a table, in words and as SQL."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A check that is not there yet, and how it ends on the bad version and on a good one; None where none is kept."""

    check: Check
    bad: Outcome | None
    good: Outcome | None

    @property
    def is_proven(self) -> bool:
        """Whether it tells the two apart."""
        return self.bad in {Outcome.FAIL, Outcome.WARN} and self.good is Outcome.PASS


def proposals(
    site: Site, dataset: Dataset, column: Column | None, *, bad: int, good: int, source: str
) -> tuple[Proposal, ...]:
    """Checks on a table (and a column of it) that fail on version `bad` and pass on `good`, those that differ most first.

    Each is tried as the gate would evaluate it.
    """
    numbers = [_Number(name=n, sql=s) for n, s in _numbers(dataset, column, site, good)]
    with site.warehouse.reader(good) as reader:
        sound = {n: _value(reader, n) for n in numbers}
    with site.warehouse.reader(bad) as reader:
        damaged = {n: _value(reader, n) for n in numbers}
    apart = sorted(
        ((_distance(s, d), n, s, d) for n in numbers if (s := sound[n]) is not None and (d := damaged[n]) is not None),
        key=lambda one: -one[0],
    )
    checks = [_check(dataset, n, s, d, source) for far, n, s, d in apart[:MOST] if far >= LEAST]
    return tuple(p for p in tried(site, checks, bad=bad, good=good) if p.is_proven)


def tried(site: Site, checks: Sequence[Check], *, bad: int | None, good: int | None) -> tuple[Proposal, ...]:
    """How checks end on two versions; None stands for one that is not kept."""
    on_bad = {} if bad is None else outcomes(site, bad, checks)
    on_good = {} if good is None else outcomes(site, good, checks)
    return tuple(Proposal(check=c, bad=on_bad.get(c.id), good=on_good.get(c.id)) for c in checks)


def outcomes(site: Site, number: int, checks: Sequence[Check]) -> dict[str, Outcome]:
    """How checks end on a kept version, by their ids; nothing is kept."""
    if not checks:
        return {}
    with site.warehouse.reader(number) as reader:
        settings = for_checks_alone(site.settings, [d.ref for d in reader.catalog()])
        now = site.clock.now()
        found = measure(reader, checks, version=number, settings=settings, now=now, progress=site.progress)
    return {result.check.id: result.outcome for result in found.results}


def _value(reader: Reader, number: _Number) -> float | None:
    """The number; None where it has none, or the table has not the column any more."""
    try:
        value = reader.query(number.sql).rows[0][0]
    except QueryError:
        return None
    return None if value is None else float(str(value))


def _distance(one: float, other: float) -> float:
    most = max(abs(one), abs(other))
    return abs(one - other) / most if most else 0.0


def _check(dataset: Dataset, number: _Number, sound: float, damaged: float, source: str) -> Check:
    """Bounds on both sides of the sound number, half as far away as the damaged one."""
    off = abs(damaged - sound) / 2
    low, high = (float(f"{v:.6g}") for v in (sound - off, sound + off))
    return Check(
        id=f"{dataset.ref}/{number.name}",
        name=f"{number.name} of {dataset.ref}",
        dataset=dataset.ref,
        kind="metric",
        arguments={"sql": number.sql, "min": low, "max": high},
        source=source,
    )


def _numbers(dataset: Dataset, column: Column | None, site: Site, version: int) -> Iterator[tuple[str, str]]:
    """What may be demanded of the newest rows of a version; of all rows, where nobody knows which are the newest."""
    newest = _newest(dataset, site, version)
    where = " in the newest rows" if newest else ""
    for name, item in _items(dataset, column, site):
        yield f"{name}{where}", f"SELECT {item} FROM {relation(dataset.ref)}{newest}"  # noqa: S608 only quoted names


def _newest(dataset: Dataset, site: Site, version: int) -> str:
    """The rows of the last dlt load, else of the last day; all, where neither is known."""
    table = relation(dataset.ref)
    if dataset.column(LOAD) is not None:
        return f" WHERE {LOAD} = (SELECT max({LOAD}) FROM {table})"  # noqa: S608 only quoted names
    said = site.settings.table(dataset.ref).time_column or inferred_of(site, version, dataset.ref).get("time_column")
    if said is None:
        return ""
    day = f"CAST({quoted(said)} AS DATE)"
    return f" WHERE {day} = (SELECT max({day}) FROM {table})"  # noqa: S608 only quoted names


def _items(dataset: Dataset, column: Column | None, site: Site) -> Iterator[tuple[str, str]]:
    yield "rows", "count(*)"
    said = site.settings.tables.get(dataset.ref)
    if said is not None and said.key:
        yield "rows a key", f"count(*) / count(DISTINCT ({', '.join(map(quoted, said.key))}))"
    if column is None:
        own = next((c for c in dataset.columns if not c.name.startswith("_dlt") and c.name.endswith("_id")), None)
        if own is not None:
            yield f"rows a {own.name}", f"count(*) / nullif(count(DISTINCT {quoted(own.name)}), 0)"
        return
    name, c = column.name, quoted(column.name)
    yield f"share of {name} without a value", f"avg(({c} IS NULL)::INT)"
    yield f"distinct {name} a row", f"count(DISTINCT {c}) / nullif(count({c}), 0)"
    yield f"distinct {name}", f"count(DISTINCT {c})"
    if column.family is Family.NUMBER:
        yield f"mean {name}", f"avg({c})"
        yield f"share of negative {name}", f"avg(({c} < 0)::INT)"
        yield f"share of {name} that are 0", f"avg(({c} = 0)::INT)"
        yield f"share of whole {name}", f"avg(({c} = trunc({c}))::INT)"
    elif column.family is Family.TEXT:
        yield f"mean length of {name}", f"avg(length({c}))"
        yield f"share of {name} in capitals", f"avg(({c} = upper({c}))::INT)"
        yield f"share of {name} with spaces around", f"avg(({c} <> trim({c}))::INT)"
        yield f"share of {name} beyond ASCII", f"avg(regexp_matches({c}, '[^ -~]')::INT)"
    elif column.family is Family.TIME:
        yield f"mean hour of {name}", f"avg(extract('hour' FROM {c}))"
        yield f"days from the first to the last {name}", f"date_diff('day', min({c}), max({c}))"
