"""Read a model's SQL without dbt: which relations it names, which columns it returns, and of which type they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tidegate.doctor.words import line_of

DIALECTS = {
    "sqlserver": "tsql",
    "synapse": "tsql",
    "fabric": "tsql",
    "sparksql": "spark",
    "motherduck": "duckdb",
    "athena": "athena",
}
KNOWN = frozenset(
    "duckdb postgres snowflake bigquery redshift databricks spark trino presto clickhouse tsql athena mysql sqlite".split()
)
JINJA = re.compile(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
REF = re.compile(r"""^\{\{-?\s*ref\(\s*(?:['"][^'"]+['"]\s*,\s*)?['"]([^'"]+)['"]\s*(?:,[^)]*)?\)\s*-?\}\}$""")
SOURCE = re.compile(r"""^\{\{-?\s*source\(\s*['"]([^'"]+)['"]\s*,\s*['"]([^'"]+)['"]\s*\)\s*-?\}\}$""")
HARMLESS = re.compile(r"^\{%-?\s*(?:if\s+is_incremental\(\)|endif|snapshot\b|endsnapshot|raw|endraw)")
REF_MARK, SOURCE_MARK, THIS_MARK = "tgref__", "tgsource__", "tgthis__"

TEXTS = {
    exp.DataType.Type.VARCHAR,
    exp.DataType.Type.TEXT,
    exp.DataType.Type.CHAR,
    exp.DataType.Type.NVARCHAR,
    exp.DataType.Type.NCHAR,
}
FLOATS = {exp.DataType.Type.FLOAT, exp.DataType.Type.DOUBLE}
NUMBERS = {
    *exp.DataType.INTEGER_TYPES,
    *FLOATS,
    exp.DataType.Type.DECIMAL,
    exp.DataType.Type.BIGDECIMAL,
}
ZONED = {exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMESTAMPLTZ}
INSTANTS = {exp.DataType.Type.TIMESTAMP, exp.DataType.Type.DATETIME, exp.DataType.Type.TIMESTAMPNTZ}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sql:
    """A model's SQL with its Jinja replaced: `tree` is None when it cannot be parsed or Jinja shapes it."""

    text: str
    tree: exp.Expr | None
    dialect: str | None


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a relation with their types, None where unknown; `whole` tells that there are no others."""

    types: Mapping[str, str | None] = field(default_factory=dict)
    whole: bool = False


Lookup = Callable[[str], Columns]


def read(text: str, adapter: str | None) -> Sql:
    """The SQL of a model; lines stay where they are."""
    dynamic = False

    def replaced(match: re.Match[str]) -> str:
        nonlocal dynamic
        said, lines = match[0], "\n" * match[0].count("\n")
        if said.startswith("{#"):
            return lines
        if found := REF.match(said):
            return f"{REF_MARK}{found[1]}"
        if found := SOURCE.match(said):
            return f"{SOURCE_MARK}{found[1]}__of__{found[2]}"
        if re.match(r"^\{\{-?\s*this\b", said):
            return THIS_MARK
        if re.match(r"^\{\{-?\s*config\(", said) or HARMLESS.match(said):
            return lines
        dynamic = True
        return f" tgjinja{lines}" if said.startswith("{{") else lines

    plain = JINJA.sub(replaced, text).rstrip().removesuffix(";")
    dialect = DIALECTS.get(adapter or "", adapter)
    dialect = dialect if dialect in KNOWN else None
    return Sql(text=plain, tree=None if dynamic else _parsed(plain, dialect), dialect=dialect)


def _parsed(text: str, dialect: str | None) -> exp.Expr | None:
    for name in dict.fromkeys((dialect, "duckdb", "postgres", "snowflake", "bigquery")):
        try:
            trees = [t for t in sqlglot.parse(text, read=name, error_level=sqlglot.ErrorLevel.RAISE) if t is not None]
        except (SqlglotError, RecursionError):
            continue
        if len(trees) == 1 and not isinstance(trees[0], exp.Command):
            return trees[0]
    return None


PART = r'[\w$-]+|"[^"]+"|`[^`]+`|\[[^\]]+\]'
RELATION = re.compile(rf"\b(?:from|join)\s+((?:{PART})(?:\s*\.\s*(?:{PART}))*)(?!\s*\()", re.IGNORECASE)
NOT_RELATION = re.compile(
    r"(?:\b(?:extract|substring|trim|overlay|position)\s*\([^()]*|\bdistinct\s+|\bignore\s+nulls\s+)$", re.IGNORECASE
)
QUOTED = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation that is written out in SQL: its parts, lower case and without quotes, and its line."""

    parts: tuple[str, ...]
    line: int


