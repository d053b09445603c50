"""Sampling: which rows go into a sample, so that every row that is kept finds the rows that it refers to.

A row belongs to the family of the row that it is most closely owned by: order lines to their order, orders to their customer.
Families are taken whole, so that sums over children still add up. Everything is decided by a keyed hash of the row's key or
content, never by its place, so that the same rows give the same sample. All of it is SQL; Python holds counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tidegate.errors import SampleError
from tidegate.metrics import Kind, kind_of, quoted, relation
from tidegate.model import Column, Dataset, DatasetRef
from tidegate.ports import ASIDE, Progress, Workshop
from tidegate.services.references import Reference

MOST_VALUES = 50
"""A column with more different values is no list of categories. Chosen, not derived."""

CATEGORIES = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.TEXT, Kind.LABEL, Kind.BOOLEAN})

FAMILY_SHARE = 10
"""A parent with more children than a tenth of the wanted rows does not own them. Chosen, not derived."""

MOST_TIMES = 10
"""No table may hold more than this many times the wanted rows. Chosen, not derived."""

MOST_ROUNDS = 200
"""So many rows may refer to each other in a chain. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A table to sample: `place` numbers it, `sql` is the relation to read, whose `rowid` tells its rows apart.

    The rank of a row follows from the texts of `key` and the seed alone.
    """

    place: int
    dataset: Dataset
    sql: str
    key: tuple[str, ...]
    seed: int
    rows: int

    @property
    def ref(self) -> DatasetRef:
        return self.dataset.ref

    def rank(self, alias: str) -> str:
        """A number that orders the rows by chance, the same for the same rows and seed; NULL and empty differ."""
        parts = ", ".join(f"coalesce('=' || CAST({alias}.{quoted(name)} AS VARCHAR), '0')" for name in self.key)
        return f"md5_number_lower(concat_ws(chr(31), '{self.seed}', {parts}))"

    @property
    def kept(self) -> str:
        """The table of the rows that are kept: `row_id`, and whether their whole family is (`whole`)."""
        return f'{ASIDE}.main."kept {self.place}"'

    @property
    def lost(self) -> str:
        """The table of the rows that cannot be kept, because they refer to what is not there."""
        return f'{ASIDE}.main."lost {self.place}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What was chosen: rows kept and lost by table, the values that were added because they are rare, and remarks."""

    kept: Mapping[DatasetRef, int]
    lost: Mapping[DatasetRef, int]
    rare: Mapping[DatasetRef, int]
    notes: tuple[str, ...]


def sources(
    workshop: Workshop, tables: Sequence[Dataset], keys: Mapping[DatasetRef, Sequence[str]], *, seed: int
) -> tuple[Source, ...]:
    """Make the tables ready. The rows of a view are copied, because nothing tells them apart else.

    Args:
        keys: columns whose values no two rows share; the whole row where none is known.
    """
    found = []
    for place, dataset in enumerate(tables):
        sql = relation(dataset.ref)
        if dataset.is_view:
            sql = f'{ASIDE}.main."view {place}"'
            workshop.ask(f"CREATE TABLE {sql} AS SELECT * FROM {relation(dataset.ref)}")
        if dataset.column("rowid") is not None:
            raise SampleError(
                f"`{dataset.ref}` has a column `rowid`, so its rows cannot be told apart",
                hint=f"leave it out: `--without {dataset.ref}`",
            )
        ((rows,),) = workshop.ask(f"SELECT count(*) FROM {sql}")
        key = tuple(keys.get(dataset.ref, ())) or tuple(c.name for c in dataset.columns)
        found.append(Source(place=place, dataset=dataset, sql=sql, key=key, seed=seed, rows=_int(rows)))
    for source in found:
        workshop.ask(f"CREATE TABLE {source.kept} (row_id BIGINT, whole BOOLEAN)")
        workshop.ask(f"CREATE TABLE {source.lost} (row_id BIGINT)")
    return tuple(found)


