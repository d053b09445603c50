"""Segments: the statements that compare one table on two sides, in any engine, by checksums of key ranges.

Both sides write a value as the same text when it means the same: that is its form, chosen for each pair of columns. A row's
hash is a hash of these texts; a segment's checksum is the sum of its rows' hashes, so the order of rows does not matter and a
row that is there twice counts twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tidegate.metrics import quoted, relation, select
from tidegate.model import Column, DatasetRef


class Kind(StrEnum):
    """How a value is written so that two engines write it alike."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    TIME = "time"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A kind, and for decimals the digits behind the point (None: unknown). `rounded`: a double is written as a decimal."""

    kind: Kind
    scale: int | None = None
    rounded: bool = False

    @property
    def is_number(self) -> bool:
        return self.kind in {Kind.INTEGER, Kind.DECIMAL, Kind.DOUBLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A column on both sides: its names, its own forms, the form that both are written in, and whether the types are the
    same text in the same engine (then values need not be written at all).
    """

    names: tuple[str, str]
    own: tuple[Form, Form]
    form: Form
    identical: bool = False

    @property
    def is_ordered(self) -> bool:
        """Whether its values have an order that both engines agree on."""
        return self.form.kind in {Kind.INTEGER, Kind.TIME} and self.own == (self.form, self.form)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How an engine writes each kind (`{}` is the column, `{s}` the scale), hashes a text to 60 bits, and adds hashes up.

    `lenient` writes a text that should be another kind: as that kind where it can be read so, else as it is.
    """

    forms: Mapping[Kind, str]
    rounded: str
    quantum: str
    lenient: Mapping[Kind, str]
    raw: str
    hash: str
    sum: str
    div: str
    position: Mapping[Kind, str]
    native_hash: str | None = None


DUCKDB = Engine(
    forms={
        Kind.INTEGER: "CAST(CAST({} AS HUGEINT) AS VARCHAR)",
        Kind.DECIMAL: "coalesce(CAST(TRY_CAST({} AS DECIMAL(38, {s})) AS VARCHAR), CAST({} AS VARCHAR))",
        Kind.DOUBLE: "printf('%.11e', CAST({} AS DOUBLE) + 0.0)",
        Kind.TIME: "coalesce(CAST(TRY(epoch_us(CAST({} AS TIMESTAMP))) AS VARCHAR), CAST({} AS VARCHAR))",
        Kind.TEXT: "CAST({} AS VARCHAR)",
    },
    rounded="coalesce(CAST(TRY_CAST(round({}, {s}) AS DECIMAL(38, {s})) AS VARCHAR), CAST({} AS VARCHAR))",
    quantum="coalesce(CAST(TRY_CAST(round(CAST({} AS DOUBLE) / {q}) AS HUGEINT) AS VARCHAR), CAST({} AS VARCHAR))",
    lenient={
        Kind.INTEGER: "TRY_CAST({} AS HUGEINT)",
        Kind.DECIMAL: "TRY_CAST({} AS DECIMAL(38, {s}))",
        Kind.DOUBLE: "TRY_CAST({} AS DOUBLE)",
        Kind.TIME: "TRY_CAST({} AS TIMESTAMP)",
    },
    raw="CAST({} AS VARCHAR)",
    hash="CAST('0x' || substr(md5({}), 1, 15) AS BIGINT)",
    sum="CAST(SUM({}) AS VARCHAR)",
    div="({} // {})",
    position={Kind.INTEGER: "CAST({} AS BIGINT)", Kind.TIME: "TRY(epoch_us(CAST({} AS TIMESTAMP)))"},
    native_hash="CAST(hash({}) >> 4 AS BIGINT)",
)

SQLITE = Engine(
    forms={kind: f"tidegate_form({{}}, '{kind.value}', {{s}})" for kind in Kind}
    | {  # what is as it should be is not carried into Python and back, which takes most of the time that this side takes
        Kind.INTEGER: "CASE typeof({}) WHEN 'integer' THEN CAST({} AS TEXT) ELSE tidegate_form({}, 'integer', {s}) END",
        Kind.TEXT: "CASE typeof({}) WHEN 'text' THEN {} ELSE tidegate_form({}, 'text', {s}) END",
    },
    rounded="tidegate_form({}, 'decimal', {s})",
    quantum="tidegate_quantum({}, {q})",
    lenient={},
    raw="tidegate_raw({})",
    hash="tidegate_hash({})",
    sum="tidegate_sum({})",
    div="({} / {})",
    position={Kind.INTEGER: "CAST({} AS INTEGER)", Kind.TIME: "tidegate_micros({})"},
)

ENGINES: Mapping[str, Engine] = {"duckdb": DUCKDB, "sqlite": SQLITE}
"""By dialect. The functions `tidegate_...` are registered by the adapter that opens SQLite."""

INTEGERS = re.compile(r"^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?\d*|MEDIUMINT|BOOL(EAN)?)$")
DOUBLES = re.compile(r"^(REAL|FLOAT\d*|DOUBLE( PRECISION)?)$")
DECIMALS = re.compile(r"^(DECIMAL|NUMERIC|NUMBER)(\(\s*\d+\s*(,\s*(?P<scale>\d+)\s*)?\))?$")
TIMES = re.compile(r"^(DATE|DATETIME|TIMESTAMP(_S|_MS|_NS|TZ)?(\(\d\))?( WITH(OUT)? TIME ZONE)?)$")

SAFE = 2**62
"""Positions of keys stay below this, so that sums with them fit into 64 bits; else keys are ordered by their hash."""

HASHES = 2**60


def form_of(type_text: str) -> Form:
    """What an engine's type means. What is none of numbers, times and texts is compared by its text."""
    name = " ".join(type_text.upper().split())
    if INTEGERS.match(name):
        return Form(kind=Kind.INTEGER)
    if DOUBLES.match(name):
        return Form(kind=Kind.DOUBLE)
    if (found := DECIMALS.match(name)) is not None:
        whole = "(" in name
        return Form(kind=Kind.DECIMAL, scale=int(found["scale"] or 0) if whole else None)
    return Form(kind=Kind.TIME) if TIMES.match(name) else Form(kind=Kind.TEXT)


def together(old: Form, new: Form) -> Form:
    """The form in which values of both mean the same when they are the same.

    A decimal beside a double is compared at the decimal's digits, which the double is rounded to; two doubles at 12
    significant digits; a text beside a number or a time as that, where it can be read so.
    """
    if old.kind is new.kind and old.kind is not Kind.DECIMAL:
        return old
    if old.is_number and new.is_number:
        scales = [f.scale or 0 if f.kind is Kind.INTEGER else f.scale for f in (old, new) if f.kind is not Kind.DOUBLE]
        known = [s for s in scales if s is not None]
        exact = [f for f in (old, new) if f.kind is Kind.DECIMAL and f.scale is not None]
        if not exact:
            return Form(kind=Kind.DOUBLE)
        return Form(kind=Kind.DECIMAL, scale=max(known), rounded=Kind.DOUBLE in {old.kind, new.kind} or None in scales)
    texts = [f for f in (old, new) if f.kind is Kind.TEXT]
    if len(texts) == 1:
        other = new if old.kind is Kind.TEXT else old
        return Form(kind=Kind.DOUBLE) if other.kind is Kind.DECIMAL and other.scale is None else other
    return Form(kind=Kind.TEXT)


def paired(old: Column, new: Column, *, same_engine: bool) -> Pair:
    """A column of one side and the column of the other that means the same."""
    forms = (form_of(old.type), form_of(new.type))
    plain = not re.match(r"ENUM|DOUBLE|FLOAT|REAL", new.type)  # an ENUM's hash is its place in the list of its values
    identical = same_engine and old.type == new.type and plain
    return Pair(names=(old.name, new.name), own=forms, form=together(*forms), identical=identical)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One side of the comparison of a table, and what its statements are made of.

    `place` is 0 for the old side and 1 for the new one. `key` and `rest` are all columns that are compared; `base` is the
    lowest position, less one for NULL, and None when rows are ordered by the hash of their key.
    """

    dialect: str
    ref: DatasetRef
    place: int
    key: tuple[Pair, ...]
    rest: tuple[Pair, ...]
    tolerance: float | None = None
    base: int | None = None
    native: bool = False
    where: str | None = None

    @property
    def engine(self) -> Engine:
        return ENGINES[self.dialect]

    # --- expressions ---

    def name(self, pair: Pair) -> str:
        """The column's own name, quoted."""
        return quoted(pair.names[self.place])

    def text(self, pair: Pair) -> str:
        """The value in its form, as text; NULL stays NULL."""
        engine, form, column = self.engine, pair.form, self.name(pair)
        own = pair.own[self.place]
        scale = "NULL" if form.scale is None and self.dialect == "sqlite" else str(form.scale or 0)
        if form.kind is Kind.DOUBLE and self.tolerance:
            template = engine.quantum
        elif form.kind is Kind.DECIMAL and form.rounded and own.kind is Kind.DOUBLE:
            template = engine.rounded
        else:
            template = engine.forms[form.kind]
        quantum = repr(float(self.tolerance or 1.0))
        if own.kind is Kind.TEXT and form.kind in engine.lenient:
            read = _fill(engine.lenient[form.kind], column, scale, quantum)
            return f"coalesce({_fill(template, read, scale, quantum)}, CAST({column} AS VARCHAR))"
        return _fill(template, column, scale, quantum)

    def value(self, pair: Pair) -> str:
        """The value as text with every digit that it has; for doubles, which are compared within a tolerance."""
        if pair.form.kind is Kind.DOUBLE or (pair.form.rounded and pair.form.kind is Kind.DECIMAL):
            return _fill(self.engine.raw, self.name(pair), "0", "1.0")
        return self.text(pair)

    def position(self) -> str:
        """Where a row's key lies: 0 for a key that is NULL, then from 1 on; or a hash of the key."""
        if self.base is None:
            return self._hashed(self.key)
        (only,) = self.key
        at = _fill(self.engine.position[only.form.kind], self.name(only), "0", "1.0")
        return f"(coalesce({at}, {self.base}) - {self.base})"

    def _hashed(self, pairs: Sequence[Pair]) -> str:
        if self.native and self.engine.native_hash is not None:
            parts = [self.name(p) if p.identical else self.text(p) for p in pairs]
            return self.engine.native_hash.replace("{}", ", ".join(parts))
        texts = [self.text(p) for p in pairs]
        joined = " || ".join(f"coalesce(length({t}) || ':' || {t}, '-')" for t in texts)  # no two rows join alike
        return self.engine.hash.replace("{}", joined)

    # --- statements ---

    def extent(self) -> str:
        """One row: how many rows, and the lowest and highest position of a key that has one (NULL without rows or order)."""
        bounds = ["NULL", "NULL"]
        if len(self.key) == 1 and self.key[0].is_ordered:
            at = self.name(self.key[0])
            if self.key[0].form.kind is Kind.TIME:
                at = _fill(self.engine.position[Kind.TIME], at, "0", "1.0")
            bounds = [f"MIN({at})", f"MAX({at})"]
        return select(["COUNT(*)", *bounds], self.source, where=self._where())

    def totals(self, sums: Sequence[Pair], groups: Sequence[Pair]) -> str:
        """One row for each group: the group's texts, how many rows, then for each column of `sums` its sum as a text."""
        texts = [self.text(g) for g in groups]
        added = [_fill(self.engine.raw, f"SUM({self._number(p)})", "0", "1.0") for p in sums]
        return select([*texts, "COUNT(*)", *added], self.source, where=self._where(), group=texts)

    def _number(self, pair: Pair) -> str:
        column, own = self.name(pair), pair.own[self.place]
        if own.kind is Kind.TEXT:
            lenient = self.engine.lenient.get(pair.form.kind)
            return (
                f"CAST({column} AS REAL)" if lenient is None else _fill(lenient, column, str(pair.form.scale or 0), "1")
            )
        return f"CAST({column} AS INTEGER)" if own.kind is Kind.INTEGER and pair.form.kind is Kind.INTEGER else column

    def segments(self, step: int, within: Sequence[int] | None, before: int) -> str:
        """One row for each segment of `step` positions: its number, how many rows, the sum of their hashes.

        Only those in the segments `within` of `before` positions, where some are named.
        """
        at = "tidegate_at"
        inner = [f"{self.position()} AS {at}", f"{self._hashed((*self.key, *self.rest))} AS tidegate_hash_of_row"]
        rows = f"({select(inner, self.source, where=[*self._where(), *self._inside(before, within)])}) AS tidegate_rows"
        segment = self._part(at, step)
        items = [segment, "COUNT(*)", self.engine.sum.replace("{}", "tidegate_hash_of_row")]
        return select(items, rows, group=[segment])

    def rows(self, step: int, within: Sequence[int]) -> str:
        """Every different row of these segments: its position, the texts of its key, its hash, and how often it is there."""
        items = [self.position(), *(self.text(p) for p in self.key), self._hashed((*self.key, *self.rest))]
        where = [*self._where(), *self._inside(step, within)]
        places = [str(place) for place in range(1, len(items) + 1)]
        return select([*items, "COUNT(*)"], self.source, where=where, group=places)

    def values(self, positions: Sequence[int]) -> str:
        """The rows at these positions: the texts of the key, then the values of the other columns."""
        items = [*(self.text(p) for p in self.key), *(self.value(p) for p in self.rest)]
        return select(items, self.source, where=[*self._where(), *self._inside(1, positions)])

    @property
    def source(self) -> str:
        return relation(self.ref)

    def _where(self) -> list[str]:
        return [f"({self.where})"] if self.where else []

    def _part(self, position: str, step: int) -> str:
        return position if step == 1 else self.engine.div.replace("{}", position, 1).replace("{}", str(step), 1)

    def _inside(self, step: int, within: Sequence[int] | None) -> list[str]:
        if within is None:
            return []
        position = self.position()
        low, high = min(within) * step, (max(within) + 1) * step
        numbers = ", ".join(str(i) for i in within)
        return [
            f"{position} >= {low}",
            f"{position} < {high}",
            *([] if len(within) == 1 else [f"{self._part(position, step)} IN ({numbers})"]),
        ]


def _fill(template: str, column: str, scale: str, quantum: str) -> str:
    places = {"{}": column, "{s}": scale, "{q}": quantum}
    return re.sub(r"\{[sq]?\}", lambda found: places[found[0]], template)


def equal(form: Form, old: str | None, new: str | None, *, tolerance: float | None) -> bool:
    """Whether two values, as `Table.value` gives them, are the same: doubles to a part in 10^9, or within `tolerance`; a
    double beside a decimal to half of the decimal's last digit.
    """
    if old == new or old is None or new is None:
        return old == new
    if form.kind is not Kind.DOUBLE and not form.rounded:
        return False
    try:
        a, b = float(old), float(new)
    except ValueError:
        return False
    if form.kind is Kind.DECIMAL:
        half = 0.5 * 10.0 ** -(form.scale or 0)
        return abs(a - b) <= max(half * (1 + 1e-9), 1e-15 * abs(a), tolerance or 0.0)
    return abs(a - b) <= (tolerance if tolerance is not None else 1e-9 * max(abs(a), abs(b)))


def described(key: Sequence[Pair]) -> str:
    """The key's columns in words, by the new side's names."""
    return ", ".join(p.names[1] for p in key)
