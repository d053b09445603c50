"""The kinds of check that data contracts need: numbers with the standard's operators, columns and types, composite keys."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tidegate.checks import failing
from tidegate.checks.failing import ArgumentError
from tidegate.checks.kind import CheckKind
from tidegate.checks.listed import among
from tidegate.metrics import Kind, element_of, family_of, kind_of, literal, quoted, relation, select
from tidegate.metrics import query as checked_query
from tidegate.model import Check, CheckResult, Column, Dataset, DatasetRef, Family, MetricSpec, Outcome
from tidegate.model.words import counted

OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "mustBe": operator.eq,
    "mustNotBe": operator.ne,
    "mustBeGreaterThan": operator.gt,
    "mustBeGreaterOrEqualTo": operator.ge,
    "mustBeLessThan": operator.lt,
    "mustBeLessOrEqualTo": operator.le,
}
RANGES: Final = ("mustBeBetween", "mustNotBeBetween")
WORDS: Final[Mapping[str, str]] = {
    "mustBe": "{}",
    "mustNotBe": "anything but {}",
    "mustBeGreaterThan": "more than {}",
    "mustBeGreaterOrEqualTo": "at least {}",
    "mustBeLessThan": "less than {}",
    "mustBeLessOrEqualTo": "at most {}",
    "mustBeBetween": "{} to {}",
    "mustNotBeBetween": "a number outside {} to {}",
}
PERCENT: Final = "percent"

TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("INT", "INT4", "SIGNED", "SERIAL"), "INTEGER"),
    **dict.fromkeys(("INT8", "LONG", "BIGSERIAL", "INT64"), "BIGINT"),
    **dict.fromkeys(("INT2", "SHORT"), "SMALLINT"),
    **dict.fromkeys(("INT1",), "TINYINT"),
    **dict.fromkeys(("TEXT", "STRING", "CHAR", "BPCHAR", "NVARCHAR", "CHARACTER", "CHARACTER VARYING"), "VARCHAR"),
    **dict.fromkeys(("NUMERIC", "DEC"), "DECIMAL"),
    **dict.fromkeys(("FLOAT8", "DOUBLE PRECISION", "FLOAT64"), "DOUBLE"),
    **dict.fromkeys(("FLOAT4", "REAL"), "FLOAT"),
    **dict.fromkeys(("BOOL", "LOGICAL"), "BOOLEAN"),
    **dict.fromkeys(("DATETIME", "TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP_NTZ"), "TIMESTAMP"),
    **dict.fromkeys(("TIMESTAMPTZ", "TIMESTAMP_TZ"), "TIMESTAMP WITH TIME ZONE"),
    **dict.fromkeys(("BYTEA", "VARBINARY", "BINARY"), "BLOB"),
}
"""Other names of DuckDB's types, and of the same types in other engines."""

KNOWN: Final = frozenset(TYPES.values()) | frozenset(
    """BIGNUM VARINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT DATE TIME UUID JSON INTERVAL BIT ENUM
    TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS""".split()
)
"""Types that can be compared by their name; of another one only the logical type is judged."""

WITH_PRECISION: Final = frozenset({"DECIMAL"})
"""Types whose precision DuckDB keeps: it drops the length of a VARCHAR."""

PARAMETERS: Final = re.compile(r"\(([^()]*)\)")


def meets(number: float, name: str, bound: object) -> bool:
    """Whether a number meets one of the standard's operators; a range includes both its ends.

    Raises:
        ArgumentError: no such operator, or its bound is no number (no two numbers, of a range).
    """
    if name in RANGES:
        low, high = _pair(bound)
        return (low <= number <= high) is (name == "mustBeBetween")
    if name not in OPERATORS:
        raise ArgumentError(f"`{name}` is no operator; there are {', '.join((*OPERATORS, *RANGES))}")
    return OPERATORS[name](number, _number(bound))


def expected(name: str, bound: object, unit: str) -> str:
    """What an operator demands, in words."""
    numbers = _pair(bound) if name in RANGES else (_number(bound),)
    return WORDS[name].format(*(f"{number:,.10g}" for number in numbers)) + (" %" if unit == PERCENT else "")


def _pair(bound: object) -> tuple[float, float]:
    match bound:
        case [low, high]:
            return _number(low), _number(high)
        case _:
            raise ArgumentError(f"`{bound}` is not a list of two numbers")


def _number(bound: object) -> float:
    if isinstance(bound, int | float):  # `true` is 1, which is how a query's answer is read
        return float(bound)
    raise ArgumentError(f"`{bound}` is not a number")


