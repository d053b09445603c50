"""What an entry of the catalogue of checks is made of: one kind of check, and the faults that it cannot see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tidegate.model import Check, CheckResult, Dataset, DatasetRef, MetricSpec

Catalog = Mapping[DatasetRef, Dataset]


def _always(check: Check) -> bool:  # noqa: ARG001 - every condition on a check has this signature
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """A fault that a kind of check lets pass, as dbt does: it cannot fail because `says`.

    `when` tells for which arguments that is so. With `rows`, a condition in SQL, it is so only if some row meets it;
    with `counted`, a SELECT of one number, only if that is not 0. The number stands in `says` at `{rows}`.
    """

    says: str
    when: Callable[[Check], bool] = _always
    rows: Callable[[Check], str] | None = None
    counted: Callable[[Check], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckKind:
    """One kind of check.

    `number` gives the spec of the measured number, and `reads` how it is judged: `failures` counts what fails (dbt's
    number), `bounds` must lie between the arguments `min` and `max`, `age` is a time that must not be too old, `stale`
    the same with a limit for a warning and one for an error, `limit` must meet the argument `operator`, and `nothing` is judged elsewhere.
    `decided` gives the result at once, from the catalogue of tables alone.
    `failing` is the SELECT of the failing rows, None where rows do not fail; `whole_rows` tells that it returns rows of
    the table with all their columns. `told` is the sentence for a failure, with the places `failures`, `evaluated`,
    `column`, `given` and the check's arguments. `others` are the arguments that name another table, each with the
    argument that names a column of it, if there is one; with `same_columns` it must have all columns that this one has,
    unless `compare_columns` names some, but for `exclude_columns`. `null_passes` tells that rows without a value in the column
    are not looked at; `demand` is the condition on a row that passes where it is NULL, for kinds that name no column.
    `fail_calc` is how the test's own package counts its failures. `blind` are the faults that it lets pass.
    """

    says: str
    reads: str
    number: Callable[[Check], MetricSpec]
    told: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    needs_column: bool = False
    needs_dataset: bool = True
    failing: Callable[[Check], str] | None = None
    whole_rows: bool = False
    others: Mapping[str, str | None] = field(default_factory=dict)
    same_columns: bool = False
    null_passes: bool = False
    demand: Callable[[Check], str] | None = None
    fail_calc: str = "count(*)"
    decided: Callable[[Check, Catalog], CheckResult] | None = None
    blind: tuple[Blind, ...] = ()
