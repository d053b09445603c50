"""The catalogue of numbers: every metric that can be asked of a dataset, as data.

Building SQL needs sqlglot, which is slow to import; it comes in as the argument `x` (the module `sqlglot.expressions`),
so that reading the catalogue (documentation, validation of settings) does not load it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Final

from tidegate.metrics.kinds import Kind
from tidegate.model import Family

if TYPE_CHECKING:
    from sqlglot.expressions import Expr

    Aggregate = Callable[[ModuleType, Expr, Kind, Expr], Expr]

DISTINCT_ERROR: Final = 0.1
"""Three standard errors of DuckDB's HyperLogLog, 3.3 % measured over 30 sets of 200,000 values."""

SD_LIMIT: Final = "1e150"
"""The square of a double beyond this is infinite, so `stddev` leaves such values out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number that can be measured.

    `families` are the column families that it applies to, empty for a number of the whole dataset; `kinds` narrows
    them further. `error` is the relative bound of the value (0 is exact); where `error_of` is `rank`, the bound is on
    the share of rows below the value. `argument` says what a spec's argument is, and `argument_as` whether it enters
    SQL as `sql`, as a `text` literal, as a `number` or as the name of a `column`. `aggregate` builds one SQL aggregate from
    (sqlglot.expressions, operand, kind, argument); without it the metric needs a statement of its own.
    """

    unit: str
    says: str
    families: frozenset[Family] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    error: float = 0.0
    error_of: str = "value"
    argument: str | None = None
    argument_as: str = "sql"
    aggregate: Aggregate | None = None

    def applies_to(self, kind: Kind, family: Family) -> bool:
        """Whether the metric means something for a column of that kind."""
        return family in self.families and (not self.kinds or kind in self.kinds)


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """Stands in the place of a wanted number that could not be had; `reason` says why."""

    reason: str


ANY: Final = frozenset(Family)
NUMBER: Final = frozenset({Family.NUMBER})
TIME: Final = frozenset({Family.TIME})
TEXT: Final = frozenset({Family.TEXT})
BOOLEAN: Final = frozenset({Family.BOOLEAN})
COUNTABLE: Final = frozenset({Family.NUMBER, Family.TIME, Family.TEXT, Family.BOOLEAN})
WITH_INFINITY: Final = frozenset({Kind.FLOAT, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ})


def _count_false(x: ModuleType, condition: Expr) -> Expr:
    """In how many rows the condition is false. A CASE would hide it from the engine, which works it out once for `known_rows` too.

    COUNT_IF is a sum in DuckDB 2.0: NULL where no row has a value.
    """
    made: Expr = x.Coalesce(this=x.CountIf(this=x.Not(this=x.Paren(this=condition))), expressions=[x.Literal.number(0)])
    return made


def _count(x: ModuleType, condition: Expr | None = None) -> Expr:
    made: Expr = x.Count(this=x.Star() if condition is None else only(x, x.Literal.number(1), condition))
    return made


def only(x: ModuleType, value: Expr, condition: Expr) -> Expr:
    """The value where the condition holds, else NULL, which aggregates leave out.

    FILTER would say the same, but DuckDB then copies the references of every column of the statement once per FILTER:
    twice the cost on a table of 23 columns. CASE also evaluates the value for those rows alone.
    """
    made: Expr = x.Case(ifs=[x.If(this=condition, true=value)])
    return made


def _call(x: ModuleType, name: str, *arguments: Expr) -> Expr:
    made: Expr = x.Anonymous(this=name, expressions=list(arguments))
    return made


def _double(x: ModuleType, value: Expr) -> Expr:
    made: Expr = x.cast(value, "double")
    return made


def _finite(x: ModuleType, c: Expr, kind: Kind) -> Expr:
    return only(x, c, _call(x, "isfinite", c)) if kind in WITH_INFINITY else c


def _real(x: ModuleType, value: Expr, kind: Kind) -> Expr:
    """A value as a double; of times, the seconds since 1970."""
    return _call(x, "epoch", value) if kind in WITH_INFINITY - {Kind.FLOAT} else _double(x, value)


