"""Measure: drive the scan plan of every table of one version and collect the numbers."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import defaultdict
from collections.abc import Callable, Container, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from tidegate import checks as catalogue
from tidegate.checks import SampleQuery
from tidegate.errors import QueryError
from tidegate.metrics import fields, is_personal, looks_personal, mask
from tidegate.model import (
    Check,
    CheckResult,
    Dataset,
    DatasetRef,
    Grid,
    Interval,
    Measurement,
    MetricSpec,
    Outcome,
    Sample,
    Settings,
    Statement,
    StatementCost,
    TableSettings,
)
from tidegate.model.dataset import AUDIT_SUFFIX, QUARANTINE
from tidegate.scan import Piece, ScanOptions, TableScan, cut, runs, scan_table

if TYPE_CHECKING:
    from tidegate.ports import Answer, AnswerStore, Progress, Reader

R = TypeVar("R")
NOTHING_KNOWN: Mapping[DatasetRef, Grid] = MappingProxyType({})
Known: TypeAlias = Callable[[DatasetRef], Grid | None]
"""What is known of a dataset's buckets; None when nothing is."""
Untaught: TypeAlias = Callable[[DatasetRef], Sequence[Interval]]
"""The time of a dataset that open incidents are about."""

NOTES = "notes"
"""What the reader's notes of a version are kept under, with its number; no piece of a table has such a name."""

INTERNAL_PREFIXES = ("_dlt_", "tidegate_")
"""Tables that a tool keeps for itself; they are neither profiled nor judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The numbers of one version.

    `scans` has one entry per dataset that was profiled; `values` every number that a check asked for; `broken` says,
    per dataset, why its scan could not be finished (the engine's message and the SQL). `profiled` are the datasets that
    are measured whole, and not only for their checks; those that are broken among them. `known` are the bucketed numbers
    of the version that this one began as, where it has any.
    """

    version: int
    taken_at: datetime
    catalog: Mapping[DatasetRef, Dataset]
    scans: Mapping[DatasetRef, TableScan]
    results: tuple[CheckResult, ...]
    costs: tuple[StatementCost, ...]
    broken: Mapping[DatasetRef, QueryError]
    profiled: frozenset[DatasetRef]
    known: Mapping[DatasetRef, Grid] = field(default_factory=lambda: NOTHING_KNOWN)

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """All numbers of all scans."""
        return tuple(m for scan in self.scans.values() for m in scan.measurements)

    @property
    def vanished(self) -> dict[DatasetRef, tuple[tuple[MetricSpec, Interval], ...]]:
        """For each dataset that was scanned in part, the known numbers that are no more."""
        return {ref: scan.vanished for ref, scan in self.scans.items() if scan.reopened is not None}


