"""Contract: judge a published version against contracts, and write down as a contract what a version holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from tidegate.checks.contract import logical_type
from tidegate.checks.plan import nearest
from tidegate.checks.promises import promised
from tidegate.checks.sample import KEY
from tidegate.errors import NothingCheckedError, UsageError
from tidegate.metrics import Kind, is_personal, kind_of, quoted, relation, select
from tidegate.model import (
    Check,
    CheckResult,
    Column,
    Contract,
    ContractColumn,
    ContractTable,
    Dataset,
    DatasetRef,
    Family,
    Outcome,
    Settings,
    Statement,
    StatementCost,
    TableSettings,
    Version,
)
from tidegate.ports import Reader
from tidegate.services.measure import Meter, is_users_own, measure
from tidegate.services.publish import kept_version, nothing_published
from tidegate.services.site import Site

MOST_VALUES: Final = 12
"""A text column with more different values is no list of choices. Chosen, not derived."""

ROWS_PER_VALUE: Final = 10
"""With fewer rows for each value the list may be by chance. Chosen, not derived."""

FEWEST_ROWS: Final = 20
"""In fewer rows a column may be unique by chance. Chosen, not derived."""

NEARLY: Final = 0.85
"""The approximate number of different values is within a tenth of the true one; below this share no column is unique."""

COLUMNS_AT_ONCE: Final = 50

Words = Mapping[DatasetRef, tuple[str | None, Mapping[str, str]]]
"""What is known in words: of a table its description, and those of its columns by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTest:
    """How the published version stands to the contracts; `carried` are the promises that nobody evaluates, and why."""

    version: int
    contracts: tuple[str, ...]
    results: tuple[CheckResult, ...]
    carried: tuple[str, ...]
    costs: tuple[StatementCost, ...]

    @property
    def broken(self) -> tuple[CheckResult, ...]:
        """The promises that are not kept, or of which nobody could tell, of contracts that are in force."""
        stops = {Outcome.FAIL, Outcome.ERROR}
        return tuple(r for r in self.results if r.check.blocking and r.outcome in stops)


def own_checks(said: Contract) -> Iterator[Check]:
    """The checks that a contract has in the words of `tidegate.yml`, wherever they stand in it."""
    for table in said.tables:
        for quality in chain(table.quality, *(column.quality for column in table.columns)):
            yield from quality.checks


def checks_of(contracts: Sequence[Contract], reader: Reader) -> tuple[Check, ...]:
    """What the contracts demand of one version."""
    if not contracts:
        return ()
    catalog = {d.ref: d for d in reader.catalog()}
    return tuple(check for contract in contracts for check in promised(contract, catalog).checks)


def declared(site: Site, number: int) -> tuple[Check, ...]:
    """What the project's contracts demand of a kept version; it is opened only when there are contracts."""
    if not site.settings.contracts:
        return ()
    with site.warehouse.reader(number) as reader:
        return checks_of(site.settings.contracts, reader)


def test(site: Site, contracts: Sequence[Contract]) -> ContractTest:
    """Judge the published version against the contracts only; writes nothing and opens no incident.

    Raises:
        NothingPublishedError: nothing is published yet.
        NothingCheckedError: there is no contract, or none promises anything that can be evaluated.
    """
    if not contracts:
        raise NothingCheckedError(
            f"there is no contract in `{site.settings.root}`",
            hint="write one with `tidegate contract export --output contracts/NAME.odcs.yaml`, or name its file",
        )
    version = _published(site)
    with site.warehouse.reader(version.number) as reader:
        catalog = {d.ref: d for d in reader.catalog()}
        found = [promised(contract, catalog) for contract in contracts]
        measured = measure(
            reader,
            [check for one in found for check in one.checks],
            version=version.number,
            settings=_checks_only(site.settings, catalog),
            now=site.clock.now(),
            progress=site.progress,
        )
    if all(result.outcome is Outcome.SKIPPED for result in measured.results):
        raise NothingCheckedError(
            f"nothing in {', '.join(f'`{c.file}`' for c in contracts)} can be evaluated",
            hint="add `schema:` with properties, or `quality:`, to the contract",
        )
    return ContractTest(
        version=version.number,
        contracts=tuple(contract.file for contract in contracts),
        results=measured.results,
        carried=tuple(what for one in found for what in one.carried),
        costs=measured.costs,
    )