def _extreme(x: ModuleType, aggregate: type[Expr], c: Expr, kind: Kind) -> Expr:
    """The least or greatest finite value, as a double; of times, the seconds since 1970."""
    return _real(x, aggregate(this=_finite(x, c, kind)), kind)


def _newest(x: ModuleType, c: Expr, kind: Kind, limit: Expr) -> Expr:
    bound = x.cast(limit, "timestamptz" if kind is Kind.TIMESTAMP_TZ else "timestamp")
    past = x.and_(_call(x, "isfinite", c), x.LTE(this=c, expression=bound))
    return _call(x, "epoch", x.Max(this=only(x, c, past)))


def _sum(x: ModuleType, c: Expr, kind: Kind) -> Expr:
    """Integers and decimals are added exactly and become a double at the end; what could overflow becomes one before."""
    exact = kind in (Kind.INTEGER, Kind.DECIMAL)
    value = _finite(x, c, kind)
    return _double(x, x.Sum(this=value if exact else _double(x, value)))


def _mean(x: ModuleType, c: Expr, kind: Kind) -> Expr:
    count = x.func("nullif", x.Count(this=_finite(x, c, kind)), x.Literal.number(0))
    made: Expr = x.Div(this=_sum(x, c, kind), expression=count, typed=False, safe=False)
    return made


def _sd(x: ModuleType, c: Expr, kind: Kind) -> Expr:
    """Welford's method, as DuckDB has it: twice the cost of two sums (8 against 4 ns), and no shift to know beforehand.

    Source: B. P. Welford, "Note on a Method for Calculating Corrected Sums of Squares and Products" (1962). Measured
    against exact arithmetic on a million rows: off by 2e-5 of itself when mean/sd is 3e12, below 1e-9 from 1e8 down.
    """
    value = only(x, c, _call(x, "abs", c) < x.Literal.number(SD_LIMIT)) if kind is Kind.FLOAT else c
    made: Expr = x.StddevSamp(this=_double(x, value))
    return made


def _length(x: ModuleType, c: Expr, kind: Kind) -> Expr:
    made: Expr = x.Length(this=x.cast(c, "text") if kind is Kind.LABEL else c)
    return made


PLACEHOLDERS: Final = ("n/a", "na", "null", "none", "nan", "-", "?", "unknown", "tbd")
"""What people and programs write where there is no value, in lower case. Chosen, not derived."""


def _text(x: ModuleType, c: Expr, kind: Kind) -> Expr:
    made: Expr = x.cast(c, "text") if kind is Kind.LABEL else c
    return made


def _in_case(x: ModuleType, c: Expr, kind: Kind, this: type[Expr], other: type[Expr]) -> Expr:
    """Rows whose text is unchanged by one of UPPER and LOWER, and not by the other: digits alone are of neither case."""
    text = _text(x, c, kind)
    return _count(x, x.and_(x.EQ(this=text, expression=this(this=text)), x.NEQ(this=text, expression=other(this=text))))


def _placeholders(x: ModuleType, c: Expr, kind: Kind) -> Expr:
    words = [x.Literal.string(word) for word in PLACEHOLDERS]
    return _count(x, x.In(this=x.Lower(this=_text(x, c, kind)), expressions=words))


def _digits(x: ModuleType, c: Expr, kind: Kind) -> Expr:
    text = _text(x, c, kind)
    without = _call(x, "translate", text, x.Literal.string("0123456789"), x.Literal.string(""))
    count = x.Sub(this=x.Length(this=text), expression=x.Length(this=without))
    present = x.func("nullif", x.Count(this=c), x.Literal.number(0))
    made: Expr = x.Div(this=_double(x, x.Sum(this=count)), expression=present, typed=False, safe=False)
    return made


NOISE: Final = "1e-11"
"""What a sum of doubles may be off by, as a share of it, and is still taken for the decimals that it was added up from."""

NOISE_OF_FLOATS: Final = "1e-6"
"""The same of floats of 32 bits. Chosen, not derived, as the other."""