def _texts(check: Check, name: str) -> list[str]:
    """An argument that is a list of texts.

    Raises:
        ArgumentError: it is missing, empty or something else.
    """
    said = check.arguments.get(name)
    if not isinstance(said, Sequence) or isinstance(said, str) or not said:
        raise ArgumentError(f"`{name}` is not a list")
    return [str(value) for value in said]


def _values(check: Check) -> list[object]:
    """The values that `values` lists, NULL aside.

    Raises:
        ArgumentError: it is no list, or an empty one.
    """
    said = check.arguments.get("values")
    if not isinstance(said, Sequence) or isinstance(said, str) or not said:
        raise ArgumentError("`values` is not a list")
    return [value for value in said if value is not None]


def _listed(check: Check) -> str:
    """The condition that a value is one that `values` lists, compared as the column's type has it."""
    said = check.arguments.get("type")
    named = said if isinstance(said, str) else "VARCHAR"
    column = Column(name=str(check.column), type=named, family=family_of(named))
    return among(failing.subject(check), _values(check), column)


def _present(check: Check) -> str:
    """The condition that a value is neither NULL nor one of those that stand for none."""
    column = failing.subject(check)
    if check.arguments.get("values") is None or not _values(check):
        return f"{column} IS NOT NULL"
    return f"{column} IS NOT NULL AND NOT ({_listed(check)})"


def _valid(check: Check) -> str:
    """The condition that a value is one of a list, and matches a pattern somewhere."""
    column = f"CAST({failing.subject(check)} AS TEXT)"
    found = []
    if check.arguments.get("values") is not None:
        found.append(_listed(check))
    if check.arguments.get("pattern") is not None:
        found.append(f"REGEXP_MATCHES({column}, {literal(failing.text_argument(check, 'pattern'))})")
    if not found:
        raise ArgumentError("`invalid_values` needs `values`, `pattern` or both")
    return " AND ".join(found)


def _where_not(condition: Callable[[Check], str]) -> Callable[[Check], str]:
    return lambda check: select(
        ["*"], relation(check.dataset), where=[*failing.where(check), f"NOT ({condition(check)})"]
    )


def _keys(check: Check) -> tuple[list[str], str]:
    """The columns that are to be unique together, and the SELECT of their repeated values, NULL aside."""
    columns = [quoted(name) for name in _texts(check, "columns")]
    filled = [f"{column} IS NOT NULL" for column in columns]
    where = [*failing.where(check), *filled]
    return columns, select(columns, relation(check.dataset), where=where, group=columns, having="COUNT(*) > 1")


def _duplicates(check: Check) -> MetricSpec:
    columns = _texts(check, "columns")
    if len(columns) == 1:
        return MetricSpec(dataset=check.dataset, metric="repeated_values", column=columns[0], where=check.where or None)
    _, repeated = _keys(check)
    how_many = select(["COUNT(*)"], f"({repeated}) AS repeated")
    return MetricSpec(dataset=check.dataset, metric="query", argument=how_many)


def _duplicated(check: Check) -> str:
    columns, repeated = _keys(check)
    inside = f"({', '.join(columns)}) IN ({repeated})"
    return select(["*"], relation(check.dataset), where=[*failing.where(check), inside])


def _unreferenced(check: Check) -> str:
    """The rows whose columns, all filled, have no partner in the other dataset's fields."""
    columns, fields = _texts(check, "columns"), _texts(check, "fields")
    if len(columns) != len(fields):
        raise ArgumentError(
            f"{counted(len(columns), 'column refers', 'columns refer')} to {counted(len(fields), 'field')}"
        )
    pairs = [f"parent.{quoted(f)} = child.{quoted(c)}" for c, f in zip(columns, fields, strict=True)]
    partner = select(["1"], f"{relation(failing.target(check))} AS parent", where=pairs)
    filled = [f"child.{quoted(column)} IS NOT NULL" for column in columns]
    child = f"({select(['*'], relation(check.dataset), where=failing.where(check))}) AS child"
    return select(["*"], child, where=[*filled, f"NOT EXISTS ({partner})"])


def _query(check: Check) -> MetricSpec:
    sql = checked_query(failing.text_argument(check, "sql"))
    return MetricSpec(dataset=check.dataset, metric="query", argument=sql)


def _rows(check: Check) -> MetricSpec:
    return MetricSpec(dataset=check.dataset, metric="row_count", where=check.where or None)


def _failing_rows(check: Check, condition: str) -> MetricSpec:
    """How many rows do not meet a condition."""
    return MetricSpec(dataset=check.dataset, metric="failing_rows", argument=condition, where=check.where or None)


def _nulls(check: Check) -> MetricSpec:
    return MetricSpec(dataset=check.dataset, metric="null_count", column=check.column, where=check.where or None)


