"""Columns: which columns of a table are made from which names, as its SQL says it; nothing is asked of a database."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot.expressions import Expr

WORD = re.compile(r"\w+")

TEMPLATE = ("{{", "{%")
"""What a template that is not filled in looks like; what its macros write is not known."""

KEPT_STATEMENTS = 2_000
"""How many parsed statements are remembered; more models than that are parsed again. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How a statement makes its rows, by names alone: a name stands for every column that is called so, in lower case.

    `made` are the names that an output column is made from; `rows` those that decide which rows there are (conditions,
    joins, groups); with `star` every column also passes under its own name.
    """

    made: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rows: frozenset[str] = frozenset()
    star: bool = False


NONE = frozenset[str]()


def passed_on(code: str | None, columns: frozenset[str]) -> frozenset[str] | None:
    """The columns that a fault in some columns of a parent can reach in what the statement makes, in lower case.

    None means that it can reach all of them, or that nobody can tell: too much is connected rather than too little. A
    statement is read once; where it does not mention the columns the answer is a look-up.

    Args:
        code: the statement that makes the table; None when it is not known.
        columns: the columns of the parent that are at fault, in lower case.
    """
    return passing(code)(columns)


def passing(code: str | None) -> Callable[[frozenset[str]], frozenset[str] | None]:
    """`passed_on` for one statement and many faults: what is known of the statement is looked up once."""
    words = None if code is None else _words(code)
    if code is None or words is None:
        return lambda _: None
    has_star, known = "*" in words, False
    making: Making | None = None

    def through(columns: frozenset[str]) -> frozenset[str] | None:
        nonlocal making, known
        is_mentioned = not words.isdisjoint(columns)
        if not is_mentioned and not has_star:
            return NONE
        if not known:
            making, known = _making(code), True
        if making is None:
            return None
        if not is_mentioned:
            return columns if making.star else NONE
        return _made(making, columns)

    return through


def _made(making: Making, columns: frozenset[str]) -> frozenset[str] | None:
    touched = _closure(making, columns)
    if touched & making.rows:
        return None
    found = {name for name, sources in making.made.items() if sources & touched}
    return frozenset(found | touched if making.star else found)


def _closure(making: Making, names: frozenset[str]) -> frozenset[str]:
    """The names, and those that are made from them somewhere in the statement, however deep."""
    found = set(names)
    while more := {name for name, sources in making.made.items() if name not in found and sources & found}:
        found |= more
    return frozenset(found)


@lru_cache(maxsize=KEPT_STATEMENTS)
def _words(code: str) -> frozenset[str] | None:
    """The words of a statement in lower case, with `*` where it has one; None of a template that is not filled in."""
    if any(mark in code for mark in TEMPLATE):
        return None
    lowered = code.lower()
    return frozenset(WORD.findall(lowered)) | ({"*"} if "*" in lowered else set())


@lru_cache(maxsize=KEPT_STATEMENTS)
def _making(code: str) -> Making | None:
    """Read a statement; None when it cannot be read, as when a template is left in it."""
    import sqlglot
    from sqlglot import expressions as x
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(code, dialect="duckdb")
    except (SqlglotError, RecursionError):
        return None
    made: dict[str, frozenset[str]] = {}
    rows: set[str] = set()
    for select in tree.find_all(x.Select):
        for item in select.expressions:
            name = item.alias_or_name.lower()
            made[name] = made.get(name, frozenset()) | _names(item)
        for clause in ("where", "group", "having", "qualify", "distinct", "limit"):
            rows |= _names(select.args.get(clause))
        for join in select.args.get("joins") or ():
            rows |= _names(join.args.get("on")) | {i.name.lower() for i in join.args.get("using") or ()}
    star = any(isinstance(s, x.Star) for s in tree.find_all(x.Star) if not isinstance(s.parent, x.Count))
    return Making(made={k: v for k, v in made.items() if k != "*"}, rows=frozenset(rows), star=star)


def _names(part: Expr | None) -> frozenset[str]:
    from sqlglot import expressions as x

    return frozenset() if part is None else frozenset(c.name.lower() for c in part.find_all(x.Column))
