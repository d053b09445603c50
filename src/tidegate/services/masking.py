"""Masking: what stands in a sample in the place of personal values, by a secret that is not in it. All of it is SQL.

A text, a whole number or a UUID is replaced by one of the same form, by a table that is the same for all columns: equal
values stay equal wherever they stand, so joins hold, and different ones stay different, so keys do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tidegate.errors import SampleError
from tidegate.metrics import Kind, kind_of, quoted
from tidegate.model import Column, DatasetRef, Family
from tidegate.ports import ASIDE, Workshop
from tidegate.services.references import Reference
from tidegate.services.sampling import Source

SECRET = "tidegate_secret"
"""The variable of the session that holds the secret."""

MAPPED = f'{ASIDE}.main."masked values"'
OPEN = f'{ASIDE}.main."values to mask"'
TRIED = f'{ASIDE}.main."tried"'

TRIES = 12
"""After so many tries for a value that nobody else has, a piece is added to it, which its form has not. Chosen, not derived."""

MOST_DRAWN = 20
ROWS_PER_VALUE = 10
"""A personal column with so few values, each of so many rows, tells nobody apart: its values are drawn anew for each row.
Chosen, not derived."""

SAFE_TYPES = frozenset(
    "BOOLEAN TINYINT SMALLINT INTEGER BIGINT UTINYINT USMALLINT UINTEGER UBIGINT FLOAT DOUBLE VARCHAR DATE TIMESTAMP UUID"
    " BLOB".split()
) | {"TIMESTAMP WITH TIME ZONE"}
"""Types that a Parquet file holds as they are; a value of another type is written as its text."""

MACROS = (
    (
        f"CREATE MACRO {ASIDE}.main.keyed(v) AS"
        f" sha256(getvariable('{SECRET}') || sha256(getvariable('{SECRET}') || '/' || v))"
    ),
    f"CREATE MACRO {ASIDE}.main.nth(h, i, n) AS CAST(md5_number_lower(h || ':' || CAST(i AS VARCHAR)) % n AS INTEGER)",
    (
        f"CREATE MACRO {ASIDE}.main.turned(alphabet, c, places) AS"
        " substr(alphabet, 1 + CAST((instr(alphabet, c) - 1 + places) % length(alphabet) AS INTEGER), 1)"
    ),
    # One character for one: a digit for a digit, a letter for a letter of the same case, never itself; the rest stays.
    f"""CREATE MACRO {ASIDE}.main.swapped(c, i, h, is_hex) AS CASE
        WHEN is_hex AND c BETWEEN '0' AND '9' THEN {ASIDE}.main.turned('0123456789abcdef', c, 1 + {ASIDE}.main.nth(h, i, 15))
        WHEN is_hex AND c BETWEEN 'a' AND 'f' THEN {ASIDE}.main.turned('0123456789abcdef', c, 1 + {ASIDE}.main.nth(h, i, 15))
        WHEN is_hex AND c BETWEEN 'A' AND 'F' THEN {ASIDE}.main.turned('0123456789ABCDEF', c, 1 + {ASIDE}.main.nth(h, i, 15))
        WHEN i = 1 AND c = '0' THEN c
        WHEN i = 1 AND c BETWEEN '1' AND '9' THEN {ASIDE}.main.turned('123456789', c, 1 + {ASIDE}.main.nth(h, i, 8))
        WHEN c BETWEEN '0' AND '9' THEN {ASIDE}.main.turned('0123456789', c, 1 + {ASIDE}.main.nth(h, i, 9))
        WHEN c BETWEEN 'a' AND 'z' THEN {ASIDE}.main.turned('abcdefghijklmnopqrstuvwxyz', c, 1 + {ASIDE}.main.nth(h, i, 25))
        WHEN c BETWEEN 'A' AND 'Z' THEN {ASIDE}.main.turned('ABCDEFGHIJKLMNOPQRSTUVWXYZ', c, 1 + {ASIDE}.main.nth(h, i, 25))
        WHEN unicode(c) > 127 AND c = upper(c) AND c <> lower(c) THEN chr(65 + {ASIDE}.main.nth(h, i, 26))
        WHEN unicode(c) > 127 THEN chr(97 + {ASIDE}.main.nth(h, i, 26))
        ELSE c END""",
    f"""CREATE MACRO {ASIDE}.main.formed(v, h) AS array_to_string(list_transform(range(1, length(v) + 1), lambda i:
        {ASIDE}.main.swapped(substr(v, i, 1), i, h,
            regexp_full_match(v, '[0-9A-Fa-f:-]{{6,}}') AND regexp_matches(v, '[A-Fa-f]'))), '')""",
    f"""CREATE MACRO {ASIDE}.main.stand_in(v, n, h) AS CASE
        WHEN regexp_full_match(n, '[^@\\s]+@[^@\\s]+\\.[^@\\s]+') THEN substr(h, 1, 12) || '@'
            || substr({ASIDE}.main.keyed('domain/' || split_part(n, '@', 2)), 1, 6) || '.example.com'
        WHEN regexp_full_match(n, '[0-9]{{1,3}}(\\.[0-9]{{1,3}}){{3}}') THEN '10.' || {ASIDE}.main.nth(h, 1, 256)
            || '.' || {ASIDE}.main.nth(h, 2, 256) || '.' || {ASIDE}.main.nth(h, 3, 256)
        ELSE {ASIDE}.main.formed(v, h) END""",
)
"""`v` is a value, `n` the same in lower case and without space around it, `h` its keyed hash."""

DISTINCTIVE = "(length({v}) >= 6 OR (length({v}) >= 3 AND regexp_matches({v}, '[[:alpha:]]')))"
"""Of which values it says something that they occur: shorter ones meet by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """How a column is masked, and why: `form` (the same form), `scaled`, `moved` (a date), `drawn` or `emptied`."""

    how: str
    why: str


