"""Those tests of dbt_expectations that are about columns and types: judged from the catalogue, without reading data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tidegate.checks.arguments import choice, given, texts
from tidegate.checks.failing import ArgumentError, target
from tidegate.checks.families import on_shape
from tidegate.checks.kind import Blind, Catalog, CheckKind
from tidegate.model import Check

TRANSFORM: Final = {"transform": "upper (the default) or lower: names are compared after it"}
LIST: Final = {"column_list": "the columns"} | TRANSFORM
FOLDS: Final[dict[str, Callable[[str], str]]] = {"upper": str.upper, "lower": str.lower}


def _fold(check: Check) -> Callable[[str], str]:
    return FOLDS[choice(check, "transform", "upper", tuple(FOLDS))]


def _has(check: Check, catalog: Catalog) -> list[str]:
    return [_fold(check)(column.name) for column in catalog[check.dataset].columns]


def _listed(check: Check) -> list[str]:
    return [_fold(check)(name) for name in texts(check, "column_list")]


def _whole(check: Check, name: str) -> int:
    value = given(check, name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ArgumentError(f"`{name}` is `{value}`, not a whole number")
    return value


def _column(check: Check) -> str:
    """The column's name as dbt compares it: with the quotes around it, where there are any."""
    return check.column or ""


def _is_quoted(check: Check) -> bool:
    return _column(check).startswith('"')


def _numbers(*names: str) -> Callable[[Check], object]:
    """Reads those numbers that are given."""
    return lambda check: [_whole(check, name) for name in names if given(check, name)]


def _exists(check: Check, catalog: Catalog) -> int:
    """dbt takes the index 0 for none, and the first column for one below."""
    name, names = _fold(check)(_column(check)), _has(check, catalog)
    if name not in names:
        return 1
    at = _whole(check, "column_index") if given(check, "column_index") else None
    return int(at is not None and names.index(name) != max(at - 1, 0))


def _count_between(check: Check, catalog: Catalog) -> int:
    """A bound of 0 is none, as in dbt."""
    count = len(catalog[check.dataset].columns)
    low, high = (_whole(check, name) if given(check, name) else None for name in ("min_value", "max_value"))
    return int((low is not None and count < low) or (high is not None and count > high))


def _count_equal(check: Check, catalog: Catalog) -> int:
    return int(len(catalog[check.dataset].columns) != _whole(check, "value"))


def _count_as_other(check: Check, catalog: Catalog) -> int:
    return int(len(catalog[check.dataset].columns) != len(catalog[target(check, "compare_model")].columns))


def _lacking(check: Check, catalog: Catalog) -> int:
    names = set(_has(check, catalog))
    return sum(name not in names for name in _listed(check))


def _surplus(check: Check, catalog: Catalog) -> int:
    listed = set(_listed(check))
    return sum(name not in listed for name in _has(check, catalog))


def _out_of_order(check: Check, catalog: Catalog) -> int:
    """Each name that is not in its place counts on the side that has it."""
    names, listed = list(enumerate(_has(check, catalog))), list(enumerate(_listed(check)))
    return sum(one not in listed for one in names) + sum(one not in names for one in listed)


def _forbidden(check: Check, catalog: Catalog) -> int:
    names = _has(check, catalog)
    return sum(name in names for name in _listed(check))


def _of_types(check: Check, catalog: Catalog) -> int:
    """A column that does not exist is of no wrong type."""
    single = given(check, "column_type")
    allowed = texts(check, "column_type_list") if single is None else [str(single)]
    wanted, name = {text.upper() for text in allowed}, _column(check).upper()
    return sum(c.name.upper() == name and c.type.upper() not in wanted for c in catalog[check.dataset].columns)


QUOTED: Final = Blind(
    says="the column stands in quotes, and dbt_expectations looks for a name that has them", when=_is_quoted
)

KINDS: Final[dict[str, CheckKind]] = {
    "expect_column_to_exist": on_shape(
        _exists,
        says="the column exists, at a place if one is given",
        arguments={"column_index": "its place, from 1"} | TRANSFORM,
        column=True,
        examine=lambda check: (_fold(check), _numbers("column_index")(check)),
    ),
    "expect_table_column_count_to_be_between": on_shape(
        _count_between,
        says="the number of columns lies between bounds",
        arguments={"min_value": "the least number", "max_value": "the greatest number"},
        examine=_numbers("min_value", "max_value"),
        blind=(
            Blind(
                says="dbt_expectations takes a bound of 0 for none",
                when=lambda c: not c.arguments.get("min_value") and not c.arguments.get("max_value"),
            ),
        ),
    ),
    "expect_table_column_count_to_equal": on_shape(
        _count_equal,
        says="the number of columns is one number",
        arguments={"value": "the number"},
        required=("value",),
        examine=_numbers("value"),
    ),
    "expect_table_column_count_to_equal_other_table": on_shape(
        _count_as_other,
        says="another table has as many columns",
        arguments={"compare_model": "the other table"},
        required=("compare_model",),
        others={"compare_model": None},
    ),
    "expect_table_columns_to_contain_set": on_shape(
        _lacking,
        says="every listed column exists; each missing one is a failure",
        arguments=LIST,
        required=("column_list",),
        examine=_listed,
    ),
    "expect_table_columns_to_match_ordered_list": on_shape(
        _out_of_order,
        says="the columns are the listed ones in their order; each one out of place is a failure on its side",
        arguments=LIST,
        required=("column_list",),
        examine=_listed,
    ),
    "expect_table_columns_to_match_set": on_shape(
        lambda check, catalog: _lacking(check, catalog) + _surplus(check, catalog),
        says="the columns are the listed ones in any order; each other one is a failure",
        arguments=LIST,
        required=("column_list",),
        examine=_listed,
    ),
    "expect_table_columns_to_not_contain_set": on_shape(
        _forbidden,
        says="no listed column exists; each that does is a failure",
        arguments=LIST,
        required=("column_list",),
        examine=_listed,
    ),
    "expect_column_values_to_be_of_type": on_shape(
        _of_types,
        says="the column has a type, by the engine's own text of it",
        arguments={"column_type": "the type"},
        required=("column_type",),
        column=True,
        blind=(QUOTED,),
    ),
    "expect_column_values_to_be_in_type_list": on_shape(
        _of_types,
        says="the column has one of several types, by the engine's own text of them",
        arguments={"column_type_list": "the types"},
        required=("column_type_list",),
        column=True,
        blind=(QUOTED,),
    ),
}
"""Each test by its name in dbt_expectations."""