class Meter:
    """Runs statements of one reader and keeps what each cost."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.costs: list[StatementCost] = []

    def ask(self, statement: Statement) -> Answer:
        """Run one statement."""
        answer = self._asked(statement)
        self.costs.append(
            StatementCost(
                dataset=statement.dataset,
                purpose=statement.purpose,
                sql=statement.sql,
                cpu_s=answer.cpu_s,
                wall_s=answer.wall_s,
                rows=len(answer.rows),
                specs=statement.specs,
            )
        )
        return answer

    def _asked(self, statement: Statement) -> Answer:
        if statement.ascending:
            return self._reader.ascending(statement.sql)
        return self._reader.repeats(statement.sql) if statement.repeats else self._reader.query(statement.sql)

    def drive(self, plan: Generator[Statement, Sequence[tuple[object, ...]], R]) -> R:
        """Run a plan to its end: every statement that it yields, in order; it hears of those that fail.

        Raises:
            QueryError: a statement failed that the plan cannot do without.
        """
        try:
            statement = next(plan)
            while True:
                try:
                    rows = self.ask(statement).rows
                except QueryError as error:
                    statement = plan.throw(error)
                else:
                    statement = plan.send(rows)
        except StopIteration as stop:
            result: R = stop.value
            return result


def measure(
    reader: Reader,
    checks: Sequence[Check],
    *,
    version: int,
    settings: Settings,
    now: datetime,
    progress: Progress,
    known: Known = NOTHING_KNOWN.get,
    untaught: Untaught = lambda ref: (),
    answers: AnswerStore | None = None,
    began_as: int | None = None,
) -> Measured:
    """Scan every table once, with what the checks need riding along, and evaluate the checks.

    `known` gives the bucketed numbers of a dataset in the version that this one began as: buckets whose rows have not
    changed since are not scanned again. Of the time that is `untaught` later rows learn nothing. `answers` is what is kept of parts of tables: those that are known to be the same
    in this version, or in the one that it `began_as`, are not scanned again for what was asked of them before.

    A dataset whose scan fails is reported in `broken` and its checks end as `error`; the others go on.
    Reads each table's bytes about once; the number of statements per table does not grow with the number of checks.
    """
    catalog = {d.ref: d for d in reader.catalog()}
    wanted, early = _wishes(checks, catalog)
    meter = Meter(reader)
    scans: dict[DatasetRef, TableScan] = {}
    broken: dict[DatasetRef, QueryError] = {}
    profiled = {d.ref for d in catalog.values() if _profiled(d, catalog, settings)}
    todo = [d for d in catalog.values() if d.ref in profiled or wanted.get(d.ref)]
    past = {ref: grid for ref in profiled if (grid := known(ref)) is not None}
    for done, dataset in enumerate(todo):
        progress.advance(done, len(todo), str(dataset.ref))
        options = _options(dataset, settings, version=version, now=now, profile=dataset.ref in profiled)
        options = dataclasses.replace(options, known=past.get(dataset.ref), untaught=untaught(dataset.ref))
        memory = _Memory(answers, dataset, version, began_as)
        try:
            options = dataclasses.replace(options, pieces=memory.pieces(reader))
            scans[dataset.ref] = meter.drive(scan_table(dataset, wanted.get(dataset.ref, ()), options))
        except QueryError as error:
            broken[dataset.ref] = error
        else:
            memory.keep(options.pieces, scans[dataset.ref])
    progress.advance(len(todo), len(todo))
    values = {spec: value for scan in scans.values() for spec, value in scan.values.items()}
    results = [
        early.get(place) or _judge(check, catalog, values, broken, meter, settings, now)
        for place, check in enumerate(checks)
    ]
    return Measured(
        version=version,
        taken_at=now,
        catalog=catalog,
        scans=scans,
        results=tuple(results),
        costs=tuple(meter.costs),
        broken=broken,
        profiled=frozenset(profiled),
        known=past,
    )


class _Memory:
    """What is kept of one table between scans: answers about its pieces, and the reader's own notes about its parts."""

    def __init__(self, answers: AnswerStore | None, dataset: Dataset, version: int, began_as: int | None) -> None:
        self._answers = answers
        self._dataset = dataset
        self._own, self._parents = f"{NOTES} {version}", f"{NOTES} {began_as}"
        self._before: bytes | None = None
        self._notes = b"{}"

    def pieces(self, reader: Reader) -> tuple[Piece, ...]:
        """The pieces of the table, none where its parts cannot be told apart."""
        if self._answers is None:
            return ()
        noted = self._answers.known(self._dataset.ref, [self._own, self._parents])
        said = {name: bytes(found[NOTES]) for name, found in noted.items() if NOTES in found}
        self._before = said.get(self._own)
        notes = json.loads(self._before or said.get(self._parents, b"{}"))
        parts = reader.parts(self._dataset, notes)
        self._notes = json.dumps(notes, separators=(",", ":")).encode()
        return cut(parts, self._answers.known(self._dataset.ref, runs(parts))) if parts else ()

    def keep(self, pieces: Sequence[Piece], scan: TableScan) -> None:
        """Remember what a scan found out."""
        if self._answers is None or not pieces:
            return
        notes = {self._own: {NOTES: self._notes}} if self._notes != self._before else {}
        used = [*(piece.name for piece in pieces), self._own, self._parents]
        self._answers.keep(self._dataset.ref, {**scan.learnt, **notes}, used=used)


def for_checks_alone(settings: Settings, tables: Iterable[DatasetRef]) -> Settings:
    """Settings with which a scan reads what checks need and nothing else."""
    said = settings.tables
    ignored = {ref: dataclasses.replace(said.get(ref, TableSettings(ref=ref)), ignore=True) for ref in tables}
    return dataclasses.replace(settings, tables=ignored)


def _wishes(
    checks: Sequence[Check], catalog: Mapping[DatasetRef, Dataset]
) -> tuple[dict[DatasetRef, list[MetricSpec]], dict[int, CheckResult]]:
    """The numbers to measure, and by place the results that are clear beforehand."""
    wanted: dict[DatasetRef, list[MetricSpec]] = defaultdict(list)
    early: dict[int, CheckResult] = {}
    for place, check in enumerate(checks):
        needed = catalogue.needs(check, catalog)
        if isinstance(needed, CheckResult):
            early[place] = needed
        else:
            for spec in needed:
                wanted[spec.dataset].append(spec)
    return wanted, early