def relations(sql: Sql) -> Iterator[Relation]:
    """The relations that a model names without `ref` or `source`: not its own CTEs, functions, files or aliases."""
    plain = QUOTED.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), sql.text)
    own = {
        m.lower()
        for m in re.findall(
            r"[\"`]?(\w+)[\"`]?\s*(?:\([^()]*\))?\s+as\s+(?:not\s+materialized\s+|materialized\s+)?\(",
            plain,
            re.IGNORECASE,
        )
    }
    aliases = {
        m.lower()
        for m in re.findall(
            r"(?:\bas|[\w\"`\]])\s+[\"`]?(\w+)[\"`]?(?=\s*(?:,|\n|\)|$|\bon\b|\bjoin\b|\bleft\b|\bcross\b|\bwhere\b|\binner\b))",
            plain,
            re.IGNORECASE,
        )
    }
    for found in RELATION.finditer(plain):
        before = plain[max(0, found.start() - 200) : found.start()]
        after = plain[found.end() : found.end() + 1]
        if NOT_RELATION.search(before) or after == "(":
            continue
        parts = tuple(p.strip().strip('"`[]').lower() for p in re.findall(PART, found[1]))
        parts = tuple(q for p in parts for q in p.split(".")) if "`" in found[1] else parts
        if any(p.startswith(("tgref__", "tgsource__", "tgthis__", "tgjinja")) for p in parts):
            continue
        if len(parts) == 1 and (
            parts[0] in own or parts[0] in {"unnest", "lateral", "select", "table", "values", "dual"}
        ):
            continue
        if len(parts) == 2 and parts[0] in own | aliases:
            continue
        yield Relation(parts, line_of(plain, found.start(1)))


def family(kind: str | None) -> str | None:
    """The family of a column's type as YAML or SQL names it: text, number, float, date, zoned, instant; None for others."""
    if not kind:
        return None
    for dialect in ("duckdb", "snowflake", "bigquery"):
        try:
            return _family(exp.DataType.build(kind, dialect=dialect))
        except (SqlglotError, ValueError):
            continue
    return None


def _family(kind: exp.DataType) -> str | None:
    said = kind.this
    if said in TEXTS:
        return "text"
    if said in FLOATS:
        return "float"
    if said in NUMBERS:
        return "number"
    if said in ZONED:
        return "zoned"
    if said in INSTANTS:
        return "instant"
    return {exp.DataType.Type.DATE: "date", exp.DataType.Type.UUID: "uuid", exp.DataType.Type.BOOLEAN: "boolean"}.get(
        said
    )


def columns(sql: Sql, lookup: Lookup) -> Columns:
    """The columns that a model returns.

    Args:
        lookup: the columns of a relation by its name, where `ref` and `source` have left their marks.
    """
    return Columns() if sql.tree is None else _query(sql.tree, lookup)


def _query(tree: exp.Expr, lookup: Lookup) -> Columns:
    if isinstance(tree, exp.Subquery):
        return _query(tree.this, _with_ctes(tree, lookup))
    if isinstance(tree, exp.SetOperation):
        if tree.args.get("by_name"):
            return Columns()
        return _query(tree.this, _with_ctes(tree, lookup))
    if not isinstance(tree, exp.Select):
        return Columns()
    inner = _with_ctes(tree, lookup)
    tables = scope(tree, inner)
    types: dict[str, str | None] = {}
    whole = True
    for item in tree.expressions:
        if item.is_star:
            added = _star(item, tables)
            types |= added.types
            whole = whole and added.whole
        elif isinstance(item, exp.Alias | exp.Column):
            types[item.alias_or_name.lower()] = type_of(item, tables)
        else:
            whole = False
    if any(tree.args.get(key) for key in ("laterals", "pivots", "kind", "into")):
        return Columns(types, whole=False)
    return Columns(types, whole)


