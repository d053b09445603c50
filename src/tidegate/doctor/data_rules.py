"""Rules about what models do with data: money in floats, keys of different types, dates of the session, doubled rows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from sqlglot import exp

from tidegate.doctor import sql
from tidegate.doctor.dbt_project import DbtProject, Described, Node
from tidegate.doctor.facts import Project
from tidegate.doctor.python_source import dotted, literal
from tidegate.doctor.relations import Catalog
from tidegate.doctor.rule import Found
from tidegate.doctor.sql import Columns
from tidegate.doctor.words import mapping

MONEY = frozenset(
    "amount amounts price prices revenue cost costs fee fees total subtotal balance salary payment payments tax vat discount"
    " refund refunds invoice turnover income profit margin mrr arr gmv spend budget charge charges wage commission".split()
)
CURRENCIES = frozenset("usd eur gbp chf jpy dollars euros cents".split())
NOT_MONEY = frozenset(
    "rate ratio share pct percent percentage perc index score id ids count counts num number qty quantity items orders rows days"
    " hours minutes seconds weight time date at type name code status method lat lon latitude longitude units km kg elevation"
    " distance users customers visits clicks sessions views flights passengers avg average mean median stddev change growth".split()
)
DATES = (exp.Date, exp.DateTrunc, exp.TimestampTrunc, exp.TsOrDsToDate, exp.Extract)
COMPATIBLE = ({"number", "float"}, {"date", "instant"}, {"date", "zoned"}, {"instant", "zoned"})


def is_money(name: str) -> bool:
    """Whether a column's name says that it holds an amount of money."""
    words = set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))
    return bool(words & (MONEY | CURRENCIES)) and not words & NOT_MONEY


def _models(dbt: DbtProject) -> Iterator[Node]:
    yield from (n for n in dbt.of("model", "snapshot") if n.is_enabled and n.path.endswith(".sql"))


def money_in_floats(project: Project) -> Iterator[Found]:
    """Amounts of money that become binary floats: in SQL, in YAML, in what dlt loads."""
    for dbt in project.dbt:
        catalog = Catalog(dbt)
        for node in _models(dbt):
            seen: set[str] = set()
            for select, _ in catalog.selects(node):
                for item in select.expressions:
                    name = item.alias_or_name
                    if name and name not in seen and is_money(name) and _becomes_float(item):
                        seen.add(name)
                        cast = next(iter(item.find_all(exp.Cast, exp.TryCast)))
                        line = _line(catalog, node, cast, name)
                        yield Found(
                            path=node.path,
                            line=line,
                            message=f"`{name}` becomes `{cast.to.sql().lower()}`, a binary float",
                        )
        for d in dbt.described:
            yield from _declared_floats(d)
    yield from _in_python(project)


def _becomes_float(item: exp.Expr) -> bool:
    here = item
    while isinstance(
        here,
        exp.Alias
        | exp.Paren
        | exp.Sum
        | exp.Round
        | exp.Coalesce
        | exp.Abs
        | exp.Max
        | exp.Min
        | exp.Filter
        | exp.Window,
    ):
        here = here.this
    return isinstance(here, exp.Cast | exp.TryCast) and here.to.this in sql.FLOATS


def _line(catalog: Catalog, node: Node, cast: exp.Expr, name: str) -> int:
    place = next((i.meta["line"] for i in cast.find_all(exp.Identifier) if "line" in i.meta), None)
    return int(place) if place else sql.line_of_word(catalog.sql(node), name)


def _declared_floats(d: Described) -> Iterator[Found]:
    for name, line, said in d.columns:
        if (
            d.source is None
            and said.get("data_type")
            and is_money(name)
            and sql.family(str(said["data_type"])) == "float"
        ):
            yield Found(
                path=d.path,
                line=line,
                message=f"`{d.name}.{name}` is declared as `{said['data_type']}`, a binary float",
            )
    for name, kind in mapping(mapping(d.content.get("config")).get("column_types")).items():
        if is_money(str(name)) and sql.family(str(kind)) == "float":
            line = d.at("config", "column_types", name)
            yield Found(path=d.path, line=line, message=f"`{d.name}.{name}` is loaded as `{kind}`, a binary float")


def _in_python(project: Project) -> Iterator[Found]:
    for file in project.python:
        if not file.uses_dlt:
            continue
        for node in ast.walk(file.tree):
            for key, value in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
                name = literal(key) or ""
                if not is_money(name):
                    continue
                if isinstance(value, ast.Call) and dotted(value.func) == "float":
                    yield Found(path=file.path, line=value.lineno, message=f"`{name}` is loaded as a Python float")
                if isinstance(value, ast.Dict) and any(
                    literal(k) == "data_type" and literal(v) == "double"
                    for k, v in zip(value.keys, value.values, strict=True)
                ):
                    yield Found(
                        path=file.path, line=value.lineno, message=f"dlt loads `{name}` as `double`, a binary float"
                    )