def is_users_own(ref: DatasetRef, catalog: Container[DatasetRef]) -> bool:
    """Whether a dataset is the user's, and not one that a tool keeps for itself.

    dlt loads through `<dataset>_staging`, which has its table of schema versions and none of loads; a dbt project's
    `<target>_staging` has neither.
    """
    if ref.name.startswith(INTERNAL_PREFIXES) or ref.namespace == QUARANTINE or ref.namespace.endswith(AUDIT_SUFFIX):
        return False
    versions, loads = (DatasetRef(namespace=ref.namespace, name=f"_dlt_{name}") for name in ("version", "loads"))
    return not (ref.namespace.endswith("_staging") and versions in catalog and loads not in catalog)


def _profiled(dataset: Dataset, catalog: Container[DatasetRef], settings: Settings) -> bool:
    if dataset.is_view or not is_users_own(dataset.ref, catalog):
        return False
    said = settings.tables.get(dataset.ref)
    return said is None or not said.ignore


def _options(dataset: Dataset, settings: Settings, *, version: int, now: datetime, profile: bool) -> ScanOptions:
    said = settings.table(dataset.ref)
    return ScanOptions(
        version=version, taken_at=now, profile=profile, time_column=said.time_column, grain=said.grain, zone=said.zone
    )


def _judge(
    check: Check,
    catalog: Mapping[DatasetRef, Dataset],
    values: Mapping[MetricSpec, object],
    broken: Mapping[DatasetRef, QueryError],
    meter: Meter,
    settings: Settings,
    now: datetime,
) -> CheckResult:
    if check.dataset in broken:
        error = broken[check.dataset]
        return CheckResult(check=check, outcome=Outcome.ERROR, reason=f"could not be evaluated: {error}", sql=error.sql)
    result = catalogue.judge(check, values, now=now)
    if result.outcome is Outcome.ERROR and settings.mask_personal_data:
        return dataclasses.replace(result, reason=_discreet(result.reason, check))
    if result.outcome not in {Outcome.FAIL, Outcome.WARN}:
        return result
    return _with_sample(result, catalog, meter, settings)


def _with_sample(
    result: CheckResult, catalog: Mapping[DatasetRef, Dataset], meter: Meter, settings: Settings
) -> CheckResult:
    check = result.check
    said, dataset = settings.tables.get(check.dataset), catalog.get(check.dataset)
    query = catalogue.sample_query(check, catalog, limit=settings.sample_rows, keys=said.key if said else ())
    if query is None:
        return result
    try:
        answer = meter.ask(Statement(dataset=check.dataset, purpose=f"sample of {check.name}", sql=query.sql_sample))
    except QueryError as error:
        return dataclasses.replace(result, reason=f"{result.reason}; no sample: {error}", sql=query.sql_all)
    masked = tuple(
        c for place, c in enumerate(answer.columns) if _is_hidden(c, place, answer, query, dataset, settings)
    )
    rows = tuple(
        tuple(catalogue.mask(v) if c in masked else _text(v) for c, v in zip(answer.columns, row, strict=True))
        for row in answer.rows
    )
    sample = Sample(columns=answer.columns, rows=rows, masked=masked, total=result.failures or 0, sql=query.sql_all)
    return dataclasses.replace(result, sample=sample, sql=query.sql_all)


CONVERTED = re.compile(
    r"""((?:string|format:|Input:|for type [\w ]+:) )(["'])(.*?)\2(?= to |, | when | according |;|\)|\s|$)""", re.DOTALL
)
"""The value in an engine's message about one that is of another type than was asked for."""


def _discreet(reason: str, check: Check) -> str:
    """A reason without the value of the data that an engine's message quotes; what the check itself says is left."""
    said = f"{check.column} {check.where} {check.arguments}"

    def instead(found: re.Match[str]) -> str:
        return found[0] if found[3] in said else f"{found[1]}{found[2]}{mask(found[3])}{found[2]}"

    return CONVERTED.sub(instead, reason)


def _is_hidden(
    name: str, place: int, answer: Answer, query: SampleQuery, dataset: Dataset | None, settings: Settings
) -> bool:
    """Whether a column of a sample is masked: by what the team says, by its name, by that of the column which it stands
    for or of a field in it, or because one of its values looks personal.
    """
    said = settings.tables.get(dataset.ref) if dataset is not None else None
    hidden = {c.casefold() for c in (*settings.masked_columns, *(said.mask if said else ()))}
    names = (name, *query.stands_for.get(name, ()))
    if any(one.casefold() in hidden for one in names):
        return True
    if not settings.mask_personal_data:
        return False
    found = [dataset.column(one) for one in names] if dataset is not None else []
    inner = (part for column in found if column is not None for part in fields(column.type))
    return any(map(is_personal, (*names, *inner))) or any(looks_personal(_text(row[place])) for row in answer.rows)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