Masks = Mapping[tuple[DatasetRef, str], Mask]


def why_personal(
    source: Source, *, named: frozenset[str], clear: frozenset[str], is_personal: bool, column: str
) -> str | None:
    """Why a column counts as personal; None when it does not. What the team says is clear, is."""
    if f"{source.ref}.{column}".casefold() in clear:
        return None
    if column.casefold() in named:
        return "tidegate.yml says so"
    return "its name" if is_personal else None


def masks(
    workshop: Workshop,
    found: Sequence[Source],
    said: Sequence[Reference],
    reasons: Mapping[tuple[DatasetRef, str], str],
) -> dict[tuple[DatasetRef, str], Mask]:
    """How each personal column is masked; columns that refer to each other are masked alike.

    Args:
        reasons: the personal columns with the reason why they are.
    """
    groups = _joined(said)
    everything = dict(reasons)
    for place, why in reasons.items():
        for other in groups.get(place, ()):
            everything.setdefault(other, f"it holds the same keys as {place[0]}.{place[1]}, {why}")
    chosen: dict[tuple[DatasetRef, str], Mask] = {}
    for source in found:
        for column in source.dataset.columns:
            place = (source.ref, column.name)
            if place in everything:
                how = _how(workshop, source, column, is_key=place in groups)
                chosen[place] = Mask(how=how, why=everything[place])
    return chosen


def _joined(said: Sequence[Reference]) -> dict[tuple[DatasetRef, str], set[tuple[DatasetRef, str]]]:
    """For each column of a reference, every column that holds the same keys."""
    groups: dict[tuple[DatasetRef, str], set[tuple[DatasetRef, str]]] = {}
    for reference in said:
        for column, name in zip(reference.columns, reference.fields, strict=True):
            ends = ((reference.child, column), (reference.parent, name))
            together = {*groups.get(ends[0], {ends[0]}), *groups.get(ends[1], {ends[1]})}
            groups |= dict.fromkeys(together, together)
    return groups


def _how(workshop: Workshop, source: Source, column: Column, *, is_key: bool) -> str:
    kind = kind_of(column)
    if kind in {Kind.TEXT, Kind.LABEL, Kind.BOOLEAN} and not is_key and _is_choice(workshop, source, column):
        return "drawn"
    if kind is Kind.TEXT and _is_document(workshop, source, column):
        return "emptied"
    if kind in {Kind.TEXT, Kind.INTEGER} or column.type == "UUID":
        return "form"
    if column.family is Family.NUMBER:
        return "scaled"
    return "moved" if column.family is Family.TIME else "emptied"


def _is_choice(workshop: Workshop, source: Source, column: Column) -> bool:
    """Whether so few values, each of so many rows, occur that none of them tells a person."""
    name = quoted(column.name)
    values = (
        f"SELECT count(*) AS n FROM (SELECT {name} FROM {source.sql} WHERE {name} IS NOT NULL) GROUP BY {name}"
        f" LIMIT {MOST_DRAWN + 1}"
    )
    ((number, fewest),) = workshop.ask(f"SELECT count(*), min(n) FROM ({values})")
    return 0 < int(str(number)) <= MOST_DRAWN and int(str(fewest)) >= ROWS_PER_VALUE


