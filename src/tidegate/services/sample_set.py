"""Sample set: make one of the published version, tell what was done to each column, and judge one that is there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate import lineage
from tidegate.errors import NothingCheckedError, QueryError, SampleError, UsageError
from tidegate.metrics import fields, is_personal, literal, quoted, relation
from tidegate.model import Check, Column, Dataset, DatasetRef, Family, PipelineFacts, Settings
from tidegate.ports import ASIDE, Progress, Workshop
from tidegate.services import leaks, masking, sampling
from tidegate.services.measure import is_users_own
from tidegate.services.references import Reference, references

MANIFEST = "manifest.json"
BUILT = frozenset({"model", "seed", "snapshot"})
"""Kinds of node that dbt makes; a sample needs only what they are made from."""

MOST_PASSES = 3
"""How often a sample is masked again because a further column turned out to be personal. Chosen, not derived."""

"""The names of fields in the type of a struct."""

SHORTEST_SECRET = 16

CLEAR = "somebody said that nothing personal is in it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to sample: about `rows` of each table. `tables` instead of what dbt reads, `without` less than that; `clear` are
    columns, `schema.table.column`, that hold nothing personal whatever they are called.
    """

    rows: int = 1_000
    seed: int = 0
    tables: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    clear: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledColumn:
    """A column of a sample: `mask` says how its values were replaced (form, scaled, moved, drawn, emptied) or is None, `why`
    what makes it personal.
    """

    name: str
    type: str
    mask: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledTable:
    """A table of a sample, `table` with its schema: its file, `rows` of `source_rows`, how many could not be kept because what they refer to is
    missing, how many were added for rare values, and the SHA-256 of the file.
    """

    schema: str
    table: str
    file: str
    rows: int
    source_rows: int
    without_partner: int
    rare: int
    columns: tuple[SampledColumn, ...]
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledReference:
    """A reference that holds in the sample; where it is not `strict`, rows without a partner are as in the source."""

    child: str
    columns: tuple[str, ...]
    parent: str
    fields: tuple[str, ...]
    strict: bool
    said_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSet:
    """A sample set, as its manifest has it. `secret` is a fingerprint by which the secret is known again, and not made from
    it. `searched` words were looked for in the source's personal columns, and none of them was there.
    """

    version: int
    seed: int
    wanted_rows: int
    secret: str
    tables: tuple[SampledTable, ...]
    references: tuple[SampledReference, ...]
    searched: int
    notes: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """The bytes of all files of rows."""
        return sum(t.size_bytes for t in self.tables)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What is known of the version to sample: its number, what demands hold, what dbt built, and which keys are proven."""

    version: int
    facts: PipelineFacts
    checks: Sequence[Check]
    keys: Mapping[DatasetRef, Sequence[str]]


def make(
    workshop: Workshop,
    origin: Origin,
    settings: Settings,
    wanted: Wanted,
    *,
    folder: Path,
    secret: str,
    progress: Progress,
) -> SampleSet:
    """Write a Parquet file for each table into `folder`. The same rows, seed and secret give the same bytes.

    Raises:
        UsageError: a table that does not exist, or a secret that is too short.
        SampleError: references make it too large, or a value of the source was found in it.
        NothingCheckedError: there is no table to sample.
    """
    if len(secret) < SHORTEST_SECRET:
        raise UsageError(
            f"the secret has `{len(secret)}` characters: anybody could try them all",
            hint=f"use {SHORTEST_SECRET} or more, such as of `openssl rand -hex 32`",
        )
    tables = chosen_tables(workshop.catalog(), origin.facts, wanted)
    graph = lineage.build(origin.facts.nodes, origin.facts.edges)
    said = references(origin.checks, {d.ref: d for d in tables}, graph)
    masking.prepare(workshop, secret)
    progress.stage("choose", f"rows of version {origin.version}")
    found = sampling.sources(workshop, tables, origin.keys, seed=wanted.seed)
    reasons = _reasons(found, settings, wanted)
    personal = {s.ref: frozenset(name for ref, name in reasons if ref == s.ref) for s in found}
    chosen = sampling.choose(workshop, found, said, rows=wanted.rows, without_values=personal, progress=progress)
    work = _Work(workshop, found, said, folder, wanted, progress)
    masks, searched, spoilt = work.mask(reasons)
    return SampleSet(
        version=origin.version,
        seed=wanted.seed,
        wanted_rows=wanted.rows,
        secret=_fingerprint(workshop),
        tables=tuple(work.told(source, masks, chosen) for source in found),
        references=tuple(_reference(r) for r in said),
        searched=searched,
        notes=(*chosen.notes, *_notes(spoilt)),
    )


def _notes(spoilt: int) -> Iterator[str]:
    if spoilt:
        yield f"{spoilt} values are longer than in the source, because every other one of their form was taken"


def _fingerprint(workshop: Workshop) -> str:
    ((text,),) = workshop.ask(f"SELECT substr({ASIDE}.main.keyed('fingerprint'), 1, 16)")
    return str(text)


def chosen_tables(catalog: Sequence[Dataset], facts: PipelineFacts, wanted: Wanted) -> tuple[Dataset, ...]:
    """The tables to sample: those that are named, else what dbt builds from, else every one; less what is left out.

    Raises:
        UsageError: a name that no table has.
        NothingCheckedError: none is left.
    """
    known = {d.ref: d for d in catalog}
    for name in (*wanted.tables, *wanted.without):
        if name.casefold() not in {str(ref).casefold() for ref in known}:
            raise UsageError(f"there is no table `{name}`", hint=f"there are: {', '.join(map(str, known)) or 'none'}")
    built = {n.dataset for n in facts.nodes if n.kind in BUILT}
    read = {n.dataset for n in facts.nodes if n.kind == "source"}
    named = {name.casefold() for name in wanted.tables}
    out = {name.casefold() for name in wanted.without}

    def is_chosen(dataset: Dataset) -> bool:
        name = str(dataset.ref).casefold()
        if name in out or (named and name not in named):
            return False
        own = is_users_own(dataset.ref, known) and not dataset.is_view
        return bool(named) or dataset.ref in read or (own and dataset.ref not in built)

    found = tuple(d for d in catalog if is_chosen(d) and d.columns)
    if not found:
        raise NothingCheckedError("there is no `table` to sample", hint="name one with `--table SCHEMA.TABLE`")
    return found


def _reasons(found: Sequence[sampling.Source], settings: Settings, wanted: Wanted) -> dict[tuple[DatasetRef, str], str]:
    """The columns that are personal by what the team says, by their names, or by the names of fields in them."""
    clear = frozenset(name.casefold() for name in wanted.clear)
    known = {f"{s.ref}.{c.name}".casefold() for s in found for c in s.dataset.columns}
    for name in wanted.clear:
        if name.casefold() not in known:
            raise UsageError(f"there is no column `{name}` in the sample", hint="write it as schema.table.column")
    reasons = {}
    for source in found:
        table = settings.tables.get(source.ref)
        named = frozenset(n.casefold() for n in (*settings.masked_columns, *(table.mask if table else ())))
        for column in source.dataset.columns:
            own = any(is_personal(name) for name in (column.name, *fields(column.type)))
            why = masking.why_personal(source, named=named, clear=clear, is_personal=own, column=column.name)
            if why is not None:
                reasons[(source.ref, column.name)] = why
    return reasons


@dataclass(frozen=True, slots=True)
class _Work:
    """Masks and writes what was chosen."""

    workshop: Workshop
    found: Sequence[sampling.Source]
    said: Sequence[Reference]
    folder: Path
    wanted: Wanted
    progress: Progress

    def mask(self, reasons: Mapping[tuple[DatasetRef, str], str]) -> tuple[masking.Masks, int, int]:
        """Write the files, look for what is personal in them, and mask again what was found; returns the masks, how many
        words were looked for, and how many values lost their form.
        """
        known, more = dict(reasons), dict[tuple[str, str], str]()
        for _ in range(MOST_PASSES):
            masks = masking.masks(self.workshop, self.found, self.said, known)
            spoilt = masking.map_values(self.workshop, self.found, masks)
            self._demand_changed(masks)
            for source in self.found:
                self.progress.stage("write", str(source.ref))
                self._write(source, masks)
            self.progress.stage("search", "for personal values in the sample")
            shown = [self._shown(source, masks) for source in self.found]
            more = {(t, c): why for t, c, why in leaks.personal_looks(self.workshop, shown)}
            number, leaked = leaks.find(self.workshop, shown, self._raws(masks))
            more |= {(k.table, k.column): f"it holds values of {k.of_table}.{k.of_column}" for k in leaked}
            if not more:
                return masks, number, spoilt
            refs = {str(s.ref): s.ref for s in self.found}
            fresh = {(refs[table], column): why for (table, column), why in more.items()}
            if fresh.keys() <= masks.keys():
                break
            known |= {place: why for place, why in fresh.items() if place not in masks}
        table, column = next(iter(more))
        raise SampleError(
            f"`{table}.{column}` still holds personal values of the source: {more[table, column]}",
            hint=f"leave the table out with `--without {table}`",
        )

    def _write(self, source: sampling.Source, masks: masking.Masks) -> None:
        file = self.folder / file_name(source.ref)
        self.workshop.write(masking.select_masked(source, masks), file)
        ((kept, written),) = self.workshop.ask(
            f"SELECT (SELECT count(*) FROM {source.kept}), (SELECT count(*) FROM {self.workshop.rows_of(file)})"
        )
        if kept != written:
            raise SampleError(f"`{file.name}` got {written} rows where {kept} were chosen")

    def _demand_changed(self, masks: masking.Masks) -> None:
        for source in self.found:
            for column, rows in masking.unchanged(self.workshop, source, masks):
                raise SampleError(f"`{source.ref}.{column}` would show {rows} rows their own value")

    def _shown(self, source: sampling.Source, masks: masking.Masks) -> leaks.Shown:
        names = {c.name for c in source.dataset.columns}
        clear = {name.casefold() for name in self.wanted.clear}
        return leaks.Shown(
            table=str(source.ref),
            file=self.folder / file_name(source.ref),
            masked=frozenset(name for name in names if (source.ref, name) in masks),
            clear=frozenset(name for name in names if f"{source.ref}.{name}".casefold() in clear),
        )

    def _raws(self, masks: masking.Masks) -> list[leaks.Raw]:
        return [
            leaks.Raw(sql=source.sql, table=str(source.ref), column=name)
            for source in self.found
            for (ref, name), mask in masks.items()
            if ref == source.ref and mask.how == "form"
        ]

    def told(self, source: sampling.Source, masks: masking.Masks, chosen: sampling.Chosen) -> SampledTable:
        """What was done to one table."""
        file = self.folder / file_name(source.ref)
        ((size,),) = self.workshop.ask(f"SELECT size FROM read_blob({literal(str(file))})")
        columns = []
        for column in source.dataset.columns:
            mask = masks.get((source.ref, column.name))
            why = mask.why if mask else CLEAR if column.name in self._shown(source, masks).clear else None
            how = mask.how if mask else None
            columns.append(SampledColumn(name=column.name, type=column.type, mask=how, why=why))
        return SampledTable(
            schema=source.ref.namespace,
            table=str(source.ref),
            file=file_name(source.ref),
            rows=chosen.kept[source.ref],
            source_rows=source.rows,
            without_partner=chosen.lost[source.ref],
            rare=chosen.rare.get(source.ref, 0),
            columns=tuple(columns),
            size_bytes=int(str(size)),
            sha256=self.workshop.digest(file) or "",
        )


def file_name(ref: DatasetRef) -> str:
    """The file of a table: its name, with what a file system may not like written out."""
    return re.sub(r"[^\w.-]", lambda found: f"%{ord(found[0]):02X}", str(ref)) + ".parquet"


def _reference(said: Reference) -> SampledReference:
    return SampledReference(
        child=str(said.child),
        columns=said.columns,
        parent=str(said.parent),
        fields=said.fields,
        strict=said.strict,
        said_by=said.said_by,
    )


# --- judging one that is there ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """How a sample set stands to its manifest: what is wrong, and what nobody could look at, and why."""

    tables: int
    rows: int
    references: int
    problems: tuple[str, ...]
    unchecked: tuple[str, ...]


def verify(
    workshop: Workshop, told: SampleSet, *, folder: Path, present: Collection[str], version: int | None
) -> Verified:
    """Judge the files: are they those of the manifest, does every reference hold, is nothing personal in them?

    Args:
        present: the names of the files of rows in the folder.
        version: the published version whose personal values are looked for; None when there is none here.
    """
    problems = [f"`{name}` is in the folder and not in the manifest" for name in sorted(present)
                if name not in {t.file for t in told.tables}]  # fmt: skip
    usable = []
    for table in told.tables:
        try:
            problems += _file_problems(workshop, table, folder)
            workshop.columns_of(folder / table.file)
            usable.append(table)
        except QueryError as error:
            problems.append(f"`{table.file}` cannot be read: {error}")
    files = {t.table: folder / t.file for t in usable}
    problems += [p for r in told.references if r.strict for p in _broken(workshop, r, files)]
    shown = [_verified_shown(table, folder) for table in usable]
    problems += [f"`{t}.{c}` is not masked, and {why}" for t, c, why in leaks.personal_looks(workshop, shown)]
    unchecked: tuple[str, ...] = ()
    if version is None:
        unchecked = (
            "nothing is published here to look for its personal values; that was done when the files were made",
        )
    else:
        _, leaked = leaks.find(workshop, shown, list(_published_raws(workshop, told)))
        problems += [f"`{k.table}.{k.column}` holds {k.values} values of {k.of_table}.{k.of_column}" for k in leaked]
    return Verified(
        tables=len(usable),
        rows=sum(t.rows for t in usable),
        references=sum(r.strict for r in told.references),
        problems=tuple(problems),
        unchecked=unchecked,
    )


def _verified_shown(table: SampledTable, folder: Path) -> leaks.Shown:
    masked = frozenset(c.name for c in table.columns if c.mask is not None)
    clear = frozenset(c.name for c in table.columns if c.mask is None and c.why is not None)
    return leaks.Shown(table=table.table, file=folder / table.file, masked=masked, clear=clear)


def _published_raws(workshop: Workshop, told: SampleSet) -> Iterator[leaks.Raw]:
    known = {str(d.ref): d for d in workshop.catalog()}
    for table in told.tables:
        dataset = known.get(table.table)
        for column in table.columns if dataset is not None else ():
            if column.mask == "form" and dataset is not None and dataset.column(column.name) is not None:
                yield leaks.Raw(sql=relation(dataset.ref), table=table.table, column=column.name)


def _file_problems(workshop: Workshop, table: SampledTable, folder: Path) -> Iterator[str]:
    digest = workshop.digest(folder / table.file)
    if digest is not None and digest != table.sha256:
        yield f"`{table.file}` is not the file that the manifest describes: its SHA-256 is {digest}"
        ((rows,),) = workshop.ask(f"SELECT count(*) FROM {workshop.rows_of(folder / table.file)}")
        if int(str(rows)) != table.rows:
            yield f"`{table.file}` has {rows} rows, and {table.rows} in the manifest"
        names = [c.name for c in workshop.columns_of(folder / table.file)]
        if names != [c.name for c in table.columns]:
            yield f"`{table.file}` has the columns {', '.join(names)}"


def _broken(workshop: Workshop, said: SampledReference, files: Mapping[str, Path]) -> Iterator[str]:
    if said.child not in files or said.parent not in files:
        return
    child, parent = workshop.rows_of(files[said.child]), workshop.rows_of(files[said.parent])
    filled = " AND ".join(f"c.{quoted(name)} IS NOT NULL" for name in said.columns)
    on = " AND ".join(f"c.{quoted(a)} = p.{quoted(b)}" for a, b in zip(said.columns, said.fields, strict=True))
    sql = f"SELECT count(*) FROM {child} AS c WHERE {filled} AND NOT EXISTS (SELECT 1 FROM {parent} AS p WHERE {on})"
    ((alone,),) = workshop.ask(sql)
    if int(str(alone)):
        yield f"{alone} rows of {said.child} refer by {', '.join(said.columns)} to rows that {said.parent} lacks"


def ref(table: SampledTable) -> DatasetRef:
    """The name of a table in the warehouse."""
    return DatasetRef(namespace=table.schema, name=table.table.removeprefix(f"{table.schema}."))


def columns(table: SampledTable) -> tuple[Column, ...]:
    """The columns of a table as the warehouse had them."""
    return tuple(Column(name=c.name, type=c.type, family=Family.OTHER) for c in table.columns)
