"""Reconcile: compare a table on two sides by counts, sums, keys and rows, and find the keys that differ without moving it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from tidegate.errors import ComparisonError, NothingCheckedError
from tidegate.metrics import ConditionError, condition, is_personal, mask
from tidegate.model import Check, Dataset, DatasetRef
from tidegate.ports import Reader, Side
from tidegate.scan.infer import LOADERS_OWN
from tidegate.scan.segments import HASHES, SAFE, Form, Kind, Pair, Table, equal, paired
from tidegate.services.bisect import Difference, Found, Key, Row, What, bisect
from tidegate.services.measure import is_users_own
from tidegate.services.publish import kept_version, nothing_published
from tidegate.services.site import Site

LIVE = "live"
TABLE_OF = "::"
"""Separates a side from the table that is meant: `source/shop.db::orders`."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MOST_KEYS = 10_000
"""After this many differing keys the search ends; what is found so far is told. Chosen, not derived."""

SAMPLE = 20
"""How many differing keys are told by name for each table. Chosen, not derived."""

POSITIONS = 500
"""How many keys' values one statement fetches. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to compare and how. Without `tables` it is every table that both sides have; without `key` what is known as the
    table's key, else the whole row. `by` are columns to group sums by. `tolerance` is absolute, for doubles.
    """

    tables: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    where: str | None = None
    tolerance: float | None = None
    most: int = MOST_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class SumDifference:
    """A number of one group that is not the same on both sides: the count of rows (`column` is `*`), or a column's sum.

    None where a side has no such group, or only NULL in it.
    """

    group: Key
    column: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDifference:
    """A key that differs, how, in how many rows on each side, and in which columns where both sides have it."""

    key: Key
    what: What
    old_rows: int
    new_rows: int
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What the comparison moved from the two sides: checksums of segments, hashes of rows, and rows whose values were read."""

    levels: int
    checksums: int
    hashes: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableComparison:
    """How one table compares. `counts` says how many keys differ how; with `complete` False at least so many.

    `key` is empty when whole rows were compared. `samples` are the first of the differing keys. `only_old` and `only_new`
    are columns that one side lacks: a difference between two versions, a note between a source and the warehouse.
    """

    table: str
    old_table: str
    same: bool
    key: tuple[str, ...]
    columns: int
    old_rows: int
    new_rows: int
    groups: int
    sums: tuple[SumDifference, ...]
    counts: Mapping[str, int]
    by_column: Mapping[str, int]
    samples: tuple[KeyDifference, ...]
    complete: bool
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    notes: tuple[str, ...]
    moved: Moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two sides, by table. `missing` are tables that only one of two versions has; `notes` what was not compared and why."""

    old: str
    new: str
    tables: tuple[TableComparison, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def same(self) -> bool:
        return not self.missing and all(t.same for t in self.tables)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A side that is open: its words, its dialect, its number if it is a version, and the one table that it was asked for."""

    words: str
    reader: Reader | Side
    dialect: str
    version: int | None
    table: str | None
    catalog: Mapping[DatasetRef, Dataset]


@contextmanager
def opened(site: Site, said: str) -> Iterator[Opened]:
    """Open a side: `live`, the number of a version, a file or a URL; each may be followed by `::TABLE`.

    Raises:
        NothingPublishedError, VersionNotFoundError, DatabaseNotFoundError, ComparisonError
    """
    place, _, table = said.partition(TABLE_OF)
    number: int | None = None
    if place == LIVE:
        published = site.state.published()
        if published is None:
            raise nothing_published(site)
        number = published.number
    elif place.isdecimal():
        number = int(place)
    if number is None:
        with site.sides.open(place, site.settings.root) as side:
            yield _opened(said, side, side.dialect, None, table)
        return
    kept_version(site, number)
    with site.warehouse.reader(number) as reader:
        words = f"version {number}" + (f" {table}" if table else "")
        yield _opened(words, reader, site.warehouse.capabilities.dialect, number, table)


def _opened(words: str, reader: Reader | Side, dialect: str, version: int | None, table: str) -> Opened:
    catalog = {d.ref: d for d in reader.catalog()}
    return Opened(words=words, reader=reader, dialect=dialect, version=version, table=table or None, catalog=catalog)


def reconcile(site: Site, old: str, new: str, asked: Asked) -> Comparison:
    """Compare every table that is asked for. Costs a scan of each side to add up its checksums, and of what differs some more.

    Raises:
        NothingCheckedError: no row was compared.
        ComparisonError: a table or a column that is asked for is missing.
    """
    with opened(site, old) as before, opened(site, new) as after:
        both, missing, notes = _matched(before, after, asked.tables)
        keys = known_keys(site, after.version or before.version)
        found = []
        for place, (left, right) in enumerate(both):
            site.progress.advance(place, len(both), str(right.ref))
            key = asked.key or keys.get(right.ref, ()) or keys.get(left.ref, ())
            hidden = partial(_is_hidden, site, {left.ref, right.ref})
            compared = compare(before, left, after, right, replace(asked, key=key), hidden=hidden)
            if compared.old_rows or compared.new_rows:
                found.append(compared)
            else:
                notes.append(f"{right.ref} has 0 rows on both sides: nothing was compared")
    if not found and not missing:
        said = f": {'; '.join(notes)}" if notes else ""
        hint = "name a table with rows, such as `live::raw.orders`"
        raise NothingCheckedError(f"no row of `{old}` was compared with one of `{new}`{said}", hint=hint)
    return Comparison(
        old=before.words, new=after.words, tables=tuple(found), missing=tuple(missing), notes=tuple(notes)
    )


def known_keys(site: Site, version: int | None) -> Mapping[DatasetRef, tuple[str, ...]]:
    """A key per table: what the team says, else a column that a `unique` check was declared and passed on."""
    found: dict[DatasetRef, tuple[str, ...]] = {}
    for result in () if version is None else site.state.results(version):
        check: Check = result.check
        if check.kind == "unique" and check.column and result.failures == 0 and check.where is None:
            found.setdefault(check.dataset, (check.column,))
    for ref, said in site.settings.tables.items():
        if said.key:
            found[ref] = said.key
    return found


# --- which tables ----------------------------------------------------------------------------------------------------


def _matched(
    old: Opened, new: Opened, tables: Sequence[str]
) -> tuple[list[tuple[Dataset, Dataset]], list[str], list[str]]:
    """The tables to compare, the names of those that one of two versions lacks, and what is to be said of the others."""
    if old.table or new.table:
        if tables:
            raise ComparisonError("tables are named both behind `::` and with `--table`", hint="use one of the two")
        return [(_the_table(old, old.table or new.table), _the_table(new, new.table or old.table))], [], []
    if tables:
        return [(_table(old, name), _table(new, name)) for name in tables], [], []
    ours, theirs = _own(old), _own(new)
    versions = old.version is not None and new.version is not None
    both, taken = [], set()
    for dataset in ours:
        match = next((d for d in theirs if d.ref == dataset.ref), None)
        if match is None and not versions:
            named = [d for d in theirs if d.ref.name.casefold() == dataset.ref.name.casefold()]
            match = named[0] if len(named) == 1 else None
        if match is not None:
            both.append((dataset, match))
            taken |= {dataset.ref, match.ref}
    lonely = [(d, old) for d in ours if d.ref not in taken] + [(d, new) for d in theirs if d.ref not in taken]
    words = [f"{d.ref} is only in {side.words}" for d, side in lonely]
    if not both and not versions:
        raise ComparisonError(
            f"`{old.words}` and `{new.words}` have no table of the same name",
            hint="name the two tables: `tidegate reconcile FILE::TABLE live::SCHEMA.TABLE`",
        )
    return both, words if versions else [], [] if versions else words


def _own(side: Opened) -> list[Dataset]:
    return [d for ref, d in side.catalog.items() if not d.is_view and is_users_own(ref, side.catalog)]


def _the_table(side: Opened, name: str | None) -> Dataset:
    """The one table of a file of rows, whatever the other side calls it; else the one of that name."""
    if side.table is None and side.version is None and len(side.catalog) == 1:
        return next(iter(side.catalog.values()))
    return _table(side, name or "")


def _table(side: Opened, name: str) -> Dataset:
    """The table that a name means: as it is written, else without regard to case, else by its last part alone.

    Raises:
        ComparisonError: there is none, or several.
    """
    wanted = name.casefold()
    for spelled in (str, lambda ref: str(ref).casefold(), lambda ref: ref.name.casefold()):
        found = [d for ref, d in side.catalog.items() if spelled(ref) in {name, wanted}]
        if len(found) == 1:
            return found[0]
        if found:
            break
    last = wanted.rpartition(".")[2]
    found = found or [d for ref, d in side.catalog.items() if ref.name.casefold() == last and side.version is None]
    if len(found) == 1:
        return found[0]
    what = f"several tables `{name}`" if found else f"no table `{name}`"
    known = ", ".join(str(ref) for ref in list(side.catalog)[:10]) or "none"
    where = f"version {side.version}" if side.version is not None else side.words.partition(TABLE_OF)[0]
    raise ComparisonError(f"there is {what} in {where}", hint=f"name one of: {known}")


# --- one table -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Half:
    """One side of one table, as `bisect` asks it."""

    side: Opened
    table: Table

    def segments(self, step: int, within: Sequence[int] | None, before: int) -> Mapping[int, tuple[int, int]]:
        answer = self.side.reader.query(self.table.segments(step, within, before))
        return {_int(number): (_int(count), _int(checksum)) for number, count, checksum in answer.rows}

    def rows(self, step: int, within: Sequence[int]) -> Sequence[Row]:
        answer = self.side.reader.query(self.table.rows(step, within))
        return [
            Row(position=_int(row[0]), key=_key(row[1:-2]), hash=_int(row[-2]), count=_int(row[-1]))
            for row in answer.rows
        ]

    def values(self, positions: Sequence[int]) -> Iterator[tuple[Key, Key]]:
        keys = len(self.table.key)
        for row in self.side.reader.query(self.table.values(positions)).rows:
            yield _key(row[:keys]), _key(row[keys:])


def compare(
    before: Opened,
    left: Dataset,
    after: Opened,
    right: Dataset,
    asked: Asked,
    *,
    hidden: Callable[[str], bool] = lambda _: False,
) -> TableComparison:
    """Compare one table of two open sides. Of columns that are `hidden`, values are told masked.

    Raises:
        ComparisonError: a column that is named is missing on a side, or they have none in common.
        QueryError: an engine refused a statement.
    """
    key, rest, only_old, only_new = _pairs(before, left, after, right, asked)
    halves = _halves(before, left, after, right, key, rest, asked)
    (old_rows, *old_bounds), (new_rows, *new_bounds) = (h.side.reader.query(h.table.extent()).rows[0] for h in halves)
    span, base = _span([*old_bounds, *new_bounds])
    first, second = (replace(h, table=replace(h.table, base=base)) for h in halves)
    halves = (first, second)
    number, groups, sums = _sums(halves, (*key, *rest), asked)
    found = bisect(*halves, span=span, most=asked.most)
    told, by_column, read = _told(halves, found, asked.tolerance)
    versions = before.version is not None and after.version is not None
    lacking = versions and bool(only_old or only_new)
    whole_row = not asked.key
    return TableComparison(
        table=str(right.ref),
        old_table=str(left.ref),
        same=not (told or lacking or sums or not found.complete),
        key=() if whole_row else tuple(p.names[1] for p in key),
        columns=len(key) + len(rest),
        old_rows=_int(old_rows),
        new_rows=_int(new_rows),
        groups=number,
        sums=tuple(replace(s, group=_shown(groups, s.group, hidden)) for s in sums),
        counts={what.value: n for what in What if (n := sum(d.what is what for d in told))},
        by_column=by_column,
        samples=tuple(replace(d, key=_shown(key, d.key, hidden)) for d in told[:SAMPLE]),
        complete=found.complete,
        only_old=only_old,
        only_new=only_new,
        notes=tuple(_notes((*key, *rest), left, right, whole_row=whole_row)),
        moved=Moved(levels=found.levels, checksums=found.checksums, hashes=found.rows, rows=read),
    )


def _pairs(
    before: Opened, left: Dataset, after: Opened, right: Dataset, asked: Asked
) -> tuple[tuple[Pair, ...], tuple[Pair, ...], tuple[str, ...], tuple[str, ...]]:
    """The key's columns, the others, and the columns that only one side has."""
    for name in (*asked.key, *asked.columns, *asked.by):
        for dataset in (left, right):
            if dataset.column(name) is None:
                raise ComparisonError(f"there is no column `{name}` in {dataset.ref}")
    left_out = {name.casefold() for name in asked.without}
    chosen = {name.casefold() for name in (*asked.columns, *asked.key, *asked.by)} if asked.columns else None
    named = {name.casefold() for name in (*asked.key, *asked.columns, *asked.by)}
    ours, theirs = (
        [
            c
            for c in dataset.columns
            if c.name.casefold() not in left_out
            and (chosen is None or c.name.casefold() in chosen)
            and (c.name.casefold() in named or not LOADERS_OWN.search(c.name))
        ]
        for dataset in (left, right)
    )
    same_engine = before.dialect == after.dialect
    pairs, taken = [], set()
    for column in ours:
        other = right.column(column.name)
        if other is not None and other in theirs:
            pairs.append(paired(column, other, same_engine=same_engine))
            taken |= {column.name.casefold(), other.name.casefold()}
    if not pairs:
        raise ComparisonError(f"{left.ref} and {right.ref} have no column in common")
    keys = [name.casefold() for name in asked.key]
    key = tuple(next(p for p in pairs if name in {n.casefold() for n in p.names}) for name in keys)
    rest = tuple(p for p in pairs if p not in key)
    only_old, only_new = (tuple(c.name for c in side if c.name.casefold() not in taken) for side in (ours, theirs))
    return (key, rest, only_old, only_new) if key else (tuple(pairs), (), only_old, only_new)


def _halves(
    before: Opened,
    left: Dataset,
    after: Opened,
    right: Dataset,
    key: tuple[Pair, ...],
    rest: tuple[Pair, ...],
    asked: Asked,
) -> tuple[_Half, _Half]:
    try:
        where = condition(asked.where) if asked.where else None
    except ConditionError as error:
        raise ComparisonError(
            f"`--where` cannot be used: {error}", hint="write one condition on a row, in SQL"
        ) from error
    native = before.dialect == after.dialect == "duckdb"
    first, second = (
        _Half(
            side=side,
            table=Table(
                dialect=side.dialect,
                ref=dataset.ref,
                place=place,
                key=key,
                rest=rest,
                tolerance=asked.tolerance,
                native=native,
                where=where,
            ),
        )
        for place, (side, dataset) in enumerate(((before, left), (after, right)))
    )
    return first, second


def _span(bounds: Sequence[object]) -> tuple[int, int | None]:
    """How many positions there are, and the base of positions; the key's hash when its values have no usable order."""
    known = [int(b) if isinstance(b, int) else _int(b) for b in bounds if b is not None]  # of booleans too
    if not known or min(known) <= -SAFE or max(known) >= SAFE:
        return HASHES, None
    base = min(known) - 1
    return max(known) - base + 1, base


def _told(
    halves: tuple[_Half, _Half], found: Found, tolerance: float | None
) -> tuple[list[KeyDifference], dict[str, int], int]:
    """The differences with the columns that differ; those that vanish within the tolerance are left out. And how many rows
    were read for that.
    """
    changed = [d for d in found.differences if d.what is What.CHANGED]
    values, read = _values(halves, changed)
    rest = halves[0].table.rest
    told, by_column = [], Counter[str]()
    for difference in found.differences:
        columns: tuple[str, ...] = ()
        if difference.what is What.CHANGED and rest:
            ours, theirs = (side.get(difference.key, []) for side in values)
            names = _columns(rest, ours, theirs, tolerance)
            if names is None:
                continue
            columns = names
            by_column.update(columns)
        told.append(
            KeyDifference(
                key=difference.key,
                what=difference.what,
                old_rows=difference.old_rows,
                new_rows=difference.new_rows,
                columns=columns,
            )
        )
    return told, dict(by_column.most_common()), read


def _values(
    halves: tuple[_Half, _Half], changed: Sequence[Difference]
) -> tuple[tuple[dict[Key, list[Key]], dict[Key, list[Key]]], int]:
    """The rows of the changed keys on both sides, and how many rows were read."""
    wanted = {d.key for d in changed}
    positions = sorted({d.position for d in changed})
    sides: tuple[dict[Key, list[Key]], dict[Key, list[Key]]] = ({}, {})
    read = 0
    for start in range(0, len(positions), POSITIONS):
        for half, found in zip(halves, sides, strict=True):
            for key, values in half.values(positions[start : start + POSITIONS]):
                read += 1
                if key in wanted:
                    found.setdefault(key, []).append(values)
    return sides, read


def _columns(
    pairs: Sequence[Pair], ours: Sequence[Key], theirs: Sequence[Key], tolerance: float | None
) -> tuple[str, ...] | None:
    """The columns in which the rows of one key differ, by the new side's names; None when they are the same after all.

    Rows of a key that is there several times are laid side by side in the order of their values.
    """
    left, right = (
        sorted(rows, key=lambda row: tuple((v is not None, v or "") for v in row)) for rows in (ours, theirs)
    )
    differing = [
        pair.names[1]
        for place, pair in enumerate(pairs)
        if any(not equal(pair.form, a[place], b[place], tolerance=tolerance) for a, b in zip(left, right, strict=False))
    ]
    return None if not differing and len(left) == len(right) else tuple(differing)


def _sums(
    halves: tuple[_Half, _Half], pairs: Sequence[Pair], asked: Asked
) -> tuple[int, Sequence[Pair], tuple[SumDifference, ...]]:
    """How many groups there are, their columns, and the counts and sums in which they differ."""
    by = [name.casefold() for name in asked.by]
    groups = [next(p for p in pairs if name in {n.casefold() for n in p.names}) for name in by]
    keys = {name.casefold() for name in asked.key}
    sums = [p for p in pairs if p.form.is_number and p not in groups and p.names[1].casefold() not in keys]
    sides = []
    for half in halves:
        rows = half.side.reader.query(half.table.totals(sums, groups)).rows
        sides.append({_key(row[: len(groups)]): _key(row[len(groups) :]) for row in rows})
    old, new = sides
    found = []
    columns = ["*", *(p.names[1] for p in sums)]
    for group in sorted(old.keys() | new.keys(), key=lambda g: tuple(map(str, g))):
        ours, theirs = (side.get(group, (None,) * len(columns)) for side in (old, new))
        for place, column in enumerate(columns):
            form = None if place == 0 else sums[place - 1].form
            if not _same_sum(form, ours[place], theirs[place], rows=ours[0], tolerance=asked.tolerance):
                found.append(SumDifference(group=group, column=column, old=ours[place], new=theirs[place]))
    return len(old.keys() | new.keys()), groups, tuple(found)


def _same_sum(
    form: Form | None, old: str | None, new: str | None, *, rows: str | None, tolerance: float | None
) -> bool:
    """Sums of doubles, and of what SQLite adds up as doubles, agree to a part in 10^9, or within the rows' tolerance."""
    if old == new or old is None or new is None or form is None or form.kind is Kind.INTEGER:
        return old == new
    a, b, times = float(old), float(new), float(rows or 1)
    slack = max(1e-9 * max(abs(a), abs(b)), (tolerance or 0.0) * times)
    if form.kind is Kind.DECIMAL:
        slack = max(slack, 0.5 * 10.0 ** -(form.scale or 0) * (times if form.rounded else 1.0))
    return abs(a - b) <= slack


def _notes(pairs: Sequence[Pair], left: Dataset, right: Dataset, *, whole_row: bool) -> Iterator[str]:
    if whole_row:
        yield "no key is known, so whole rows were compared: name one with `--key`, or `key:` of the table in tidegate.yml"
    for pair in pairs:
        kinds = {f.kind for f in pair.own}
        if len(kinds) > 1 and pair.form.kind is Kind.TEXT:
            types = [
                c.type for d, name in zip((left, right), pair.names, strict=True) if (c := d.column(name)) is not None
            ]
            yield f"column {pair.names[1]} is {types[0]} and {types[1]}: compared as texts"
    if near := [p.names[1] for p in pairs if p.form.rounded]:
        yield f"{', '.join(near)}: a decimal on one side and not on the other, equal within half of the decimal's last digit"


def _is_hidden(site: Site, refs: Collection[DatasetRef], column: str) -> bool:
    said = [table.mask for ref in refs if (table := site.settings.tables.get(ref)) is not None]
    masked = {name.casefold() for names in (site.settings.masked_columns, *said) for name in names}
    return column.casefold() in masked or (site.settings.mask_personal_data and is_personal(column))


def _shown(pairs: Sequence[Pair], values: Key, hidden: Callable[[str], bool]) -> Key:
    """Values as they are told to people: masked where they are personal, times in ISO 8601."""
    shown: list[str | None] = []
    for pair, value in zip(pairs, values, strict=True):
        told = value
        if any(hidden(name) for name in pair.names):
            told = mask(value)
        elif value is not None and pair.form.kind is Kind.TIME and value.lstrip("-").isdecimal():
            told = (EPOCH + timedelta(microseconds=int(value))).isoformat().replace("+00:00", "Z")
        shown.append(told)
    return tuple(shown)


def _key(row: Sequence[object]) -> Key:
    return tuple(None if value is None else str(value) for value in row)


def _int(value: object) -> int:
    return int(str(value))


def with_sources(site: Site, asked: Asked) -> tuple[Comparison, ...]:
    """What readers see against the source of each table, as `source:` in tidegate.yml names it.

    Raises:
        NothingCheckedError: no table has a source.
    """
    sources = {ref: said.source for ref, said in site.settings.tables.items() if said.source is not None}
    wanted = {name.casefold() for name in asked.tables}
    chosen = {ref: source for ref, source in sources.items() if not wanted or str(ref).casefold() in wanted}
    lost = wanted - {str(ref).casefold() for ref in chosen}
    if not chosen or lost:
        what = f"`{'`, `'.join(sorted(lost))}` has no `source:`" if lost else "no table has a `source:`"
        raise NothingCheckedError(
            f"{what} in tidegate.yml, so there is nothing to compare with",
            hint="name two sides, as in `tidegate reconcile 41 live` or `tidegate reconcile FILE::TABLE live::SCHEMA.TABLE`",
        )
    plain = replace(asked, tables=())
    return tuple(
        reconcile(
            site, source if TABLE_OF in source else f"{source}{TABLE_OF}{ref.name}", f"{LIVE}{TABLE_OF}{ref}", plain
        )
        for ref, source in chosen.items()
    )
