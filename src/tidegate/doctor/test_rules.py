"""Rules about dbt's tests: models without any, tests that cannot fail, that are switched off, and that never ran."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from tidegate.checks import CHECKS
from tidegate.doctor.dbt_project import DbtProject, DeclaredTest, Node
from tidegate.doctor.facts import Project
from tidegate.doctor.rule import Edit, Found
from tidegate.doctor.words import Raw, entries, first_line, joined, mapping, texts, under
from tidegate.model import Check, DatasetRef

FALSE = re.compile(r"^\(?\s*(?:false|0|1\s*=\s*0|0\s*=\s*1|1\s*=\s*2|1\s*(?:<>|!=)\s*1|null)\s*\)?$", re.IGNORECASE)
TRUE = re.compile(r"^\(?\s*(?:true|1\s*=\s*1|0\s*=\s*0|1)\s*\)?$", re.IGNORECASE)
NEVER = re.compile(
    r"\b(?:where|having|and)\s+(?:false|1\s*=\s*0|0\s*=\s*1|1\s*=\s*2)\b(?!\s+or\b)|\blimit\s+0\s*;?\s*$", re.IGNORECASE
)
NEGATIVE = re.compile(r"^\s*(?:<\s*0|<=\s*-\d+|=\s*-\d+)\s*$")
COMMENTS = re.compile(r"\{#.*?#\}|/\*.*?\*/|--[^\n]*", re.DOTALL)
CONFIGS = re.compile(r"\{\{-?\s*config\s*\(.*?\)\s*-?\}\}", re.DOTALL)
MISSPELT = ("test", "data_test", "data-tests", "datatests", "dbt_tests", "Tests", "test_s", "tets", "testes")
ITSELF = {
    "relationships": ("to", "field"),
    "dbt_utils.equality": ("compare_model", None),
    "dbt_utils.equal_rowcount": ("compare_model", None),
    "dbt_utils.cardinality_equality": ("to", "field"),
    "dbt_utils.relationships_where": ("to", "field"),
}


def untested_models(project: Project) -> Iterator[Found]:
    """Models that no test of any kind looks at."""
    for dbt in project.dbt:
        seen = {
            t.owner.name for t in dbt.tests if t.owner.source is None and not _is_off(t.config.get("enabled", True))
        }
        seen |= {name for n in dbt.of("test") if n.is_enabled for name in n.refs} | {
            model for _, model in dbt.unit_tests
        }
        seen |= {d.name for d in dbt.described if _is_constrained(d.content)}
        seen |= {re.sub(r"_v\d+$", "", name) for name in seen}
        for node in dbt.of("model"):
            plain = re.sub(r"[_.]v\d+$", "", node.name)
            if node.is_enabled and node.materialized != "ephemeral" and not {node.name, plain} & seen:
                yield Found(path=node.path, line=1, message=f"no test looks at the model `{node.name}`")


def _is_constrained(said: Raw) -> bool:
    contract = mapping(mapping(said.get("config")).get("contract") or said.get("contract"))
    constraints = bool(said.get("constraints")) or any(c.get("constraints") for c in entries(said.get("columns")))
    return contract.get("enforced") is True and constraints


def _is_off(value: object) -> bool:
    return str(value).strip("'\" ").lower() == "false"


def cannot_fail(project: Project) -> Iterator[Found]:
    """Tests that pass whatever the data says."""
    for dbt in project.dbt:
        for t in dbt.tests:
            for because in dict.fromkeys(_reasons(t)):
                yield Found(path=t.path, line=t.line, message=f"test `{t.name}` of {_whose(t)} cannot fail: {because}")
        for node in dbt.of("test"):
            if node.is_enabled and (because := _singular(node)):
                yield Found(
                    path=node.path, line=_first_code(node.text), message=f"test `{node.name}` cannot fail: {because}"
                )


def _whose(t: DeclaredTest) -> str:
    owner = f"{t.owner.source}.{t.owner.name}" if t.owner.source else t.owner.name
    return f"`{owner}.{t.column}`" if t.column else f"`{owner}`"


def _reasons(t: DeclaredTest) -> Iterator[str]:
    where = str(t.config.get("where") or t.arguments.get("row_condition") or "")
    if FALSE.match(where.strip()):
        yield f"its condition `{where}` leaves no row"
    if t.name in {"not_null", "dbt_expectations.expect_column_values_to_not_be_null"} and t.column:
        if (
            re.search(rf"\b{re.escape(t.column)}\s+is\s+not\s+null\b", where, re.IGNORECASE)
            and " or " not in where.lower()
        ):
            yield f"its condition `{where}` leaves out what it looks for"
    if str(t.config.get("severity", "")).lower() == "warn" and t.config.get("error_if") is not None:
        yield "with `severity: warn` dbt does not look at `error_if`, so it can only warn"
    if NEGATIVE.match(str(t.config.get("error_if") or "")) and (
        t.config.get("warn_if") is None or NEGATIVE.match(str(t.config["warn_if"]))
    ):
        yield f"`error_if: {t.config['error_if']}`, and a number of failures is never negative"
    if str(t.config.get("limit", "")) == "0":
        yield "`limit: 0` takes every failing row away"
    if str(t.config.get("fail_calc", "")).strip() in {"0", "'0'"}:
        yield "`fail_calc: 0` counts no failure"
    if because := _itself(t):
        yield because
    rule = NARROW.get(t.name.rpartition(".")[2])
    if rule and (because := rule(t.arguments)):
        yield because
    yield from _known_blind(t)


def _itself(t: DeclaredTest) -> str:
    if t.name not in ITSELF:
        return ""
    argument, column = ITSELF[t.name]
    said = str(t.arguments.get(argument) or "")
    own = f"source('{t.owner.source}', '{t.owner.name}')" if t.owner.source else f"ref('{t.owner.name}')"
    same = re.sub(r"\s", "", said.replace('"', "'")) == re.sub(r"\s", "", own)
    return "it compares with itself" if same and (column is None or str(t.arguments.get(column)) == t.column) else ""


def _known_blind(t: DeclaredTest) -> Iterator[str]:
    """What the catalogue of checks knows of a test's kind, where the arguments alone decide it."""
    kind = CHECKS.get(t.name)
    if kind is None:
        return
    check = Check(
        id=t.name,
        name=t.name,
        dataset=DatasetRef(namespace=t.owner.source or "", name=t.owner.name),
        kind=t.name,
        column=t.column,
        arguments={k: v for k, v in t.arguments.items() if k in kind.arguments and v is not None},
    )
    yield from (
        fault.says for fault in kind.blind if fault.rows is None and fault.counted is None and fault.when(check)
    )