def _finer(x: ModuleType, c: Expr, kind: Kind, digits: Expr) -> Expr:
    """Decimals are compared exactly; doubles may be off by the noise, and a ten thousandth of the last decimal.

    Beyond 1e15 a double has no decimals, and its multiple may be infinite; NaN is beyond it too, for the engine.
    """
    if kind is Kind.DECIMAL:
        return _count(x, x.NEQ(this=c, expression=_call(x, "round", c, x.cast(digits, "int"))))
    value, noise = (_double(x, c), x.Literal.number(NOISE)) if kind is Kind.WIDE else (c, _noise(x, c))
    scaled = x.Mul(this=value, expression=_call(x, "power", x.Literal.number(10), digits))
    off = _call(x, "abs", x.Sub(this=scaled, expression=_call(x, "round", scaled)))
    usual = x.Add(
        this=x.Literal.number("1e-4"), expression=x.Mul(this=noise, expression=_call(x, "abs", scaled.copy()))
    )
    tame = x.LT(this=_call(x, "abs", value.copy()), expression=x.Literal.number("1e15"))
    return _count(x, x.and_(tame, x.GT(this=off, expression=usual)))


def _noise(x: ModuleType, c: Expr) -> Expr:
    """The engine knows the type before it reads a row."""
    is_float = x.EQ(this=_call(x, "typeof", c), expression=x.Literal.string("FLOAT"))
    made: Expr = x.Case(
        ifs=[x.If(this=is_float, true=x.Literal.number(NOISE_OF_FLOATS))], default=x.Literal.number(NOISE)
    )
    return made


def _lengths(x: ModuleType, aggregate: type[Expr], c: Expr, kind: Kind) -> Expr:
    return _double(x, aggregate(this=_length(x, c, kind)))


STEP: Final = "the step, such as `1` of numbers and `300 s` of times; after ` by `, the key for each of whose values the column counts up"
"""The argument of what is told of a column that counts up (`model.CountsUp`)."""

