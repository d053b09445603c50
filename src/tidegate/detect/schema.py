"""What changed in the columns of a table, and who uses what is gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tidegate.model import DatasetRef, Finding, Layer

Columns = Sequence[tuple[str, str]]
"""(name, the engine's type) in the table's order."""

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
FLOATS = ("REAL", "FLOAT", "DOUBLE")
ROOMY = 10
"""Columns of a DECIMAL's whole part that hold every 32-bit integer."""


def judge_schema(
    ref: DatasetRef,
    old: Columns | None,
    new: Columns | None,
    *,
    used_by: Callable[[str], Sequence[str]],
) -> tuple[Finding, ...]:
    """Compare the columns of two versions of a table: added, removed, retyped; a table without columns is gone.

    A removed column, or one whose new type is of another kind, holds when something uses it, and a removed table always;
    an added column and a type that only became wider are told. dlt's own columns (`_dlt_...`) are never told as added.

    Args:
        ref: the table.
        old: the columns in the published version, None when the table is new (nothing is told).
        new: the columns in the candidate, None or empty when the table is gone.
        used_by: names what reads a column (`""` for the table itself), such as `marts.revenue`.
    """
    if old is None:
        return ()
    if not new:
        return (removed_table(ref, used_by("")),)
    before, after = dict(old), dict(new)
    added = [(name, kind) for name, kind in after.items() if name not in before and not name.startswith("_dlt")]
    found = [removed(ref, name, kind, added, used_by(name)) for name, kind in before.items() if name not in after]
    found += [
        retyped(ref, name, before[name], kind, used_by(name))
        for name, kind in after.items()
        if name in before and before[name] != kind
    ]
    if added:
        found.append(appeared(ref, added))
    return tuple(sorted(found, key=lambda f: not f.holds))


def removed_table(ref: DatasetRef, users: Sequence[str]) -> Finding:
    """The table itself is gone."""
    return Finding(
        key=f"{ref}/schema/removed",
        kind="schema",
        layer=Layer.TECHNICAL,
        dataset=ref,
        sentence=f"{ref} is gone: the published version has it, this one does not{used(users)}",
        holds=True,
        hint="find the step that should build it, or remove it from what reads it",
    )


def removed(ref: DatasetRef, name: str, kind: str, added: Columns, users: Sequence[str]) -> Finding:
    """A column is gone; one of the same type that came with it may be its new name."""
    same = [other for other, type_ in added if type_ == kind]
    renamed = f"; {same[0]} of the same type is new, so it may have been renamed" if len(same) == 1 else ""
    return Finding(
        key=f"{ref}/schema/{name}",
        kind="schema",
        layer=Layer.TECHNICAL,
        dataset=ref,
        column=name,
        sentence=f"{ref} lost its column {name} ({kind}){used(users)}{renamed}",
        holds=bool(users),
        hint=f"bring {name} back, or change what reads it" if users else "nothing is known to read it",
    )


def retyped(ref: DatasetRef, name: str, was: str, now: str, users: Sequence[str]) -> Finding:
    """A column has another type. Numbers that became texts hold also where no reader is known: dashboards are not."""
    wider = widened(was.upper(), now.upper())
    return Finding(
        key=f"{ref}/schema/{name}",
        kind="schema",
        layer=Layer.TECHNICAL,
        dataset=ref,
        column=name,
        sentence=f"{ref}.{name} changed its type from {was} to {now}{used(users)}",
        holds=not wider and sort_of(was.upper()) != sort_of(now.upper()),
        hint="the new type holds every old value" if wider else "check that what reads it still means the same",
    )


def appeared(ref: DatasetRef, columns: Columns) -> Finding:
    """Columns are new; one finding for all of them."""
    names = ", ".join(f"{name} ({kind})" for name, kind in columns[:8])
    more = f" and {len(columns) - 8} more" if len(columns) > 8 else ""
    noun = "a new column" if len(columns) == 1 else f"{len(columns)} new columns"
    return Finding(
        key=f"{ref}/schema/added/{','.join(sorted(name for name, _ in columns))}",
        kind="schema",
        layer=Layer.TECHNICAL,
        dataset=ref,
        column=columns[0][0] if len(columns) == 1 else None,
        sentence=f"{ref} has {noun}: {names}{more}",
        holds=False,
        hint="nothing to do; describe it in the contract if readers may rely on it",
    )


def widened(was: str, now: str) -> bool:
    """Whether every value of the old type is one of the new, as far as the types' names tell."""
    for order in (INTEGERS, FLOATS):
        if was in order and now in order:
            return order.index(was) <= order.index(now)
    if was.startswith("DECIMAL(") and now.startswith("DECIMAL("):
        (wide, scale), (wide_now, scale_now) = digits(was), digits(now)
        return scale_now >= scale and wide_now - scale_now >= wide - scale
    if was in INTEGERS[:3] and now.startswith("DECIMAL("):
        return digits(now)[0] - digits(now)[1] >= ROOMY
    return was in INTEGERS[:3] and now == "DOUBLE"


def digits(decimal: str) -> tuple[int, int]:
    """Precision and scale of `DECIMAL(18,2)`."""
    inside = decimal[decimal.index("(") + 1 :].rstrip(")").split(",")
    return int(inside[0]), int(inside[1]) if len(inside) > 1 else 0


def sort_of(kind: str) -> str:
    """What kind of values a type has: number, text, time, or the type itself."""
    if kind in INTEGERS or kind.startswith(("DECIMAL", "NUMERIC", "UBIGINT", "UINT", "USMALL", "UTINY", *FLOATS)):
        return "number"
    if kind.startswith(("VARCHAR", "TEXT", "CHAR", "STRING")):
        return "text"
    return "time" if kind.startswith(("TIMESTAMP", "DATE", "DATETIME")) else kind


def used(users: Sequence[str]) -> str:
    """Name up to three readers."""
    if not users:
        return ""
    more = f" and {len(users) - 3} more" if len(users) > 3 else ""
    return f", which {', '.join(users[:3])}{more} {'reads' if len(users) == 1 else 'read'}"
