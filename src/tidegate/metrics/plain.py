"""Expressions that are plainly one expression: a small part of SQL, read without a SQL parser.

Importing sqlglot costs 0.11 CPU seconds and more, a third of a scan of small tables. What this grammar takes cannot be
anything but one expression: no comments, queries, lambdas, casts by `::`, names with a dot, or DISTINCT. What it
does not take may well be one; sqlglot tells.

    expression = {NOT} test {(AND | OR) {NOT} test}
    test       = sum [compared sum | IS [NOT] NULL | [NOT] (BETWEEN sum AND sum | IN "(" list ")" | LIKE sum | ILIKE sum)]
    sum        = [+ | -] operand {(+ | - | * | / | % | "||") [+ | -] operand}
    operand    = number | text | NULL | TRUE | FALSE | name | name "(" ["*" | list] ")" | CAST "(" expression AS type ")"
               | CASE {WHEN expression THEN expression} [ELSE expression] END | "(" expression ")"
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)|(?P<text>'[^'\\\0]*')|(?P<number>[0-9]+(?:\.[0-9]+)?(?![\w.]))|(?P<quoted>"[^"\0]+")"""
    r"""|(?P<word>[a-z_][a-z0-9_]*)|(?P<sign><>|!=|<=|>=|\|\||[=<>+\-*/%(),])""",
    re.IGNORECASE | re.ASCII,
)

AGGREGATES: Final = frozenset(
    "avg count count_if max min stddev stddev_pop stddev_samp sum approx_count_distinct variance var_samp var_pop".split()
)
"""Aggregates that hold a few bytes of memory."""

SCALARS: Final = frozenset(
    "abs ceil coalesce floor greatest least length lower nullif round sqrt upper cast try_cast".split()
)
"""Functions of the row that sqlglot knows too."""

_COMPARED: Final = frozenset({"=", "<>", "!=", "<=", ">=", "<", ">"})
_ADDED: Final = frozenset({"+", "-", "*", "/", "%", "||"})
_TYPES: Final = frozenset(
    "bigint boolean date decimal double float integer int numeric real smallint text timestamp tinyint varchar".split()
)
_RESERVED: Final = frozenset(
    "all analyse analyze and anti any array as asc asof at between both by case cast check collate collation column"
    " columns concurrently constraint create cross cube current date datetime default deferrable delete desc describe"
    " distinct div do drop else end escape except exists extract false fetch filter final following for foreign format"
    " freeze from full generated glob global grant group grouping having if ilike in initially inner insert"
    " intersect interval into is isnull join key kind lambda lateral leading left like limit list local localtime localtimestamp"
    " map match materialized merge minus natural next not notnull null nulls of offset on only or order outer over"
    " overlaps partition percent pivot placing positional preceding primary prior qualify range recursive references"
    " regexp replace returning right rlike rollup row rows sample select semi session_user set show similar some struct"
    " summarize symmetric table tablesample then time timestamp timestamptz to top trailing true try_cast unbounded"
    " union unique unnest unpivot update user using values variadic verbose view when where window with within xor"
    " sysdate systimestamp binary unknown ignore respect var variant cache char character column_name div escape"
    " object nullable file uuid json xml year month day hour minute second quarter week".split()
)
"""Words that are, or in some dialect may be, more than a column's name: left to sqlglot."""

_CLOCK: Final = re.compile(r"current_|local")


@dataclass(frozen=True, slots=True)
class Plain:
    """What a plain expression names: columns as they are written, without their quotes, and functions in lower case.

    `outside` are the columns that no aggregate encloses.
    """

    columns: tuple[str, ...]
    outside: tuple[str, ...]
    functions: frozenset[str]

    @property
    def is_light(self) -> bool:
        """Whether it is made of light aggregates of all rows, and nothing else in it reads rows."""
        known = self.functions <= AGGREGATES | SCALARS
        return known and bool(self.functions & AGGREGATES) and not self.outside


class _NotPlainError(Exception):
    """The text is more than the grammar takes."""


@lru_cache(maxsize=4096)
def read(text: str) -> Plain | None:
    """Read an expression; None where it is not plainly one."""
    if "--" in text or "/*" in text or "*/" in text:
        return None
    try:
        reader = _Reader(_tokens(text))
        reader.expression()
        reader.end()
    except _NotPlainError:
        return None
    return Plain(tuple(dict.fromkeys(reader.columns)), tuple(reader.outside), frozenset(reader.functions))


