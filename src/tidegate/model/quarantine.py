"""Rows that were taken out of a table before it was published, and where they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from tidegate.model.dataset import QUARANTINE, DatasetRef

BETWEEN = "__"


def quarantine_table(ref: DatasetRef) -> DatasetRef:
    """The table that keeps the rows of a table: `raw.orders` has `tidegate_quarantine.raw__orders`.

    A schema in which the two underscores would be taken for the end of its name, such as `a__b`, gets some digits at the
    end, so that no two tables share one.
    """
    name = f"{ref.namespace}{BETWEEN}{ref.name}"
    if name.partition(BETWEEN) != (ref.namespace, BETWEEN, ref.name):
        digest = blake2b(f"{ref.namespace}\0{ref.name}".encode(), digest_size=4).hexdigest()
        name = f"{name}{BETWEEN}{digest}"
    return DatasetRef(namespace=QUARANTINE, name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """The rows of one table that checks with `on_fail: quarantine` do not want.

    `rows` is how many the table had, `failing` how many different ones of them fail, `by_check` how many by the check's
    id (a row may fail several). `moved` is False when they are more than may be moved: then nothing was changed. `again`
    counts those that are in quarantine already, with the same values and because of the same checks: they arrived a second
    time, are gone from the table, and are not kept twice. `into` is the table that keeps them.
    """

    dataset: DatasetRef
    into: DatasetRef
    rows: int
    failing: int
    by_check: Mapping[str, int]
    moved: bool
    again: int = 0