def _all_there(check: Check, catalog: Mapping[DatasetRef, Dataset]) -> CheckResult:
    """Whether the table and the named columns exist."""
    from tidegate.checks.plan import nearest

    names = _texts(check, "columns") if check.arguments.get("columns") else []
    dataset = catalog.get(check.dataset)
    if dataset is None:
        reason = f"there is no table `{check.dataset}`{nearest(str(check.dataset), map(str, catalog))}"
        return _result(check, reason, measured="no table")
    lost = {n: nearest(n, (c.name for c in dataset.columns)) for n in names if not dataset.column(n)}
    if lost:
        near = [f"`{name}`{told}" for name, told in lost.items()]
        if len(near) > 1:
            near = [one.replace("; did", " (did").replace("?", "?)") for one in near]
        return _result(
            check, f"it has no column {', '.join(near)}", measured=f"{len(lost)} missing", failures=len(lost)
        )
    return _passed(check, f"it has {counted(len(names), 'promised column')}")


def _typed(check: Check, catalog: Mapping[DatasetRef, Dataset]) -> CheckResult:
    """Whether a column has its promised type: the physical one where that can be compared, else the logical one."""
    dataset = catalog.get(check.dataset)
    column = dataset.column(check.column) if dataset is not None and check.column else None
    if column is None:
        return _result(check, f"{check.dataset} has no column `{check.column}`", measured="no column")
    column = _inside(column, check)
    if column is None:
        return _result(check, f"`{check.column}` holds no list of what is promised", measured="no list")
    physical, logical = (check.arguments.get(name) for name in ("physical", "logical"))
    comparable = isinstance(physical, str) and plain_type(physical)[0] in KNOWN
    wanted = str(physical) if comparable else str(logical)
    fits = same_type(column.type, str(physical)) if comparable else is_logical(column, str(logical))
    if fits or (isinstance(physical, str) and plain_type(physical) == plain_type(column.type)):
        return _passed(check, f"it is {column.type}")
    return _result(check, f"`{column.name}` is {column.type}, promised is {wanted}", measured=column.type)


def _inside(column: Column, check: Check) -> Column | None:
    """The column, or what its lists hold; None where it has no lists."""
    depth = check.arguments.get("depth")
    found: Column | None = column
    for _ in range(depth if isinstance(depth, int) else 0):
        found = element_of(found, f"an item of {column.name}") if found is not None else None
    return found


def _carried(check: Check, catalog: Mapping[DatasetRef, Dataset]) -> CheckResult:
    """What is promised and nobody evaluates here: told, and never green."""
    del catalog
    demands = "; ".join(_texts(check, "demands"))
    return CheckResult(check=check, outcome=Outcome.SKIPPED, reason=f"not executable, so nobody looked: {demands}")


def _result(check: Check, reason: str, *, measured: str, failures: int = 1) -> CheckResult:
    outcome = Outcome.FAIL if check.severity == "error" else Outcome.WARN
    return CheckResult(check=check, outcome=outcome, reason=reason, failures=failures, measured=measured)


def _passed(check: Check, reason: str) -> CheckResult:
    return CheckResult(check=check, outcome=Outcome.PASS, reason=reason, failures=0, measured=reason)


def plain_type(text: str) -> tuple[str, str]:
    """A type's plain name and its parameters: `numeric(18, 2)` is DECIMAL and `18,2`."""
    inner = PARAMETERS.search(text)
    name = " ".join(PARAMETERS.sub("", text).upper().split())
    return TYPES.get(name, name), re.sub(r"\s", "", inner[1]) if inner else ""


def same_type(actual: str, promised: str) -> bool:
    """Whether the engine's type is the promised one; parameters count where both have them and the engine keeps them."""
    (name, inside), (wanted, inner) = plain_type(actual), plain_type(promised)
    return name == wanted and (name not in WITH_PRECISION or not inner or inner == inside)


def is_logical(column: Column, logical: str) -> bool:
    """Whether a column's type is one of the standard's logical types; an unknown logical type fits everything."""
    name = column.type.upper()
    kind = kind_of(column)
    nested = column.type.endswith("]")
    whole = kind is Kind.INTEGER or name in {"HUGEINT", "UHUGEINT"} or re.fullmatch(r"DECIMAL\(\d+,\s*0\)", name)
    fits: Mapping[str, bool] = {
        "string": column.family is Family.TEXT,
        "date": kind is Kind.DATE,
        "timestamp": kind in {Kind.TIMESTAMP, Kind.TIMESTAMP_TZ},
        "time": name.startswith("TIME") and not name.startswith("TIMESTAMP"),
        "number": column.family is Family.NUMBER,
        "integer": bool(whole),
        "object": not nested and name.startswith(("STRUCT", "JSON", "MAP", "UNION")),
        "array": nested or name == "JSON",
        "map": not nested and name.startswith(("MAP", "JSON")),
        "vector": nested,
        "boolean": column.family is Family.BOOLEAN,
    }
    return fits.get(logical, True)


