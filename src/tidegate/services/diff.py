"""Diff: how two kept versions differ, in schema, rows, columns and, where a key is known, in keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tidegate.model import Column, Dataset, DatasetRef
from tidegate.ports import Progress, Reader
from tidegate.scan import compare
from tidegate.scan.infer import LOADERS_OWN
from tidegate.services.measure import is_users_own
from tidegate.services.publish import kept_version
from tidegate.services.reconcile import known_keys
from tidegate.services.site import Site

SAMPLE_KEYS = 5
"""How many changed keys are shown per table. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChange:
    """One column that holds other values: filled counts on both sides; `changed` rows where a key is known."""

    name: str
    old_filled: int
    new_filled: int
    changed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDiff:
    """How one table differs. `added`, `removed` and `changed` count keys and are None where no key is known.

    `state` is same, changed, added or removed. `retyped` holds (column, old type, new type). `sample` holds
    (what happened, key) pairs.
    """

    ref: DatasetRef
    state: str
    old_rows: int | None
    new_rows: int | None
    added_columns: tuple[str, ...] = ()
    removed_columns: tuple[str, ...] = ()
    retyped: tuple[tuple[str, str, str], ...] = ()
    columns: tuple[ColumnChange, ...] = ()
    key: tuple[str, ...] = ()
    added: int | None = None
    removed: int | None = None
    changed: int | None = None
    sample: tuple[tuple[str, str], ...] = ()


def diff(site: Site, old: int, new: int) -> tuple[TableDiff, ...]:
    """Compare every table of two kept versions; views are compared by their columns only. Reads both once.

    Left out is what loaders write for themselves: their tables, and columns such as `_dlt_load_id`.

    Raises:
        VersionNotFoundError: one of them is not kept.
    """
    for number in (old, new):
        kept_version(site, number)
    return _differences(site, old, site.warehouse.compare(old, new), known_keys(site, new))


def diff_with(site: Site, old: int, folder: Path, keys: Mapping[DatasetRef, tuple[str, ...]]) -> tuple[TableDiff, ...]:
    """Like `diff`, with a version of another warehouse as the new one, given by its folder.

    Args:
        keys: what identifies a row, by table.

    Raises:
        VersionNotFoundError, DatabaseNotFoundError: one of them is not there.
    """
    kept_version(site, old)
    return _differences(site, old, site.warehouse.compare_with(old, folder), keys)


def _differences(
    site: Site, old: int, both: AbstractContextManager[Reader], keys: Mapping[DatasetRef, tuple[str, ...]]
) -> tuple[TableDiff, ...]:
    with site.warehouse.reader(old) as reader:
        before = {d.ref: d for d in reader.catalog()}
    with both as reader:
        after = {d.ref: d for d in reader.catalog()}
        return compared(reader, before, after, keys, site.progress)


def compared(
    reader: Reader,
    before: Mapping[DatasetRef, Dataset],
    after: Mapping[DatasetRef, Dataset],
    keys: Mapping[DatasetRef, Sequence[str]],
    progress: Progress,
) -> tuple[TableDiff, ...]:
    """Compare every table of two catalogs that a reader has open as `old` and `new`."""
    refs = sorted({*before, *after})
    return tuple(
        _table(reader, before.get(ref), after.get(ref), keys.get(ref, ()), progress, place, len(refs))
        for place, ref in enumerate(refs)
        if is_users_own(ref, {*before, *after})
    )


def _table(
    reader: Reader,
    old: Dataset | None,
    new: Dataset | None,
    key: Sequence[str],
    progress: Progress,
    place: int,
    total: int,
) -> TableDiff:
    present = new or old
    if present is None:
        raise AssertionError("a table of neither version")
    progress.advance(place, total, str(present.ref))
    if old is None:
        return TableDiff(ref=present.ref, state="added", old_rows=None, new_rows=present.rows)
    if new is None:
        return TableDiff(ref=present.ref, state="removed", old_rows=present.rows, new_rows=None)
    types = {c.name: c.type for c in old.columns}
    common = [c for c in new.columns if types.get(c.name) == c.type and not LOADERS_OWN.search(c.name)]
    retyped = tuple((c.name, types[c.name], c.type) for c in new.columns if c.name in types and types[c.name] != c.type)
    added = tuple(c.name for c in new.columns if c.name not in types)
    removed = tuple(name for name in types if name not in {c.name for c in new.columns})
    if new.is_view or old.is_view:
        state = "changed" if added or removed or retyped else "same"
        return TableDiff(ref=new.ref, state=state, old_rows=None, new_rows=None, added_columns=added,
                         removed_columns=removed, retyped=retyped)  # fmt: skip
    return _rows(reader, new, common, key, added, removed, retyped)


def _rows(
    reader: Reader,
    dataset: Dataset,
    common: Sequence[Column],
    key: Sequence[str],
    added: tuple[str, ...],
    removed: tuple[str, ...],
    retyped: tuple[tuple[str, str, str], ...],
) -> TableDiff:
    answer = reader.query(compare.totals_query(dataset, common))
    old_rows, new_rows, totals = compare.read_totals(common, answer.rows)
    moved = [t for t in totals if not t.same_values]
    same = old_rows == new_rows and not moved and not added and not removed and not retyped
    names = {c.name for c in common}
    usable = bool(key) and set(key) <= names and bool(moved)
    counts: Sequence[int] = ()
    sample: tuple[tuple[str, str], ...] = ()
    if usable:
        counts = [int(str(v)) for v in reader.query(compare.changes_query(dataset, common, key)).rows[0]]
        shown = reader.query(compare.changed_keys_query(dataset, common, key, limit=SAMPLE_KEYS)).rows
        sample = tuple((str(row[0]), ", ".join(str(v) for v in row[1:])) for row in shown)
    by_column = dict(zip((c.name for c in common if c.name not in set(key)), counts[3:], strict=False))
    return TableDiff(
        ref=dataset.ref,
        state="same" if same else "changed",
        old_rows=old_rows,
        new_rows=new_rows,
        added_columns=added,
        removed_columns=removed,
        retyped=retyped,
        columns=tuple(
            ColumnChange(name=t.name, old_filled=t.old_filled, new_filled=t.new_filled, changed=by_column.get(t.name))
            for t in moved
        ),
        key=tuple(key) if usable else (),
        added=counts[0] if usable else None,
        removed=counts[1] if usable else None,
        changed=counts[2] if usable else None,
        sample=sample,
    )