def _is_document(workshop: Workshop, source: Source, column: Column) -> bool:
    """Whether a kept row holds JSON in a text: with its letters swapped nothing could read it."""
    value = f"t.{quoted(column.name)}"
    rows = f"FROM {source.sql} AS t WHERE t.rowid IN (SELECT row_id FROM {source.kept})"
    ((some,),) = workshop.ask(f"SELECT count(*) {rows} AND ({value} LIKE '{{%' OR {value} LIKE '[%')")
    return int(str(some)) > 0


def prepare(workshop: Workshop, secret: str) -> None:
    """Make the macros; once for a session."""
    workshop.remember(SECRET, secret)
    for macro in MACROS:
        workshop.ask(macro)


def map_values(workshop: Workshop, found: Sequence[Source], chosen: Masks) -> int:
    """Find for every value of the kept rows that keeps its form another one: its own, and no value of the source.

    Returns for how many values the form could not be kept. Linear in the sample, and a scan of each such column of the
    source for each try.

    Raises:
        SampleError: a value found none.
    """
    columns = [(s, name) for s in found for (ref, name), m in chosen.items() if ref == s.ref and m.how == "form"]
    workshop.ask(f"CREATE OR REPLACE TABLE {MAPPED} (raw VARCHAR, norm VARCHAR, masked VARCHAR)")
    workshop.ask(f"CREATE OR REPLACE TABLE {OPEN} (raw VARCHAR, norm VARCHAR)")
    for source, name in columns:
        text = _text(f"t.{quoted(name)}")
        workshop.ask(
            f"INSERT INTO {OPEN} SELECT DISTINCT {text}, lower(trim({text})) FROM {source.sql} AS t"
            f" WHERE {text} <> '' AND t.rowid IN (SELECT row_id FROM {source.kept})"
            f" AND {text} NOT IN (SELECT raw FROM {OPEN})"
        )
    spoilt = left = 0
    for attempt in range(TRIES + 3):
        left = _try(workshop, columns, attempt)
        spoilt = left if attempt == TRIES - 1 else spoilt
        if not left:
            return spoilt
    raise SampleError(f"`{left}` values could not be masked", hint="pass another `--seed`")


def _try(workshop: Workshop, columns: Sequence[tuple[Source, str]], attempt: int) -> int:
    """One try for the values that have none yet; returns how many are left."""
    added = ""
    if attempt >= TRIES:
        added = " || CASE WHEN regexp_full_match(raw, '[0-9]+') THEN lpad(CAST({nth} AS VARCHAR), 6, '0') ELSE '-' || substr(h, 1, 8) END"
        added = added.format(nth=f"{ASIDE}.main.nth(h, 0, 1000000)")
    workshop.ask(
        f"CREATE OR REPLACE TABLE {TRIED} AS SELECT raw, norm, {ASIDE}.main.stand_in(raw, norm, h){added} AS masked"
        f" FROM (SELECT *, {ASIDE}.main.keyed('{attempt}/' || norm) AS h FROM {OPEN})"
    )
    for source, name in columns:
        text = f"lower(CAST(t.{quoted(name)} AS VARCHAR))"
        distinctive = DISTINCTIVE.format(v="masked")
        workshop.ask(
            f"DELETE FROM {TRIED} WHERE {distinctive}"
            f" AND lower(masked) IN (SELECT {text} FROM {source.sql} AS t WHERE t.{quoted(name)} IS NOT NULL)"
        )
    workshop.ask(
        f"INSERT INTO {MAPPED} SELECT raw, norm, masked FROM (SELECT *, min(norm) OVER (PARTITION BY masked) AS first"
        f" FROM {TRIED}) WHERE norm = first AND masked NOT IN (SELECT masked FROM {MAPPED})"
    )
    workshop.ask(f"DELETE FROM {OPEN} WHERE raw IN (SELECT raw FROM {MAPPED})")
    ((left,),) = workshop.ask(f"SELECT count(*) FROM {OPEN}")
    return int(str(left))