def _tokens(text: str) -> list[tuple[str, str]]:
    """Kind and text of each token; of words in lower case, the text as it is written following behind a colon."""
    found, at = [], 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise _NotPlainError
        if token.lastgroup != "space":
            found.append((str(token.lastgroup), token[0]))
        at = token.end()
    return found


DEEPEST: Final = 50
"""How deep parentheses may be nested, so that reading stays far from Python's limit. Chosen, not derived."""


@dataclass(slots=True)
class _Reader:
    """Walks over the tokens; each method takes its part of the grammar or raises."""

    tokens: list[tuple[str, str]]
    at: int = 0
    depth: int = 0
    enclosing: int = 0
    columns: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)

    def word(self) -> str:
        """The next token, a word in lower case; empty at the end, and a text or a quoted name with its quotes."""
        if self.at >= len(self.tokens):
            return ""
        kind, text = self.tokens[self.at]
        return text.lower() if kind == "word" else text

    def takes(self, *words: str) -> bool:
        """Whether these words come next; they are taken then."""
        ahead = [text.lower() for _, text in self.tokens[self.at : self.at + len(words)]]
        if ahead != list(words):
            return False
        self.at += len(words)
        return True

    def demand(self, *words: str) -> None:
        if not self.takes(*words):
            raise _NotPlainError

    def end(self) -> None:
        if self.at != len(self.tokens):
            raise _NotPlainError

    def expression(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise _NotPlainError
        self.negated_test()
        while self.takes("and") or self.takes("or"):
            self.negated_test()
        self.depth -= 1

    def negated_test(self) -> None:
        while self.takes("not"):
            pass
        self.sum()
        if self.word() in _COMPARED:
            self.at += 1
            self.sum()
        elif self.takes("is"):
            self.takes("not")
            self.demand("null")
        else:
            self.range_or_list()

    def range_or_list(self) -> None:
        negated = self.takes("not")
        if self.takes("between"):
            self.sum()
            self.demand("and")
            self.sum()
        elif self.takes("in", "("):
            self.items()
        elif self.takes("like") or self.takes("ilike"):
            self.sum()
        elif negated:
            raise _NotPlainError

    def sum(self) -> None:
        self.signed()
        while self.word() in _ADDED:
            self.at += 1
            self.signed()

    def signed(self) -> None:
        if self.word() in ("+", "-"):
            self.at += 1
        self.operand()

    def items(self) -> None:
        """A list up to its closing parenthesis."""
        self.expression()
        while self.takes(","):
            self.expression()
        self.demand(")")

    def operand(self) -> None:
        kind, word = (self.tokens[self.at][0] if self.at < len(self.tokens) else ""), self.word()
        if kind in ("number", "text") or word in ("null", "true", "false"):
            self.at += 1
        elif self.takes("("):
            self.expression()
            self.demand(")")
        elif self.takes("case", "when"):
            self.cases()
        elif self.takes("cast", "(") or self.takes("try_cast", "("):
            self.functions.add("cast")
            self.expression()
            self.demand("as")
            self.type_name()
        elif kind == "quoted":
            self.column(word[1:-1])
        elif kind == "word" and word not in _RESERVED and not _CLOCK.match(word):
            self.named(word)
        else:
            raise _NotPlainError

    def cases(self) -> None:
        """The rest of a CASE, behind its first WHEN."""
        is_more = True
        while is_more:
            self.expression()
            self.demand("then")
            self.expression()
            is_more = self.takes("when")
        if self.takes("else"):
            self.expression()
        self.demand("end")

    def type_name(self) -> None:
        if self.word() not in _TYPES:
            raise _NotPlainError
        self.at += 1
        if self.takes("("):
            self.numbers()
        self.demand(")")

    def numbers(self) -> None:
        is_more = True
        while is_more:
            if self.at >= len(self.tokens) or self.tokens[self.at][0] != "number":
                raise _NotPlainError
            self.at += 1
            is_more = self.takes(",")
        self.demand(")")

    def named(self, word: str) -> None:
        """A column, or a call of a function."""
        written = self.tokens[self.at][1]
        if self.at + 1 < len(self.tokens) and self.tokens[self.at + 1][1] == "(":
            self.at += 2
            self.call(word)
        else:
            self.column(written)

    def call(self, name: str) -> None:
        self.functions.add(name)
        self.enclosing += name in AGGREGATES
        if name == "count" and self.takes("*"):
            self.demand(")")
        elif not self.takes(")"):
            self.items()
        self.enclosing -= name in AGGREGATES

    def column(self, name: str) -> None:
        self.at += 1
        if self.word() == "(":
            raise _NotPlainError
        self.columns.append(name)
        if not self.enclosing:
            self.outside.append(name)