def _star(item: exp.Expr, tables: Mapping[str, Columns]) -> Columns:
    star = item.this if isinstance(item, exp.Column) else item
    if (
        not isinstance(star, exp.Star)
        or star.args.get("rename")
        or star.args.get("replace")
        or star.args.get("replace_")
    ):
        return Columns()
    dropped = star.args.get("except_") or star.args.get("except") or []
    left = {getattr(d, "name", str(d)).lower() for d in dropped}
    chosen = (
        [tables.get(item.table.lower(), Columns())]
        if isinstance(item, exp.Column) and item.table
        else list(tables.values())
    )
    types = {name: kind for table in chosen for name, kind in table.types.items() if name not in left}
    return Columns(types, whole=bool(chosen) and all(t.whole for t in chosen))


def _with_ctes(tree: exp.Expr, lookup: Lookup) -> Lookup:
    with_ = tree.args.get("with_") or tree.args.get("with")
    if with_ is None:
        return lookup
    known: dict[str, Columns] = {}

    def find(name: str) -> Columns:
        return known[name.lower()] if name.lower() in known else lookup(name)

    for cte in with_.expressions:
        names = [c.name.lower() for c in cte.args["alias"].args.get("columns") or []] if cte.args.get("alias") else []
        known[cte.alias.lower()] = Columns() if with_.args.get("recursive") or names else _query(cte.this, find)
    return find


def scope(select: exp.Select, lookup: Lookup) -> dict[str, Columns]:
    """What each alias of a SELECT's tables has; a relation that is not known has no columns and is not whole."""
    parts = [select.args.get("from_") or select.args.get("from"), *(select.args.get("joins") or [])]
    tables: dict[str, Columns] = {}
    for part in parts:
        source = part.this if part is not None else None
        if isinstance(source, exp.Table):
            plain = not source.db and isinstance(source.this, exp.Identifier) and not source.args.get("pivots")
            found = lookup(source.name) if plain else Columns()
            tables[source.alias_or_name.lower()] = found
        elif isinstance(source, exp.Subquery):
            tables[source.alias_or_name.lower()] = _query(source, lookup)
        elif source is not None:
            tables[f"?{len(tables)}"] = Columns()
    return tables


def type_of(item: exp.Expr, tables: Mapping[str, Columns]) -> str | None:
    """The family of an expression's type, where that is plain."""
    if isinstance(item, exp.Alias | exp.Paren):
        return type_of(item.this, tables)
    if isinstance(item, exp.Cast | exp.TryCast):
        return _family(item.to)
    if isinstance(item, exp.Column):
        return _column_type(item, tables)
    if isinstance(item, exp.Count):
        return "number"
    if isinstance(item, exp.Lower | exp.Upper | exp.Trim | exp.Concat | exp.MD5):
        return "text"
    if isinstance(item, exp.Max | exp.Min | exp.Coalesce | exp.Round | exp.Sum | exp.Abs):
        return type_of(item.this, tables)
    if isinstance(item, exp.Literal):
        return "text" if item.is_string else None
    return None


def _column_type(item: exp.Column, tables: Mapping[str, Columns]) -> str | None:
    name = item.name.lower()
    if item.table:
        return tables.get(item.table.lower(), Columns()).types.get(name)
    found = {t.types[name] for t in tables.values() if name in t.types}
    return found.pop() if len(found) == 1 else None


def selects(sql: Sql, lookup: Lookup) -> Iterator[tuple[exp.Select, dict[str, Columns]]]:
    """Every SELECT of a model with what its tables have."""
    if sql.tree is not None:
        yield from _selects(sql.tree, lookup)


def _selects(tree: exp.Expr, lookup: Lookup) -> Iterator[tuple[exp.Select, dict[str, Columns]]]:
    inner = _with_ctes(tree, lookup)
    with_ = tree.args.get("with_") or tree.args.get("with")
    for cte in with_.expressions if with_ is not None else []:
        yield from _selects(cte.this, inner)
    if isinstance(tree, exp.SetOperation):
        yield from _selects(tree.this, inner)
        yield from _selects(tree.expression, inner)
    elif isinstance(tree, exp.Subquery):
        yield from _selects(tree.this, inner)
    elif isinstance(tree, exp.Select):
        yield tree, scope(tree, inner)
        for part in [tree.args.get("from_") or tree.args.get("from"), *(tree.args.get("joins") or [])]:
            if part is not None and isinstance(part.this, exp.Subquery):
                yield from _selects(part.this, inner)


def line_of_word(sql: Sql, word: str) -> int:
    """The line on which a whole word first stands; 1 when nowhere."""
    found = re.search(rf"\b{re.escape(word)}\b", sql.text, re.IGNORECASE)
    return line_of(sql.text, found.start()) if found else 1