def logical_type(column: Column) -> str:
    """The standard's logical type of a column; `string` where it has none, as for an interval or a BLOB."""
    order = ("boolean", "integer", "number", "date", "timestamp", "time", "object", "array")
    return next((name for name in order if is_logical(column, name)), "string")


LIMIT: Final[Mapping[str, str]] = {
    "operator": "one of the standard's operators, such as `mustBeLessThan`",
    "bound": "the number that it compares with, or two",
    "unit": "`rows` (the default) or `percent`",
}

TYPE: Final = "the column's type, by which values are compared"

CONTRACT_CHECKS: Final[dict[str, CheckKind]] = {
    "null_values": CheckKind(
        says="how many rows have no value (or what share of them), held against an operator",
        reads="limit",
        number=_nulls,
        told="no `{column}` in {value}, expected {expected}",
        arguments=LIMIT,
        required=("operator",),
        needs_column=True,
        failing=failing.not_null,
        whole_rows=True,
    ),
    "missing_values": CheckKind(
        says="how many rows have no value, or one that stands for none, held against an operator",
        reads="limit",
        number=lambda check: _failing_rows(check, _present(check)),
        told="`{column}` is missing in {value}, expected {expected}",
        arguments={**LIMIT, "values": "what stands for a missing value, besides NULL", "type": TYPE},
        required=("operator",),
        needs_column=True,
        failing=_where_not(_present),
        whole_rows=True,
    ),
    "invalid_values": CheckKind(
        says="how many rows have a value outside a list or against a pattern, NULL aside, held against an operator",
        reads="limit",
        number=lambda check: _failing_rows(check, _valid(check)),
        told="`{column}` is invalid in {value}, expected {expected}",
        arguments={
            **LIMIT,
            "values": "the valid values",
            "type": TYPE,
            "pattern": "a regular expression that is found in valid values",
        },
        required=("operator",),
        needs_column=True,
        failing=_where_not(_valid),
        whole_rows=True,
        null_passes=True,
    ),
    "duplicate_values": CheckKind(
        says="how many values of one or several columns occur more than once, NULL aside, held against an operator",
        reads="limit",
        number=_duplicates,
        told="{value} of {columns} {number:occurs|occur} more than once, expected {expected}",
        arguments={**LIMIT, "columns": "the columns that are unique together"},
        required=("operator", "columns"),
        failing=_duplicated,
        whole_rows=True,
    ),
    "row_total": CheckKind(
        says="how many rows there are, held against an operator",
        reads="limit",
        number=_rows,
        told="there {number:is|are} {value}, expected {expected}",
        arguments=LIMIT,
        required=("operator",),
    ),
    "query_value": CheckKind(
        says="the one number (or truth) that a query gives, held against an operator",
        reads="limit",
        number=_query,
        told="the query gives {value}, expected {expected}",
        arguments={**LIMIT, "sql": "the query"},
        required=("operator", "sql"),
        needs_dataset=False,
    ),
    "references": CheckKind(
        says="every combination of values occurs in columns of another table, NULL aside; each row without is a failure",
        reads="failures",
        number=lambda check: MetricSpec(
            dataset=check.dataset,
            metric="query",
            argument=select(["COUNT(*)"], f"({_unreferenced(check)}) AS unreferenced"),
        ),
        told="{failures} of {evaluated} {evaluated:row|rows} {failures:has|have} values of {shown}",
        arguments={
            "columns": "the own columns",
            "to": "the other table",
            "fields": "the columns in it",
            "shown": "the same in words",
        },
        required=("columns", "to", "fields", "shown"),
        failing=_unreferenced,
        whole_rows=True,
        others={"to": None},
    ),
    "columns": CheckKind(
        says="the table exists and has certain columns",
        reads="nothing",
        number=_rows,
        told="a column is missing",
        arguments={"columns": "the names of the columns"},
        decided=_all_there,
    ),
    "column_type": CheckKind(
        says="a column has a certain type: a physical one, or one of the standard's logical types",
        reads="nothing",
        number=_rows,
        told="the type is another one",
        arguments={
            "physical": "the engine's type",
            "logical": "the standard's logical type",
            "depth": "how many lists the value lies in, which are the column",
        },
        decided=_typed,
    ),
    "carried": CheckKind(
        says="what a contract promises and Tidegate does not evaluate; always reported, never green",
        reads="nothing",
        number=_rows,
        told="nobody looked",
        arguments={"demands": "what is promised, and why it is not evaluated"},
        decided=_carried,
    ),
}
"""Every kind of check that contracts add, by name."""