def _expression(said: Raw) -> str:
    expression = str(said.get("expression", ""))
    return f"`{expression}` is true of every row" if TRUE.match(expression.strip()) else ""


def _from_zero(said: Raw) -> str:
    low, high = said.get("min_value"), said.get("max_value")
    return "a number of rows is never below 0, and there is no upper bound" if low == 0 and high is None else ""


def _proportion(said: Raw) -> str:
    return (
        "a share of at least 0 is always there"
        if said.get("at_least") == 0 and said.get("at_most") in (None, 1, 1.0)
        else ""
    )


def _share(said: Raw) -> str:
    return (
        "a share always is between 0 and 1"
        if (said.get("min_value"), said.get("max_value")) in {(0, 1), (0, None)}
        else ""
    )


NARROW: Mapping[str, Callable[[Raw], str]] = {
    "expression_is_true": _expression,
    "expect_table_row_count_to_be_between": _from_zero,
    "expect_column_unique_value_count_to_be_between": _from_zero,
    "not_null_proportion": _proportion,
    "expect_column_proportion_of_unique_values_to_be_between": _share,
}
"""Why arguments of a kind of test, by its name without the package, leave it nothing to fail by."""


def _singular(node: Node) -> str:
    plain = CONFIGS.sub("", COMMENTS.sub("", node.text)).strip()
    if not plain:
        return "there is nothing in it but comments"
    if NEVER.search(plain):
        return f"`{(NEVER.search(plain) or [''])[0].strip()}` leaves no row"
    limit = re.search(r"error_if\s*=\s*['\"]([^'\"]*)", node.text)
    if "severity" in node.config and str(node.config["severity"]).lower() == "warn" and limit:
        return "with `severity: warn` dbt does not look at `error_if`, so it can only warn"
    return ""


def _first_code(text: str) -> int:
    found = NEVER.search(text)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def switched_off(project: Project) -> Iterator[Found]:
    """Tests that are disabled, one by one or all at once, and tests that were turned into comments."""
    for dbt in project.dbt:
        for t in dbt.tests:
            if _is_off(t.config.get("enabled", True)):
                yield Found(path=t.path, line=t.line, message=f"test `{t.name}` of {_whose(t)} is disabled")
        for node in dbt.of("test"):
            if not node.is_enabled and "enabled" in node.text:
                line = first_line(node.text, r"\benabled\b")
                yield Found(path=node.path, line=line, message=f"test `{node.name}` is disabled")
        for key in ("data_tests", "tests"):
            yield from _all_off(dbt, mapping(dbt.config.get(key)), (key,))
        for path in dbt.properties:
            yield from _commented(path, project.text(path))