def choose(
    workshop: Workshop,
    found: Sequence[Source],
    said: Sequence[Reference],
    *,
    rows: int,
    without_values: Mapping[DatasetRef, frozenset[str]],
    progress: Progress,
) -> Chosen:
    """Fill the `kept` tables.

    Args:
        rows: about how many rows each table gets; more where references or rare values need them.
        without_values: columns whose values need not all occur, by table: they are masked.

    Raises:
        SampleError: a table would need more than `MOST_TIMES` as many rows.
    """
    return _Choice(workshop, found, said, rows, progress).run(without_values)


@dataclass(slots=True)
class _Choice:
    workshop: Workshop
    found: Sequence[Source]
    said: Sequence[Reference]
    rows: int
    progress: Progress
    notes: list[str] = field(default_factory=list)
    owners: dict[DatasetRef, Reference] = field(default_factory=dict)
    fans: dict[Reference, float] = field(default_factory=dict)

    def run(self, without_values: Mapping[DatasetRef, frozenset[str]]) -> Chosen:
        self._lose()
        self._find_owners()
        for source in self.found:
            self.progress.advance(source.place, len(self.found), str(source.ref))
            self._seed(source)
        self._close()
        rare = {s.ref: self._add_rare(s, without_values.get(s.ref, frozenset())) for s in self.found}
        self.progress.advance(len(self.found), len(self.found))
        return Chosen(
            kept={s.ref: self._count(s.kept) for s in self.found},
            lost={s.ref: self._count(s.lost) for s in self.found},
            rare={ref: number for ref, number in rare.items() if number},
            notes=tuple(self.notes),
        )

    def _source(self, ref: DatasetRef) -> Source:
        return next(s for s in self.found if s.ref == ref)

    def _count(self, table: str) -> int:
        ((number,),) = self.workshop.ask(f"SELECT count(*) FROM {table}")
        return _int(number)

    def _changed(self, sql: str) -> int:
        ((number,),) = self.workshop.ask(sql)
        return _int(number)

    # --- what cannot be kept -----------------------------------------------------------------------------------------

    def _lose(self) -> None:
        """Note the rows whose partner is missing, or is lost itself, until no more are found."""
        todo = [r for r in self.said if r.strict]
        for _ in range(MOST_ROUNDS):
            again = {reference.child for reference in todo if self._changed(self._orphans(reference))}
            todo = [r for r in self.said if r.strict and r.parent in again]
            if not todo:
                return
        raise SampleError(
            f"more than {MOST_ROUNDS} rows refer to each other in a chain that ends nowhere",
            hint=f"leave `{todo[0].child}` out with `--without`",
        )

    def _orphans(self, said: Reference) -> str:
        child, parent = self._source(said.child), self._source(said.parent)
        partner = f"SELECT 1 FROM {parent.sql} AS p WHERE {_on(said)} AND {_not_in(parent.lost, 'p.rowid')}"
        lost = _not_in(child.lost, "c.rowid")
        return (
            f"INSERT INTO {child.lost} SELECT c.rowid FROM {child.sql} AS c"
            f" WHERE {_filled(said)} AND {lost} AND NOT EXISTS ({partner})"
        )

    # --- families ----------------------------------------------------------------------------------------------------

    def _find_owners(self) -> None:
        """The reference by which each table's rows belong to a family: the one with the fewest children for a parent."""
        rings = _rings(self.said)
        for source in self.found:
            fans = []
            for said in (r for r in self.said if r.child == source.ref):
                if frozenset((said.child, said.parent)) in rings:
                    continue
                keys = ", ".join(f"c.{quoted(n)}" for n in said.columns)
                of_key = f"SELECT count(*) AS n FROM {source.sql} AS c WHERE {_filled(said)} GROUP BY {keys}"
                ((average, most),) = self.workshop.ask(f"SELECT avg(n), max(n) FROM ({of_key})")
                if most is not None and _int(most) <= max(self.rows // FAMILY_SHARE, FAMILY_SHARE):
                    fans.append((float(str(average)), said))
            if fans:
                fan, owner = min(fans)
                self.owners[source.ref] = owner
                self.fans[owner] = fan

    def _below(self, ref: DatasetRef, size: float = 1.0) -> Iterator[float]:
        """How many rows of each table a family has whose head is in `ref`, on average."""
        yield size
        for child, owner in self.owners.items():
            if owner.parent == ref:
                there = self._source(owner.parent).rows
                yield from self._below(child, size * self._source(child).rows / max(there, 1))

    def _seed(self, source: Source) -> None:
        """Choose heads of families: as many as give the largest table of the family the rows that are wanted."""
        quota = max(1, math.floor(self.rows / max(self._below(source.ref))))
        owner = self.owners.get(source.ref)
        heads = "TRUE"
        if owner is not None:
            parent = self._source(owner.parent)
            partner = f"SELECT 1 FROM {parent.sql} AS p WHERE {_on(owner)} AND {_not_in(parent.lost, 'p.rowid')}"
            heads = f"NOT EXISTS ({partner})"
            quota = math.ceil(quota / FAMILY_SHARE)
        self.workshop.ask(
            f"INSERT INTO {source.kept} SELECT row_id, TRUE FROM (SELECT c.rowid AS row_id,"
            f" {source.rank('c')} AS rank FROM {source.sql} AS c"
            f" WHERE {heads} AND {_not_in(source.lost, 'c.rowid')} ORDER BY rank, row_id LIMIT {quota})"
        )

    # --- closing -----------------------------------------------------------------------------------------------------

    def _close(self) -> None:
        """Add what the rows that are kept need, until nothing is missing."""
        for _ in range(MOST_ROUNDS):
            added = sum(self._with_family(owner) for owner in self.owners.values())
            added += sum(self._with_parents(said) for said in self.said)
            for source in self.found:
                self._demand_bounded(source)
            if not added:
                return
        raise SampleError(
            f"more than {MOST_ROUNDS} rows refer to each other in a chain",
            hint="leave the table out with `--without TABLE`",
        )

    def _demand_bounded(self, source: Source) -> None:
        kept = self._count(source.kept)
        if kept > MOST_TIMES * max(self.rows, MOST_VALUES):
            raise SampleError(
                f"`{source.ref}` would need {kept:,} rows, more than {MOST_TIMES} times the {self.rows:,} that are wanted,"
                " because its rows refer to each other or to rows that do",
                hint=f"pass a larger `--rows`, or leave the table out with `--without {source.ref}`",
            )

    def _with_family(self, owner: Reference) -> int:
        """Whole families: the children of rows whose family is whole, and the parents of such children."""
        child, parent = self._source(owner.child), self._source(owner.parent)
        whole = f"SELECT row_id FROM {parent.kept} WHERE whole"
        fields = ", ".join(f"p.{quoted(n)}" for n in owner.fields)
        heads = f"SELECT {fields} FROM {parent.sql} AS p WHERE p.rowid IN ({whole})"
        down = (
            f"SELECT c.rowid AS row_id FROM {child.sql} AS c WHERE ({_columns(owner)}) IN ({heads})"
            f" AND {_not_in(child.lost, 'c.rowid')}"
        )
        up = self._partners(owner, only_whole=True)
        return self._keep(child, down, whole=True) + self._keep(parent, up, whole=True)

    def _with_parents(self, said: Reference) -> int:
        return self._keep(self._source(said.parent), self._partners(said, only_whole=False), whole=False)

    def _partners(self, said: Reference, *, only_whole: bool) -> str:
        """For each key that kept rows name and no kept row has, one row that has it: the first by chance."""
        child, parent = self._source(said.child), self._source(said.parent)
        condition = " WHERE whole" if only_whole else ""
        named = (
            f"SELECT {_columns(said)} FROM {child.sql} AS c WHERE c.rowid IN"
            f" (SELECT row_id FROM {child.kept}{condition}) AND {_filled(said)}"
        )
        fields = ", ".join(f"p.{quoted(n)}" for n in said.fields)
        had = f"SELECT {fields} FROM {parent.sql} AS p WHERE p.rowid IN (SELECT row_id FROM {parent.kept}{condition})"
        filled = " AND ".join(f"p.{quoted(n)} IS NOT NULL" for n in said.fields)
        return (
            f"SELECT arg_min(p.rowid, struct_pack(rank := {parent.rank('p')}, row_id := p.rowid)) AS row_id"
            f" FROM {parent.sql} AS p WHERE ({fields}) IN ({named})"
            f" AND ({fields}) NOT IN ({had} AND {filled}) AND {filled}"
            f" AND {_not_in(parent.lost, 'p.rowid')} GROUP BY {fields}"
        )

    def _keep(self, source: Source, rows: str, *, whole: bool) -> int:
        """Keep rows; those that are kept already may become whole."""
        fresh = f'{ASIDE}.main."fresh"'
        self.workshop.ask(f"CREATE OR REPLACE TABLE {fresh} AS {rows}")
        changed = 0
        if whole:
            changed = self._changed(
                f"UPDATE {source.kept} SET whole = TRUE WHERE NOT whole AND row_id IN (SELECT row_id FROM {fresh})"
            )
        return changed + self._changed(
            f"INSERT INTO {source.kept} SELECT DISTINCT row_id, {whole} FROM {fresh}"
            f" WHERE {_not_in(source.kept, 'row_id')}"
        )

    # --- rare values -------------------------------------------------------------------------------------------------

    def _add_rare(self, source: Source, without: frozenset[str]) -> int:
        """Let every value of columns that are lists of categories occur, NULL among them; returns how many were added."""
        if self._count(source.kept) == source.rows:
            return 0
        added = 0
        for column in self._categories(source, without):
            name = quoted(column.name)
            kept = f"SELECT row_id FROM {source.kept}"
            rows = (
                f"SELECT arg_min(r.rowid, struct_pack(rank := {source.rank('r')}, row_id := r.rowid)) AS row_id"
                f" FROM {source.sql} AS r WHERE {_not_in(source.lost, 'r.rowid')}"
                f" GROUP BY r.{name} HAVING NOT bool_or(r.rowid IN ({kept}))"
            )
            number = self._keep(source, rows, whole=True)
            if number:
                self._close()
            added += number
        return added

    def _categories(self, source: Source, without: frozenset[str]) -> list[Column]:
        asked = [c for c in source.dataset.columns if kind_of(c) in CATEGORIES and c.name not in without]
        if not asked or not source.rows:
            return []
        counts = ", ".join(f"approx_count_distinct(r.{quoted(c.name)})" for c in asked)
        (numbers,) = self.workshop.ask(f"SELECT {counts} FROM {source.sql} AS r")
        return [c for c, n in zip(asked, numbers, strict=True) if _int(n) <= MOST_VALUES]


def _rings(said: Sequence[Reference]) -> frozenset[frozenset[DatasetRef]]:
    """The pairs of tables of which each refers to the other, at last; a table that refers to itself is one."""
    above: dict[DatasetRef, set[DatasetRef]] = {}
    for reference in said:
        above.setdefault(reference.child, set()).add(reference.parent)
    reached = {ref: _reach(ref, above) for ref in above}
    return frozenset(
        frozenset((r.child, r.parent)) for r in said if r.child in reached.get(r.parent, set()) or r.child == r.parent
    )


def _reach(start: DatasetRef, above: Mapping[DatasetRef, set[DatasetRef]]) -> set[DatasetRef]:
    seen: set[DatasetRef] = set()
    todo = [*above.get(start, ())]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            todo.extend(above.get(current, ()))
    return seen


def _on(said: Reference) -> str:
    """That `p` is the row which `c` refers to."""
    pairs = zip(said.columns, said.fields, strict=True)
    return " AND ".join(f"c.{quoted(column)} = p.{quoted(name)}" for column, name in pairs)


def _filled(said: Reference) -> str:
    return " AND ".join(f"c.{quoted(name)} IS NOT NULL" for name in said.columns)


def _columns(said: Reference) -> str:
    return ", ".join(f"c.{quoted(name)}" for name in said.columns)


def _not_in(table: str, row: str) -> str:
    """That a row is none of a table's; the table has no NULL."""
    return f"{row} NOT IN (SELECT row_id FROM {table})"


def _int(value: object) -> int:
    return int(str(value))