def _published(site: Site) -> Version:
    version = site.state.published()
    if version is None:
        raise nothing_published(site)
    return kept_version(site, version.number)


def _checks_only(settings: Settings, catalog: Mapping[DatasetRef, Dataset]) -> Settings:
    """Settings under which no table is profiled, so that only what checks need is measured."""
    tables = {
        ref: dataclasses.replace(settings.tables.get(ref) or TableSettings(ref=ref), ignore=True) for ref in catalog
    }
    return dataclasses.replace(settings, tables=tables)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """What one look at a table tells: its rows, and by column the filled ones and about how many different values."""

    rows: int
    filled: Mapping[str, int] = field(default_factory=dict)
    distinct: Mapping[str, int] = field(default_factory=dict)


def export(site: Site, names: Sequence[str], words: Words) -> Contract:
    """A contract of what the published version holds, for people to read and correct; its status is `draft`.

    A column is required when no row lacks it, unique when its values are proven to be, and a text column with few
    values gets them as its `enum`, unless it looks personal. Reads every table about once, and once more for each
    column that may be unique or a list.

    Args:
        names: tables, with or without schema; all of the user's own when empty.
        words: descriptions that are known, of dbt's models.

    Raises:
        NothingPublishedError: nothing is published yet.
        UsageError: there is no such table, or none at all.
    """
    version = _published(site)
    proven = {
        (r.check.dataset, r.check.column)
        for r in site.state.results(version.number)
        if r.check.kind == "unique" and r.outcome is Outcome.PASS and r.evaluated and not r.check.where
    }
    with site.warehouse.reader(version.number) as reader:
        catalog = {d.ref: d for d in reader.catalog()}
        chosen = _chosen(names, catalog)
        look = _Look(reader)
        tables = []
        for done, dataset in enumerate(chosen):
            site.progress.advance(done, len(chosen), str(dataset.ref))
            said = site.settings.tables.get(dataset.ref)
            declared = tuple(c for ref, c in proven if ref == dataset.ref and c is not None)
            name = _name(dataset.ref, chosen)
            tables.append(look.table(dataset, name, words, key=said.key if said else (), declared=declared))
        site.progress.advance(len(chosen), len(chosen))
    schemas = {dataset.ref.namespace for dataset in chosen}
    return Contract(
        id=site.settings.root.name,
        version="1.0.0",
        api_version="v3.2.0",
        status="draft",
        file="",
        schema=schemas.pop() if len(schemas) == 1 else None,
        tables=tuple(tables),
    )


def _chosen(names: Sequence[str], catalog: Mapping[DatasetRef, Dataset]) -> tuple[Dataset, ...]:
    own = {ref: dataset for ref, dataset in catalog.items() if is_users_own(ref, catalog)}
    if not own:
        raise UsageError("the published version holds no `table` of yours", hint="run `tidegate run` to build one")
    found: dict[DatasetRef, Dataset] = {}
    for name in names:
        fitting = {ref: d for ref, d in own.items() if name.casefold() in {str(ref).casefold(), ref.name.casefold()}}
        if not fitting:
            close = nearest(name, (str(ref) for ref in own)).removeprefix("; ")
            raise UsageError(f"there is no table `{name}`", hint=close or f"there are: {', '.join(map(str, own))}")
        found |= fitting
    return tuple((found if names else own).values())


def _name(ref: DatasetRef, chosen: Sequence[Dataset]) -> str:
    """A table's name in the contract: without its schema where that is clear."""
    twins = [d for d in chosen if d.ref.name.casefold() == ref.name.casefold()]
    return ref.name if len(twins) == 1 else f"{ref.namespace}_{ref.name}"