_METRICS: dict[str, Metric] = {
    "row_count": Metric(
        unit="rows",
        says="how many rows there are",
        aggregate=lambda x, c, kind, a: _count(x),
    ),
    "null_count": Metric(
        unit="rows",
        says="rows in which the column is NULL",
        families=ANY,
        aggregate=lambda x, c, kind, a: x.Sub(this=_count(x), expression=x.Count(this=c)),
    ),
    "distinct_count": Metric(
        unit="values",
        says="how many different values the column has, by HyperLogLog",
        families=COUNTABLE,
        error=DISTINCT_ERROR,
        aggregate=lambda x, c, kind, a: x.ApproxDistinct(this=c),
    ),
    "min": Metric(
        unit="value",
        says="the least finite value; of times, in seconds since 1970-01-01 UTC",
        families=NUMBER | TIME,
        aggregate=lambda x, c, kind, a: _extreme(x, x.Min, c, kind),
    ),
    "max": Metric(
        unit="value",
        says="the greatest finite value; of times, in seconds since 1970-01-01 UTC",
        families=NUMBER | TIME,
        aggregate=lambda x, c, kind, a: _extreme(x, x.Max, c, kind),
    ),
    "min_exact": Metric(
        unit="text",
        says="the least value with all its digits, where a double cannot hold them",
        families=NUMBER,
        kinds=frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.WIDE}),
        aggregate=lambda x, c, kind, a: x.cast(x.Min(this=c), "text"),
    ),
    "max_exact": Metric(
        unit="text",
        says="the greatest value with all its digits, where a double cannot hold them",
        families=NUMBER,
        kinds=frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.WIDE}),
        aggregate=lambda x, c, kind, a: x.cast(x.Max(this=c), "text"),
    ),
    "sum": Metric(
        unit="value",
        says="the sum of the finite values",
        families=NUMBER,
        aggregate=lambda x, c, kind, a: _sum(x, c, kind),
    ),
    "mean": Metric(
        unit="value",
        says="the mean of the finite values",
        families=NUMBER,
        aggregate=lambda x, c, kind, a: _mean(x, c, kind),
    ),
    "stddev": Metric(
        unit="value",
        says="the standard deviation (of a sample, n - 1) of the finite values below 1e150 in magnitude",
        families=NUMBER,
        aggregate=lambda x, c, kind, a: _sd(x, c, kind),
    ),
    "finite_count": Metric(
        unit="rows",
        says="rows in which the number is known and finite",
        families=NUMBER,
        aggregate=lambda x, c, kind, a: x.Count(this=_finite(x, c, kind)),
    ),
    "nan_count": Metric(
        unit="rows",
        says="rows in which the number is NaN",
        families=NUMBER,
        kinds=frozenset({Kind.FLOAT}),
        aggregate=lambda x, c, kind, a: _count(x, _call(x, "isnan", c)),
    ),
    "infinite_count": Metric(
        unit="rows",
        says="rows in which the number or time is infinite",
        families=NUMBER | TIME,
        kinds=WITH_INFINITY,
        aggregate=lambda x, c, kind, a: _count(x, _call(x, "isinf", c)),
    ),
    "newest": Metric(
        unit="value",
        says="the newest time up to a limit (a day after the scan), in seconds since 1970-01-01 UTC",
        families=TIME,
        argument="another limit, ISO 8601 with its offset",
        argument_as="text",
        aggregate=_newest,
    ),
    "distinct_days": Metric(
        unit="days",
        says="on how many different days the times fall, by HyperLogLog",
        families=TIME,
        error=DISTINCT_ERROR,
        aggregate=lambda x, c, kind, a: x.ApproxDistinct(this=c if kind is Kind.DATE else x.cast(c, "date")),
    ),
    "empty_count": Metric(
        unit="rows",
        says="rows in which the text is empty, but not NULL",
        families=TEXT,
        aggregate=lambda x, c, kind, a: _count(x, _length(x, c, kind).eq(0)),
    ),
    "min_length": Metric(
        unit="characters",
        says="the length of the shortest text",
        families=TEXT,
        aggregate=lambda x, c, kind, a: _lengths(x, x.Min, c, kind),
    ),
    "max_length": Metric(
        unit="characters",
        says="the length of the longest text",
        families=TEXT,
        aggregate=lambda x, c, kind, a: _lengths(x, x.Max, c, kind),
    ),
    "mean_length": Metric(
        unit="characters",
        says="the mean length of the texts",
        families=TEXT,
        aggregate=lambda x, c, kind, a: x.Div(
            this=_lengths(x, x.Sum, c, kind),
            expression=x.func("nullif", x.Count(this=c), x.Literal.number(0)),
            typed=False,
            safe=False,
        ),
    ),
    "true_count": Metric(
        unit="rows",
        says="rows in which the column is true",
        families=BOOLEAN,
        aggregate=lambda x, c, kind, a: _count(x, c),
    ),
    "quantile": Metric(
        unit="value",
        says="the value below which a share of the finite values lies; from a sample of the rows when there are many",
        families=NUMBER | TIME,
        error_of="rank",
        argument="the share, such as 0.5",
        argument_as="number",
        aggregate=lambda x, c, kind, a: _call(x, "quantile_cont", _real(x, _finite(x, c, kind), kind), a),
    ),
    "zero_count": Metric(
        unit="rows",
        says="rows in which the number is zero",
        families=NUMBER,
        aggregate=lambda x, c, kind, a: _count(x, c.eq(0)),
    ),
    "negative_count": Metric(
        unit="rows",
        says="rows in which the number is below zero",
        families=NUMBER,
        aggregate=lambda x, c, kind, a: _count(x, c < x.Literal.number(0)),
    ),
    "whole_count": Metric(
        unit="rows",
        says="rows in which a number that may have a fraction has none",
        families=NUMBER,
        kinds=frozenset({Kind.FLOAT, Kind.DECIMAL, Kind.WIDE}),
        aggregate=lambda x, c, kind, a: _count(x, c.eq(_call(x, "floor", c))),
    ),
    "finer_count": Metric(
        unit="rows",
        says="rows in which the number has more than so many decimals; NaN and infinities have none",
        families=NUMBER,
        kinds=frozenset({Kind.FLOAT, Kind.DECIMAL, Kind.WIDE}),
        argument="how many decimals",
        argument_as="number",
        aggregate=_finer,
    ),
    "upper_count": Metric(
        unit="rows",
        says="rows in which the text has capital letters and no small ones",
        families=TEXT,
        aggregate=lambda x, c, kind, a: _in_case(x, c, kind, x.Upper, x.Lower),
    ),
    "lower_count": Metric(
        unit="rows",
        says="rows in which the text has small letters and no capital ones",
        families=TEXT,
        aggregate=lambda x, c, kind, a: _in_case(x, c, kind, x.Lower, x.Upper),
    ),
    "padded_count": Metric(
        unit="rows",
        says="rows in which the text begins or ends with a blank",
        families=TEXT,
        aggregate=lambda x, c, kind, a: _count(
            x, x.NEQ(this=_text(x, c, kind), expression=x.Trim(this=_text(x, c, kind)))
        ),
    ),
    "non_ascii_count": Metric(
        unit="rows",
        says="rows in which the text has a character outside ASCII",
        families=TEXT,
        aggregate=lambda x, c, kind, a: _count(
            x, x.NEQ(this=_call(x, "strlen", _text(x, c, kind)), expression=_length(x, c, kind))
        ),
    ),
    "placeholder_count": Metric(
        unit="rows",
        says="rows in which the text stands for no value: `n/a`, `null`, `unknown`, `-` and the like",
        families=TEXT,
        aggregate=lambda x, c, kind, a: _placeholders(x, c, kind),
    ),
    "mean_digits": Metric(
        unit="characters",
        says="how many digits a text has on average",
        families=TEXT,
        aggregate=lambda x, c, kind, a: _digits(x, c, kind),
    ),
    "epoch_count": Metric(
        unit="rows",
        says="rows in which the time is 1970-01-01 00:00, the usual default",
        families=TIME,
        aggregate=lambda x, c, kind, a: _count(x, _call(x, "epoch", c).eq(0)),
    ),
    "off_hour_count": Metric(
        unit="rows",
        says="rows in which the time is not on a full hour",
        families=TIME,
        kinds=frozenset({Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}),
        aggregate=lambda x, c, kind, a: _count(x, x.NEQ(this=_call(x, "minute", c), expression=x.Literal.number(0))),
    ),
    "top_count": Metric(
        unit="rows",
        says="rows that have the most frequent value",
        families=COUNTABLE,
        aggregate=lambda x, c, kind, a: _call(x, "list_max", _call(x, "map_values", _call(x, "histogram", c))),
    ),
    "both_count": Metric(
        unit="rows",
        says="rows in which this column and another both have a value",
        families=NUMBER,
        argument="the other column",
        argument_as="column",
        aggregate=lambda x, c, kind, a: _count(x, x.and_(c.is_(x.null()).not_(), a.is_(x.null()).not_())),
    ),
    "less_count": Metric(
        unit="rows",
        says="rows in which the value is below that of another column",
        families=NUMBER,
        argument="the other column",
        argument_as="column",
        aggregate=lambda x, c, kind, a: _count(x, x.LT(this=c, expression=a)),
    ),
    "equal_count": Metric(
        unit="rows",
        says="rows in which the value is that of another column",
        families=NUMBER,
        argument="the other column",
        argument_as="column",
        aggregate=lambda x, c, kind, a: _count(x, x.EQ(this=c, expression=a)),
    ),
    "values_sketch": Metric(
        unit="hashes",
        says="the 256 least hashes of a column's values, by which buckets are asked for values never seen",
        families=TEXT,
    ),
    "rows_sketch": Metric(
        unit="hashes",
        says="the 256 least hashes of the rows without their times, by which buckets are asked for rows that came before",
    ),
    "keyed_count": Metric(
        unit="rows",
        says="rows whose value of the column is one of those that are looked at, where not all are",
        families=TEXT | NUMBER,
    ),
    "unknown_count": Metric(
        unit="rows",
        says="rows whose value of the column no earlier bucket has; where not all values are looked at, of those that are",
        families=TEXT | NUMBER,
    ),
    "regular_count": Metric(
        unit="values",
        says="values of the column that each of the last eight buckets has",
        families=TEXT | NUMBER,
    ),
    "gone_count": Metric(
        unit="values",
        says="of the regular values, those that this bucket has not",
        families=TEXT | NUMBER,
    ),
    "known_key_count": Metric(
        unit="rows",
        says="rows in which the column has a value, and another column one that an earlier bucket has",
        families=COUNTABLE,
        argument="the other column, the key",
        argument_as="column",
    ),
    "new_pair_count": Metric(
        unit="rows",
        says="of the rows whose key is known, those whose value no earlier bucket has beside that key",
        families=COUNTABLE,
        argument="the other column, the key",
        argument_as="column",
    ),
    "relations": Metric(
        unit="relations",
        says="how many keys and pairs of columns are looked at in a time bucket",
        argument="which keys and pairs were chosen, as JSON",
        argument_as="text",
    ),
    "shared_key_count": Metric(
        unit="values",
        says="values of another column, the key, that several rows of the bucket have; of a large table, of those that are looked at",
        families=COUNTABLE,
        argument="the other column, the key",
        argument_as="column",
    ),
    "split_count": Metric(
        unit="values",
        says="of these, those whose rows have different values of the column; NULL is one",
        families=COUNTABLE,
        argument="the other column, the key",
        argument_as="column",
    ),
    "agreement": Metric(
        unit="pairs",
        says="how many pairs of columns are looked at in a time bucket, of which rows that share the one agree in the other",
        argument="which pairs were chosen, as JSON",
        argument_as="text",
    ),
    "lone_null_count": Metric(
        unit="rows",
        says="rows in which the column is NULL although another one is not",
        families=ANY,
        argument="the other column",
        argument_as="column",
        aggregate=lambda x, c, kind, a: _count(x, x.and_(c.is_(x.null()), a.is_(x.null()).not_())),
    ),
    "regular": Metric(
        unit="numbers",
        says="of how many columns it is looked at in a time bucket whether they keep to their decimals, or are NULL only where another one is",
        argument="which columns were chosen, as JSON",
        argument_as="text",
    ),
    "due_count": Metric(
        unit="values",
        says="values that are due between the least and the greatest of a column that counts up, the greatest among them",
        families=COUNTABLE,
        argument=STEP,
        argument_as="text",
    ),
    "gap_count": Metric(
        unit="values",
        says="of these, those that are missing",
        families=COUNTABLE,
        argument=STEP,
        argument_as="text",
    ),
    "next_count": Metric(
        unit="values",
        says="different values that come after another one in a column that counts up",
        families=COUNTABLE,
        argument=STEP,
        argument_as="text",
    ),
    "break_count": Metric(
        unit="values",
        says="of these, those before which one or more are missing",
        families=COUNTABLE,
        argument=STEP,
        argument_as="text",
    ),
    "sequences": Metric(
        unit="columns",
        says="of how many columns that count up it is looked at in a time bucket which values are missing",
        argument="which columns were chosen, as JSON",
        argument_as="text",
    ),
    "sampled_count": Metric(
        unit="rows",
        says="rows of a time bucket that are looked for in the three before it: those with the 256 least hashes, without times",
        argument="the ids that are left out too, as JSON",
        argument_as="text",
    ),
    "again_count": Metric(
        unit="rows",
        says="of these, those that one of the three buckets before has too, the one that has most",
        argument="the ids that are left out too, as JSON",
        argument_as="text",
    ),
    "beside": Metric(
        unit="numbers",
        says="how many numbers that follow from the rest of their row are looked at in a time bucket",
        argument="which numbers were chosen, as JSON",
        argument_as="text",
    ),
    "rest_count": Metric(
        unit="rows",
        says="rows in which a number or time, and all that it follows from, have a value",
        families=NUMBER | TIME,
        argument="the column of categories that it follows from; none for the others of the row",
        argument_as="column",
    ),
    "rest_median": Metric(
        unit="spreads",
        says="the median of what is left of a number or time after the others of its row, or after its category, in usual spreads of that",
        families=NUMBER | TIME,
        argument="the column of categories that it follows from; none for the others of the row",
        argument_as="column",
    ),
    "rest_far_count": Metric(
        unit="rows",
        says="rows in which what is left of a number or time after the others, or after its category, is beyond four usual spreads",
        families=NUMBER | TIME,
        argument="the column of categories that it follows from; none for the others of the row",
        argument_as="column",
    ),
    "rest_most": Metric(
        unit="spreads",
        says="how far the row lies in which most is left of a number or time after the others of its row, or after its category, in usual spreads of that; of the rows that are looked at",
        families=NUMBER | TIME,
        argument="the column of categories that it follows from; none for the others of the row",
        argument_as="column",
    ),
    "rest_wide": Metric(
        unit="spreads",
        says="the distance of the quartiles of what is left of a number or time after the others of its row, or after its category, in usual spreads of that",
        families=NUMBER | TIME,
        argument="the column of categories that it follows from; none for the others of the row",
        argument_as="column",
    ),
    "rest_unknown_count": Metric(
        unit="rows",
        says="rows in which a number has a value, and its category none, or one too rare to say what is usual",
        families=NUMBER,
        argument="the column of categories that it follows from",
        argument_as="column",
    ),
    "aggregate": Metric(
        unit="value",
        says="what an aggregate of the user's own gives for all rows",
        argument="the aggregate, in SQL",
        aggregate=lambda x, c, kind, a: a,
    ),
    "content": Metric(
        unit="hash",
        says="a hash of the rows of a time bucket, by which a later scan sees whether they changed",
        argument="what is measured of each bucket, as a digest",
        argument_as="text",
    ),
    "duplicate_rows": Metric(
        unit="rows",
        says="further copies of rows that agree in every column but the loader's own",
    ),
    "failing_rows": Metric(
        unit="rows",
        says="rows for which a condition is false; unknown (NULL) does not count, as in dbt",
        argument="the condition, in SQL",
        aggregate=lambda x, c, kind, a: _count_false(x, a),
    ),
    "known_rows": Metric(
        unit="rows",
        says="rows for which a condition is true or false, and not unknown (NULL)",
        argument="the condition, in SQL",
        aggregate=lambda x, c, kind, a: x.Count(this=x.Paren(this=a)),
    ),
    "failing_total": Metric(
        unit="failures",
        says="whether a condition on aggregates of all rows is false: 1 or 0; NULL where that cannot be told",
        argument="the condition, in SQL",
        aggregate=lambda x, c, kind, a: x.cast(x.Not(this=x.Paren(this=a)), "int"),
    ),
    "repeated_values": Metric(
        unit="values",
        says="values that occur more than once; NULL does not count, as in dbt",
        families=ANY,
    ),
    "repeated_rows": Metric(
        unit="combinations",
        says="combinations of some columns that occur more than once; NULL counts as a value, as in dbt_utils",
        argument="the columns, a JSON list of names",
        argument_as="text",
    ),
    "unaccepted_values": Metric(
        unit="values",
        says="different values outside a list; NULL does not count, as in dbt",
        families=ANY,
        argument='JSON: {"values": [...], "quote": true}',
    ),
    "orphan_rows": Metric(
        unit="rows",
        says="rows whose value the other dataset's column lacks; NULL does not count, as in dbt",
        families=ANY,
        argument='JSON: {"to": ["schema", "table"], "field": "column"}',
    ),
    "query": Metric(
        unit="value",
        says="the one number that a query of the user returns",
        argument="the query, in SQL",
    ),
}

METRICS: Final[Mapping[str, Metric]] = MappingProxyType(_METRICS)
"""Every metric by name."""