def select_masked(source: Source, chosen: Masks) -> str:
    """The kept rows of a table as they go into the sample, in an order that follows from what they show."""
    items, joins = [], []
    for place, column in enumerate(source.dataset.columns):
        mask = chosen.get((source.ref, column.name))
        value = _value(source, place, column, mask)
        items.append(f"{value} AS {quoted(column.name)}")
        if mask is not None and mask.how == "form":
            joins.append(f" LEFT JOIN {MAPPED} AS m{place} ON m{place}.raw = {_text(f't.{quoted(column.name)}')}")
    order = ", ".join(str(place + 1) for place in range(len(items)))
    return (
        f"SELECT {', '.join(items)} FROM {source.sql} AS t{''.join(joins)}"
        f" WHERE t.rowid IN (SELECT row_id FROM {source.kept}) ORDER BY {order}"
    )


def _text(value: str) -> str:
    """A value as its text, told apart from others by every character, whatever its column's collation says."""
    return f'CAST({value} AS VARCHAR) COLLATE "binary"'


def is_safe(type_text: str) -> bool:
    """Whether a Parquet file holds values of a type as they are."""
    return type_text in SAFE_TYPES or type_text.startswith("DECIMAL(")


def _value(source: Source, place: int, column: Column, mask: Mask | None) -> str:
    value = f"t.{quoted(column.name)}"
    if mask is not None:
        value = _masked(source, place, column, mask, value)
    return value if is_safe(column.type) else f"CAST({value} AS VARCHAR)"


def _masked(source: Source, place: int, column: Column, mask: Mask, value: str) -> str:
    keyed = f"{ASIDE}.main.keyed('{mask.how}/' || CAST({value} AS VARCHAR))"
    if mask.how == "form":
        found = f"m{place}.masked"
        if kind_of(column) is Kind.INTEGER:
            return f"coalesce(TRY_CAST({found} AS {column.type}), CAST({value} // 2 AS {column.type}))"
        return f"CASE WHEN CAST({value} AS VARCHAR) = '' THEN {value} ELSE CAST({found} AS {column.type}) END"
    if mask.how == "scaled":
        scaled = f"CAST({value} AS DOUBLE) * (500 + {ASIDE}.main.nth({keyed}, 0, 450)) / 1000"
        return f"CAST({scaled} AS {column.type})"
    if mask.how == "moved":
        days = f"(1 + {ASIDE}.main.nth({keyed}, 0, 182)) * (1 - 2 * {ASIDE}.main.nth({keyed}, 1, 2))"
        return f"CASE WHEN isfinite({value}) THEN CAST({value} + to_days({days}) AS {column.type}) ELSE {value} END"
    if mask.how == "drawn":
        name = quoted(column.name)
        values = (
            f"(SELECT list(v ORDER BY v) FROM (SELECT DISTINCT {name} AS v FROM {source.sql} WHERE {name} IS NOT NULL))"
        )
        row = f"{ASIDE}.main.keyed('{place}/' || CAST({source.rank('t')} AS VARCHAR))"
        return f"CASE WHEN {value} IS NOT NULL THEN {values}[1 + {ASIDE}.main.nth({row}, 0, len({values}))] END"
    return f"CAST(NULL AS {column.type})"


def unchanged(workshop: Workshop, source: Source, chosen: Masks) -> Iterator[tuple[str, int]]:
    """Masked columns in which a kept row shows its own value all the same, with the number of such rows.

    Values of fewer than three characters, and those of columns that are drawn, tell nobody.
    """
    for place, column in enumerate(source.dataset.columns):
        mask = chosen.get((source.ref, column.name))
        if mask is None or mask.how in {"drawn", "emptied"}:
            continue
        value = f"t.{quoted(column.name)}"
        shown = _masked(source, place, column, mask, value)
        join = f" LEFT JOIN {MAPPED} AS m{place} ON m{place}.raw = {_text(value)}" if mask.how == "form" else ""
        if mask.how == "scaled":
            join += " WHERE abs(" + value + ") >= 10 AND isfinite(CAST(" + value + " AS DOUBLE))"
        elif mask.how == "moved":
            join += f" WHERE isfinite({value})"
        else:
            join += " WHERE TRUE"
        ((same,),) = workshop.ask(
            f"SELECT count(*) FROM {source.sql} AS t{join} AND t.rowid IN (SELECT row_id FROM {source.kept})"
            f" AND length(CAST({value} AS VARCHAR)) >= 3 AND regexp_matches(CAST({value} AS VARCHAR), '[[:alnum:]]')"
            f" AND {value} = {shown}"
        )
        if int(str(same)):
            yield column.name, int(str(same))