class _Look:
    """Looks at the tables of one version."""

    def __init__(self, reader: Reader) -> None:
        self._meter = Meter(reader)

    def _ask(self, dataset: Dataset, purpose: str, sql: str) -> Sequence[tuple[object, ...]]:
        return self._meter.ask(Statement(dataset=dataset.ref, purpose=purpose, sql=sql)).rows

    def table(
        self, dataset: Dataset, name: str, words: Words, *, key: tuple[str, ...], declared: tuple[str, ...]
    ) -> ContractTable:
        counts = self._counts(dataset)
        keys = {c.casefold() for c in (*declared, *(key if len(key) == 1 else ()))}
        unique = tuple(
            c.name for c in dataset.columns if self._is_unique(dataset, c, counts, c.name.casefold() in keys)
        )
        primary = self._primary(dataset, counts, unique, key)
        description, columns = words.get(dataset.ref, (None, {}))
        return ContractTable(
            name=name,
            physical_name=str(dataset.ref),
            place="",
            physical_type="view" if dataset.is_view else "table",
            description=description,
            columns=tuple(
                self._column(dataset, column, counts, unique, primary, columns.get(column.name.casefold()))
                for column in dataset.columns
            ),
        )

    def _counts(self, dataset: Dataset) -> _Counts:
        rows, filled, distinct = 0, dict[str, int](), dict[str, int]()
        for start in range(0, len(dataset.columns), COLUMNS_AT_ONCE):
            columns = dataset.columns[start : start + COLUMNS_AT_ONCE]
            counted = [c for c in columns if c.family is not Family.OTHER]
            items = ["COUNT(*)", *(f"COUNT({quoted(c.name)})" for c in columns)]
            items += [f"APPROX_COUNT_DISTINCT({quoted(c.name)})" for c in counted]
            (row,) = self._ask(dataset, "counts", select(items, relation(dataset.ref)))
            rows, *numbers = (int(str(value)) for value in row)
            filled |= {c.name: n for c, n in zip(columns, numbers, strict=False)}
            distinct |= {c.name: n for c, n in zip(counted, numbers[len(columns) :], strict=True)}
        return _Counts(rows=rows, filled=filled, distinct=distinct)

    def _is_unique(self, dataset: Dataset, column: Column, counts: _Counts, declared: bool) -> bool:
        """Proven, and not by chance: somebody said so, or it is called like a key in a table of some size."""
        likely = kind_of(column) in {Kind.INTEGER, Kind.TEXT, Kind.LABEL} and KEY.search(column.name) is not None
        filled = counts.filled[column.name]
        if not filled or not (declared or (likely and counts.rows >= FEWEST_ROWS)):
            return False
        return counts.distinct.get(column.name, 0) >= NEARLY * filled and not self._repeats(dataset, [column.name])

    def _repeats(self, dataset: Dataset, names: Sequence[str]) -> bool:
        columns = [quoted(name) for name in names]
        where = [f"{column} IS NOT NULL" for column in columns]
        repeated = select(["1"], relation(dataset.ref), where=where, group=columns, having="COUNT(*) > 1", limit=1)
        return bool(self._ask(dataset, "repeated keys", repeated))

    def _primary(self, dataset: Dataset, counts: _Counts, unique: Sequence[str], key: Sequence[str]) -> tuple[str, ...]:
        """The key that the team names, if it is one; else the first unique column that every row has."""
        whole = {name for name, filled in counts.filled.items() if filled == counts.rows and counts.rows}
        named = [column.name for name in key if (column := dataset.column(name)) is not None]
        if named and len(named) == len(key) and whole.issuperset(named) and not self._repeats(dataset, named):
            return tuple(named)
        return tuple([name for name in unique if name in whole][:1])

    def _column(
        self,
        dataset: Dataset,
        column: Column,
        counts: _Counts,
        unique: Sequence[str],
        primary: Sequence[str],
        description: str | None,
    ) -> ContractColumn:
        alone = len(primary) == 1
        return ContractColumn(
            name=column.name,
            physical_name=column.name,
            place="",
            logical_type=logical_type(column),
            physical_type=column.type,
            required=bool(counts.rows) and counts.filled[column.name] == counts.rows,
            unique=column.name in unique and not (alone and column.name in primary),
            primary_key=primary.index(column.name) + 1 if column.name in primary else None,
            enum=tuple(self._values(dataset, column, counts)),
            description=description,
        )

    def _values(self, dataset: Dataset, column: Column, counts: _Counts) -> Iterator[str]:
        """The values of a column that is a list of choices; none of one that may name people."""
        about = counts.distinct.get(column.name, 0)
        if column.family is not Family.TEXT or not 0 < about <= 2 * MOST_VALUES or is_personal(column.name):
            return
        name = quoted(column.name)
        where = [f"{name} IS NOT NULL"]
        sql = select(
            [f"CAST({name} AS TEXT)"],
            relation(dataset.ref),
            where=where,
            group=["1"],
            order=["1"],
            limit=MOST_VALUES + 1,
        )
        values = [str(row[0]) for row in self._ask(dataset, "values", sql)]
        if len(values) <= MOST_VALUES and counts.filled[column.name] >= ROWS_PER_VALUE * len(values):
            yield from values
