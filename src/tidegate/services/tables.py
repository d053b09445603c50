"""Tables: those that learned bands look at, by their names, and what is kept of the past of each."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from tidegate.detect import ages
from tidegate.errors import UsageError
from tidegate.model import Dataset, DatasetRef, Measurement
from tidegate.services.baseline import Answers
from tidegate.services.measure import is_users_own
from tidegate.services.replay import Past, bucket_past, version_past
from tidegate.services.site import Site


def profiled(site: Site, number: int) -> dict[DatasetRef, Dataset]:
    """The tables that a run measures whole."""
    with site.warehouse.reader(number) as reader:
        catalog = {d.ref: d for d in reader.catalog()}
    said = site.settings.tables
    return {
        ref: dataset
        for ref, dataset in catalog.items()
        if not dataset.is_view and is_users_own(ref, catalog) and not (ref in said and said[ref].ignore)
    }


def chosen_tables(catalog: Mapping[DatasetRef, Dataset], names: Sequence[str]) -> tuple[Dataset, ...]:
    """The tables that are named, in their order, with their schema or where it is clear without; all when none is named.

    Raises:
        UsageError: a table that is not there, or a name that several have.
    """
    by_name: dict[str, list[Dataset]] = {}
    for ref, dataset in catalog.items():
        for name in (str(ref), ref.name):
            by_name.setdefault(name.casefold(), []).append(dataset)
    found = []
    for name in names:
        same = by_name.get(name.casefold(), [])
        if len(same) != 1:
            near = [str(d.ref) for d in same] or difflib.get_close_matches(name, [str(r) for r in catalog], n=1)
            hint = (
                f"did you mean `{'` or `'.join(near)}`?" if near else "views and ignored tables have no learned bands"
            )
            raise UsageError(f"`{name}` is {'more than one table' if same else 'no table that is profiled'}", hint=hint)
        found += same
    return tuple(dict.fromkeys(found)) if found else tuple(catalog.values())


def past_of(site: Site, number: int, dataset: Dataset, answers: Answers) -> Past:
    """A table's buckets of time, else its versions."""
    ref, state, said = dataset.ref, site.state, site.settings.tables.get(dataset.ref)
    grid = state.grid(number, ref)
    taken = max((m.taken_at for m in state.numbers(number, ref)), default=site.clock.now())
    past = bucket_past(
        dataset,
        grid,
        now=taken,
        first=_first_words(site, number, ref) if grid.intervals else (),
        excluded=answers.excluded(ref),
        accepted=answers.normals(ref),
        drifts=answers.drifts(ref),
        time_column=said.time_column if said else None,
    )
    return past or version_past(dataset, state.history(number, ref), accepted=answers.normals(ref))


def _first_words(site: Site, number: int, ref: DatasetRef) -> tuple[Measurement, ...]:
    """What runs said of the buckets that they saw come: while these were young, else at first."""
    words = (*site.state.first_seen(number, ref), *site.state.first_seen(number, ref, ages=ages(0)))
    return tuple({(m.spec, m.interval): m for m in words}.values())


def inferred_of(site: Site, number: int, ref: DatasetRef) -> Mapping[str, str | None]:
    """What the scan of a version inferred of a table: time column, grain, load column; nothing of versions before this was kept."""
    tables = site.state.marks(number).get("tables")
    found = tables.get(str(ref)) if isinstance(tables, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    return {str(name): None if said is None else str(said) for name, said in found.items()}