def joined_across_types(project: Project) -> Iterator[Found]:
    """Joins and relationships between keys of different types, where both types are known."""
    for dbt in project.dbt:
        catalog = Catalog(dbt)
        for node in _models(dbt):
            for select, tables in catalog.selects(node):
                for join in select.args.get("joins") or []:
                    for left, right, kinds in _pairs(join, tables):
                        line = sql.line_of_word(catalog.sql(node), left) if left else 1
                        place = next((i.meta["line"] for i in join.find_all(exp.Identifier) if "line" in i.meta), line)
                        message = f"`{left}` ({kinds[0]}) is joined with `{right}` ({kinds[1]})"
                        yield Found(path=node.path, line=int(place), message=message)
        yield from _related(dbt, catalog)


def _pairs(join: exp.Join, tables: dict[str, Columns]) -> Iterator[tuple[str, str, tuple[str, str]]]:
    on = join.args.get("on")
    for condition in on.find_all(exp.EQ) if on is not None else ():
        left, right = sql.type_of(condition.this, tables), sql.type_of(condition.expression, tables)
        columns = [s for s in (condition.this, condition.expression) if s.find(exp.Column)]
        if left and right and len(columns) == 2 and _differ(left, right):
            yield condition.this.sql(), condition.expression.sql(), (left, right)
    for column in join.args.get("using") or []:
        kinds = {a: t.types[column.name.lower()] for a, t in tables.items() if t.types.get(column.name.lower())}
        known = list(kinds.items())
        for (a, one), (b, other) in pairwise(known):
            if one and other and _differ(one, other):
                yield f"{a}.{column.name}", f"{b}.{column.name}", (one, other)
                return


def _differ(one: str, other: str) -> bool:
    return one != other and not any({one, other} <= group for group in COMPATIBLE)


def _related(dbt: DbtProject, catalog: Catalog) -> Iterator[Found]:
    for t in dbt.tests:
        m = re.search(r"""ref\(\s*['"]([^'"]+)['"]\s*\)""", str(t.arguments.get("to") or ""))
        if t.name != "relationships" or not m or not t.column or t.owner.source is not None:
            continue
        one = catalog.columns(f"{sql.REF_MARK}{t.owner.name}").types.get(t.column.lower())
        other = catalog.columns(f"{sql.REF_MARK}{m[1]}").types.get(str(t.arguments.get("field")).lower())
        if one and other and _differ(one, other):
            message = (
                f"`{t.owner.name}.{t.column}` ({one}) is compared with `{m[1]}.{t.arguments.get('field')}` ({other})"
            )
            yield Found(path=t.path, line=t.line, message=message)


def dates_of_the_session(project: Project) -> Iterator[Found]:
    """Dates that are cut from an instant with a time zone: which day it is depends on the session."""
    for dbt in project.dbt:
        catalog = Catalog(dbt)
        for node in _models(dbt):
            seen: set[int] = set()
            for select, tables in catalog.selects(node):
                for found in select.find_all(exp.Cast, exp.TryCast, *DATES):
                    if found.find_ancestor(exp.Select) is not select or not _cuts(found):
                        continue
                    value = found.expression if isinstance(found, exp.Extract) else found.this
                    if sql.type_of(value, tables) != "zoned":
                        continue
                    name = next((c.name for c in value.find_all(exp.Column)), value.sql())
                    line = next((i.meta["line"] for i in found.find_all(exp.Identifier) if "line" in i.meta), None)
                    place = int(line) if line else sql.line_of_word(catalog.sql(node), name)
                    if place not in seen:
                        seen.add(place)
                        message = f"the day of `{name}`, a time with a time zone, depends on the session's time zone"
                        yield Found(path=node.path, line=place, message=message)


def _cuts(found: exp.Expr) -> bool:
    if isinstance(found, exp.Cast | exp.TryCast):
        return bool(found.to.this == exp.DataType.Type.DATE)
    if isinstance(found, exp.Extract):
        return found.this.name.lower() in {"day", "dow", "doy", "week", "month", "year", "quarter", "hour", "isodow"}
    return True


def incremental_doubles(project: Project) -> Iterator[Found]:
    """Incremental models that add the same rows again with every run."""
    for dbt in project.dbt:
        for node in _models(dbt):
            if node.materialized != "incremental" or node.config.get("unique_key"):
                continue
            strategy = str(
                node.config.get("incremental_strategy")
                or mapping(dbt.config.get("models")).get("+incremental_strategy")
                or ""
            )
            if (
                strategy in {"insert_overwrite", "microbatch", "delete+insert", "merge"}
                or "is_incremental" in node.text
            ):
                continue
            if "+unique_key" in str(dbt.config.get("models")) or "dbt_incremental" in node.text:
                continue
            line = max(1, next((n for n, x in enumerate(node.text.splitlines(), 1) if "incremental" in x), 1))
            message = f"`{node.name}` has neither `unique_key` nor `is_incremental()`: every run adds all rows again"
            yield Found(path=node.path, line=line, message=message)
