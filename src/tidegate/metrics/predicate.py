"""The user's own SQL: checked to be one expression (or one query) before it becomes part of a statement."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from tidegate.metrics import plain

ROW_IDS: Final = frozenset({"rowid"})
"""What can be named in an expression though no table lists it."""


class ConditionError(ValueError):
    """The user's SQL is not what is asked for; the message says why."""


class Vouched(str):
    """SQL put together from quoted names, literals and the user's checked expressions: one expression, or one query.

    `condition` and `query` let it pass as it is, so that what a check made need not be parsed again.
    """

    __slots__ = ()


def condition(text: str, dialect: str = "duckdb") -> str:
    """The user's row condition, safe to stand in parentheses in a larger statement.

    The text itself is kept, so that what runs is what the user wrote. With comments in it, it is written again from
    its tree without them.

    Raises:
        ConditionError: it is empty, does not parse, or is more or other than one expression.
    """
    return text if isinstance(text, Vouched) else _condition(text, dialect)


@lru_cache(maxsize=4096)
def _condition(text: str, dialect: str) -> str:
    if plain.read(text) is not None:
        return text.strip()
    from sqlglot import expressions as x

    tree, commented = _parse(text, dialect)
    statements = (x.Query, x.DDL, x.DML, x.Command, x.Alias, x.Tuple, x.Aliases, x.Star, x.Drop, x.Set, x.Use, x.Pragma)
    around = (x.AtTimeZone, x.Filter, x.WithinGroup, x.Interval)
    if isinstance(tree, statements) or not isinstance(tree, (x.Condition, x.Paren, x.Func, x.Predicate, *around)):
        raise ConditionError(f"`{text}` is not a condition on a row")
    return tree.sql(dialect, comments=False) if commented else text.strip()


LIGHT: Final = (
    "ApproxDistinct",
    "Avg",
    "Count",
    "CountIf",
    "Max",
    "Min",
    "Stddev",
    "StddevPop",
    "StddevSamp",
    "Sum",
    "Variance",
    "VariancePop",
)
"""Aggregates that hold a few bytes of memory: they may ride on the scan that reads every column. sqlglot's names."""


@lru_cache(maxsize=4096)
def is_light(text: str, dialect: str = "duckdb") -> bool:
    """Whether the user's SQL is an expression over light aggregates of all rows, and nothing else than those reads rows."""
    if (known := plain.read(text)) is not None and known.is_light:
        return True
    from sqlglot import expressions as x

    try:
        tree, _ = _parse(text, dialect)
    except ConditionError:
        return False
    if not isinstance(tree, x.Condition | x.Func) or tree.find(x.Query, x.Window, x.Distinct, x.Anonymous):
        return False
    found = list(tree.find_all(x.AggFunc))
    inside = all(column.find_ancestor(x.AggFunc) is not None for column in tree.find_all(x.Column))
    return bool(found) and inside and all(type(one).__name__ in LIGHT for one in found)


@lru_cache(maxsize=4096)
def column_names(text: str, dialect: str = "duckdb") -> tuple[str, ...]:
    """The columns that the user's expression surely names, each once; none where it has queries or lambdas, which may
    bring names of their own, or does not parse.
    """
    if (known := plain.read(text)) is not None:
        return _listed(known.columns)
    from sqlglot import expressions as x

    try:
        tree, _ = _parse(text, dialect)
    except ConditionError:
        return ()
    if not isinstance(tree, x.Expression) or tree.find(x.Query, x.Lambda, x.Columns):
        return ()
    return _listed(column.name for column in tree.find_all(x.Column) if not column.table)


def _listed(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name.casefold() not in ROW_IDS))


def query(text: str, dialect: str = "duckdb") -> str:
    """The user's query, safe to stand in parentheses as a derived table; a closing semicolon is dropped.

    Raises:
        ConditionError: it is empty, does not parse, or is more or other than one query.
    """
    return text if isinstance(text, Vouched) else _query(text, dialect)


_SELECTS: Final = re.compile(r"\s*(?:select|with|from|values|pivot|unpivot)\b", re.IGNORECASE)
_PIECE: Final = re.compile(r"""'[^'\\]*'|"[^"]*"|[()]|[^'"()$;\\/*-]+|[*/-]""")
_NEVER_PLAIN: Final = re.compile(r"--|/\*|\*/|\b[a-z]'", re.IGNORECASE)


def is_plainly_one(text: str) -> bool:
    """Whether a text begins as a query and plainly stays inside of parentheses around it: no comments, no semicolon, no
    escapes, and every parenthesis closed that is opened, in this order. sqlglot, slow to import, sees to the rest.
    """
    if not _SELECTS.match(text) or _NEVER_PLAIN.search(text):
        return False
    depth, at = 0, 0
    while found := _PIECE.match(text, at):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth < 0:
            return False
        at = found.end()
    return depth == 0 and at == len(text)


_COMMENT: Final = re.compile(r"""('[^']*'|"[^"]*")|--[^\r\n]*|/\*.*?\*/""", re.DOTALL)


def _uncommented(text: str) -> str:
    """A query without its comments; where they are nested, something is left that is not plain."""
    return _COMMENT.sub(lambda found: found[1] or " ", text).strip().rstrip(";").strip()


@lru_cache(maxsize=4096)
def _query(text: str, dialect: str) -> str:
    bare = text.strip().rstrip(";").strip()
    if is_plainly_one(bare):
        return bare
    from sqlglot import expressions as x

    try:
        tree, commented = _parse(text.strip().rstrip(";"), dialect)
        if not isinstance(tree, x.Query):
            raise ConditionError("it is not one SELECT")
    except ConditionError:
        if is_plainly_one(without := _uncommented(bare)):
            return without
        raise
    return tree.sql(dialect, comments=False) if commented else text.strip().rstrip(";").strip()


def _parse(text: str, dialect: str) -> tuple[object, bool]:
    """The tree of one statement or expression, and whether there are comments in it."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    if not text.strip():
        raise ConditionError("it is empty")
    if "\0" in text:
        raise ConditionError("it holds a null character")
    try:
        tokens = sqlglot.tokenize(text, read=dialect)
        trees = sqlglot.parse(text, read=dialect)
    except (SqlglotError, RecursionError) as error:
        raise ConditionError(f"`{text}` does not parse: {_first_line(error)}") from error
    if len(trees) != 1 or trees[0] is None or any(token.token_type.name == "SEMICOLON" for token in tokens):
        raise ConditionError(f"`{text}` is more than one expression")
    return trees[0], any(token.comments for token in tokens) or "--" in text or "/*" in text


_LACKS: Final = re.compile(r"Required keyword: '\w+' missing for <class '[\w.]*?(\w+)'>")


def _first_line(error: BaseException) -> str:
    """sqlglot's message without its coloured excerpt and the names of its classes."""
    told = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
    return _LACKS.sub(lambda found: f"`{found[1].upper()}` lacks a part", told)