def _all_off(dbt: DbtProject, said: Raw, loc: tuple[str, ...]) -> Iterator[Found]:
    for name, value in said.items():
        if name in {"+enabled", "enabled"} and _is_off(value):
            yield Found(
                path=dbt.file, line=dbt.document.line(*loc, name), message=f"`{'.'.join(loc)}` disables its tests"
            )
        elif name in {"+severity", "severity"} and str(value).lower() == "warn":
            message = f"`{'.'.join(loc)}` lets its tests only warn, so none can fail"
            yield Found(path=dbt.file, line=dbt.document.line(*loc, name), message=message)
        yield from _all_off(dbt, mapping(value), (*loc, name))


COMMENTED = re.compile(
    r"^\s*#\s*(?:data_tests|tests):\s*(?:\[.*\])?\s*$|^\s*#\s*-\s*(?:unique|not_null|relationships:?|accepted_values:?|dbt_(?:utils|expectations)\.\w+:?)\s*$"
)


def _commented(path: str, text: str) -> Iterator[Found]:
    before = -2
    for number, line in enumerate(text.splitlines(), start=1):
        if COMMENTED.match(line):
            if number != before + 1:
                yield Found(path=path, line=number, message=f"a test was made a comment: `{line.strip(' #')}`")
            before = number


def ignored_keys(project: Project) -> Iterator[Found]:
    """Tests under a key that dbt does not read, and tests in a folder that it does not look into."""
    for dbt in project.dbt:
        for d in dbt.described:
            owners = [((), d.content), *((("columns", n), c) for n, c in enumerate(entries(d.content.get("columns"))))]
            for loc, said in owners:
                for key in MISSPELT:
                    if isinstance(said.get(key), list):
                        edit = _renamed(project, d.path, d.at(*loc, key), key)
                        message = f"dbt does not read `{key}`: the tests of `{d.name}` under it never run"
                        yield Found(path=d.path, line=d.at(*loc, key), message=message, edit=edit)
        places = [joined(dbt.folder, p) for p in texts(dbt.config.get("test-paths") or ["tests"])]
        tests = joined(dbt.folder, "tests")
        if any(under(tests, p) or under(p, tests) for p in places):
            continue
        for path in project.below(tests):
            if path.endswith(".sql") and re.search(r"\bselect\b", project.text(path), re.IGNORECASE):
                message = f"dbt looks for tests in {', '.join(f'`{p}`' for p in places)}, so this one never runs"
                yield Found(path=path, line=1, message=message)


def _renamed(project: Project, path: str, line: int, key: str) -> Edit:
    old = project.text(path).splitlines()[line - 1]
    return Edit(path=path, first=line, last=line, lines=(old.replace(f"{key}:", "data_tests:", 1),))


def never_executed(project: Project) -> Iterator[Found]:
    """Declared tests that dbt's last whole build or test left out."""
    for dbt in project.dbt:
        results, manifest = dbt.artifacts.run_results, dbt.artifacts.manifest
        args = mapping(results.get("args"))
        if str(args.get("which")) not in {"build", "test"} or not manifest:
            continue
        if any(args.get(k) for k in ("select", "models", "selector", "selector_name")):
            continue
        ended = {str(r.get("unique_id")): str(r.get("status")) for r in entries(results.get("results"))}
        if not ended or any(s in {"error", "fail"} for s in ended.values()):
            continue
        nodes = {k: mapping(v) for k, v in mapping(manifest.get("nodes")).items()}
        own = str(mapping(manifest.get("metadata")).get("project_name", dbt.name))
        for unique_id, raw in nodes.items():
            if raw.get("resource_type") != "test" or unique_id in ended or str(raw.get("package_name", own)) != own:
                continue
            path, line = _place(project, dbt, raw)
            message = f"test `{raw.get('name')}` is declared and was not executed by `dbt {args['which']}`"
            yield Found(path=path, line=line, message=message)


def _place(project: Project, dbt: DbtProject, raw: Raw) -> tuple[str, int]:
    path = joined(dbt.folder, str(raw.get("original_file_path") or "dbt_project.yml"))
    test = mapping(raw.get("test_metadata")).get("name")
    for t in dbt.tests:
        if (
            t.path == path
            and t.name.rpartition(".")[2] == test
            and (not raw.get("column_name") or t.column == raw.get("column_name"))
        ):
            if fnmatchcase(str(raw.get("name")), f"*{t.owner.name}*"):
                return path, t.line
    return (path, 1) if path in project.tree.texts else (dbt.file, 1)


def files_of_tests(project: Project) -> tuple[str, ...]:
    """The Python files that pytest would look into, by its default names."""
    return tuple(
        p
        for p in project.tree.texts
        if fnmatchcase(PurePosixPath(p).name, "test_*.py") or fnmatchcase(PurePosixPath(p).name, "*_test.py")
    )
