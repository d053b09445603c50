"""Single rules where the corpus does not reach: dbt's artifacts, layouts of other projects, readings of SQL and requirements."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tidegate.doctor import RULES, Artifacts, Document, Found, Project, Tree
from tidegate.doctor.automation import runs_tests
from tidegate.doctor.containers import Dockerfile, dockerfiles
from tidegate.doctor.data_rules import is_money
from tidegate.doctor.requirement import Requirement
from tidegate.doctor.sql import Columns, columns, family, read, relations
from tidegate.integrations.yaml_files import read_marked


def project(files: Mapping[str, str], artifacts: Artifacts | None = None) -> Project:
    marked = {p: read_marked(t, name=p) for p, t in files.items() if p.endswith((".yml", ".yaml"))}
    documents = {
        p: Document(content=m.content, lines={loc: place[0] for loc, place in m.places.items()})
        for p, m in marked.items()
    }
    tree = Tree(files=tuple(files), present=tuple(files), is_repository=True, texts=dict(files), documents=documents)
    return Project(tree=tree, artifacts={".": artifacts} if artifacts else {})


def found(code: str, files: Mapping[str, str], artifacts: Artifacts | None = None) -> list[Found]:
    judge = RULES[code].judge
    assert judge is not None
    return list(judge(project(files, artifacts)))


DBT = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\n",
    "models/a.sql": "select 1 as id",
    "models/a.yml": "models:\n  - name: a\n    columns:\n      - name: id\n        data_tests: [unique, not_null]\n",
}


def artifacts(which: str, *ended: tuple[str, str], **args: object) -> Artifacts:
    nodes = {
        f"test.shop.{name}_a_id": {
            "resource_type": "test", "name": f"{name}_a_id", "package_name": "shop", "column_name": "id",
            "original_file_path": "models/a.yml", "test_metadata": {"name": name},
        }
        for name in ("unique", "not_null")
    }  # fmt: skip
    results = [{"unique_id": f"test.shop.{name}_a_id", "status": status} for name, status in ended]
    return Artifacts(
        manifest={"metadata": {"project_name": "shop"}, "nodes": nodes},
        run_results={"args": {"which": which, **args}, "results": results},
    )


def test_a_declared_test_that_the_last_build_left_out_is_told_at_its_line() -> None:
    (told,) = found("dbt-test-never-executed", DBT, artifacts("build", ("unique", "pass")))
    assert (told.path, told.line) == ("models/a.yml", 5)
    assert "not_null_a_id" in told.message


@pytest.mark.parametrize(
    "left",
    [
        artifacts("build", ("unique", "pass"), ("not_null", "pass")),
        artifacts("run", ("unique", "pass")),
        artifacts("build", ("unique", "pass"), select=["a"]),
        artifacts("build", ("unique", "fail")),
        Artifacts(),
    ],
    ids=["all ran", "dbt run", "a selection", "what failed stopped it", "no artifacts"],
)
def test_a_build_that_could_not_or_need_not_run_all_tests_is_fine(left: Artifacts) -> None:
    assert found("dbt-test-never-executed", DBT, left) == []


def test_a_build_of_nothing_is_told() -> None:
    assert [f.path for f in found("dbt-selects-nothing", DBT, artifacts("build"))] == ["dbt_project.yml"]


@pytest.mark.parametrize(
    ("project_yml", "folder"),
    [
        ("name: old\nversion: '1.0'\nconfig-version: 2\nsource-paths: [sql]\n", "sql"),
        ("name: new\nmodel-paths: ['models', 'more/models']\n", "more/models"),
        ("name: plain\n", "models"),
    ],
)
def test_models_are_found_where_the_project_keeps_them(project_yml: str, folder: str) -> None:
    files = {
        "dbt_project.yml": project_yml,
        f"{folder}/x/m.sql": "select 1 as id",
        f"{folder}/x/m.yml": "models: [{name: m}, {name: n}]\n",
    }
    (dbt,) = project(files).dbt
    assert {n.name for n in dbt.of("model")} == {"m"}
    assert [f.message for f in found("dbt-unknown-node", files)] == ["there is no model `n`; did you mean `m`?"] or [
        f.message for f in found("dbt-unknown-node", files)
    ] == ["there is no model `n`"]


def test_a_project_that_another_uses_as_a_package_is_not_looked_at_by_itself() -> None:
    files = DBT | {
        "packages.yml": "packages:\n  - local: lib\n",
        "lib/dbt_project.yml": "name: lib\n",
        "lib/models/x.sql": "select 1",
    }
    assert [d.folder for d in project(files).dbt] == ["."]


def test_a_package_names_no_profile_and_may() -> None:
    files = {"dbt_project.yml": "name: lib\n", "models/x.sql": "select 1", "integration_tests/profiles.yml": "ci: {}\n"}
    assert found("dbt-unknown-profile", files) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("select * from raw.orders", [("raw", "orders")]),
        ('select * from "Raw"."Orders" as o join dim.dates d on true', [("raw", "orders"), ("dim", "dates")]),
        ("select * from `proj.raw.orders`", [("proj", "raw", "orders")]),
        ("select * from {{ ref('a') }} join {{ source('raw', 'b') }} using (id)", []),
        ("with a as (select 1), b as (select * from a) select * from b", []),
        ("select extract(day from o.at), substring(o.x from 2) from {{ ref('a') }} o", []),
        ("select x is distinct from o.y from {{ ref('a') }} as o", []),
        ("-- from raw.orders\nselect 'from raw.orders' from {{ ref('a') }}", []),
        ("select * from {{ ref('a') }} as o, o.items", []),
        ("select * from read_csv('x.csv')", []),
        ("select * from {{ this }}", []),
        ("{% set t = 'x' %}select * from {{ t }} join raw.orders using (id)", [("raw", "orders")]),
    ],
)
def test_the_relations_that_sql_writes_out(text: str, named: list[tuple[str, ...]]) -> None:
    assert [r.parts for r in relations(read(text, "duckdb")) if len(r.parts) > 1] == named


@pytest.mark.parametrize(
    ("text", "names", "whole"),
    [
        ("select a, b as c from x", {"a", "c"}, True),
        ("with t as (select a, b from x) select *, 1 as n from t", {"a", "b", "n"}, True),
        ("select * from x", {"k"}, True),
        ("select * from unknown", set(), False),
        ("select * exclude (k), 2 as m from x", {"m"}, True),
        ("select a from x union all select b from x", {"a"}, True),
        ("select {{ macro() }} from x", set(), False),
        ("select * from (select a as z from x) as s", {"z"}, True),
        ("select count(*) from x", set(), False),
        ("select x.*, y.a from x join (select a from x) as y on true", {"k", "a"}, True),
    ],
)
def test_the_columns_that_a_model_returns(text: str, names: set[str], whole: bool) -> None:
    known = {"x": Columns({"k": "number"}, whole=True)}
    told = columns(read(text, "duckdb"), lambda name: known.get(name, Columns()))
    assert (set(told.types) if told.whole or names else set(), told.whole) == (names, whole)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("varchar(10)", "text"), ("STRING", "text"), ("int64", "number"), ("NUMBER(38,0)", "number"), ("float8", "float"),
     ("timestamp with time zone", "zoned"), ("timestamp_ntz", "instant"), ("date", "date"), ("no such type", None)],
)  # fmt: skip
def test_the_family_of_a_type(kind: str, name: str | None) -> None:
    assert family(kind) == name


@pytest.mark.parametrize("name", ["amount", "total_price", "unitPrice", "net_revenue_eur", "shipping_cost", "fee"])
def test_names_of_money(name: str) -> None:
    assert is_money(name)


@pytest.mark.parametrize(
    "name", ["discount_rate", "price_index", "order_count", "amount_pct", "latitude", "cost_score", "payment_date"]
)
def test_names_that_are_no_money(name: str) -> None:
    assert not is_money(name)


@pytest.mark.parametrize(
    ("script", "runs"),
    [
        ("pytest", True), ("python -m pytest -q tests", True), ("uv run pytest", True), ("dbt build --target ci", True),
        ("dbt --no-use-colors test", True), ("make test", True), ("tox -e py312", True), ("poetry run pytest", True),
        ("pip install pytest", False), ("pip install pytest==8.0 pytest-cov", False), ("echo 'run pytest'", False),
        ("dbt run", False), ("# pytest", False), ("cat tests/test_a.py", False), ("dbt compile", False),
        ("dbt deps && \\\n  dbt build", True), ("uv add --dev pytest", False), ("./scripts/deploy.sh", False),
        ("tidegate ci run unit", True), ("tidegate ci run deploy", False), ("tidegate ci init --provider github", False),
    ],
)  # fmt: skip
def test_what_runs_tests(script: str, runs: bool) -> None:
    assert runs_tests(script) is runs


@pytest.mark.parametrize(
    ("spec", "exact", "bounded"),
    [("==1.2", True, True), ("===1.2", True, True), ("==1.*", False, True), ("~=1.2", False, True), (">=1,<2", False, True),
     ("<2", False, True), ("^1.2", False, True), (">=1", False, False), ("", False, False), ("!=1.3", False, False),
     ("@ git+https://x/y@0123abc", True, True)],
)  # fmt: skip
def test_how_exactly_a_requirement_says_its_version(spec: str, exact: bool, bounded: bool) -> None:
    asked = Requirement(name="a", spec=spec, path="requirements.txt", line=1)
    assert (asked.is_exact, asked.is_bounded) == (exact, bounded)


def dockerfile(text: str) -> Dockerfile:
    (made,) = dockerfiles(project({"Dockerfile": text}))
    return made


def test_a_dockerfile_is_read_with_continued_lines_comments_and_here_documents() -> None:
    made = dockerfile(
        "# syntax=docker/dockerfile:1\nFROM a:1 AS build\nRUN pip install \\\n    # why\n    dlt==1.0\n\n"
        "RUN <<EOF\nUSER root\nEOF\nFROM build\nUSER app\n"
    )
    assert [(i.word, i.line, i.stage) for i in made.instructions] == [
        ("FROM", 2, 0), ("RUN", 3, 0), ("RUN", 7, 0), ("FROM", 10, 1), ("USER", 11, 1),
    ]  # fmt: skip
    assert [i.word for i in made.chain()] == ["FROM", "RUN", "RUN", "FROM", "USER"]
    assert "dlt==1.0" in made.instructions[1].value


def test_an_image_by_an_argument() -> None:
    made = dockerfile("ARG TAG=3.12\nFROM python:${TAG}\n")
    assert made.image("python:${TAG}") == "python:3.12"


def test_workflows_of_one_text_trigger_and_jobs_that_call_others() -> None:
    called = "name: x\non: workflow_call\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps: [{run: pytest}]\n"
    assert found("ci-no-permissions", {".github/workflows/x.yml": called}) == []
    caller = "on: push\njobs:\n  a:\n    uses: org/repo/.github/workflows/ci.yml@main\n"
    assert [f.line for f in found("ci-unpinned-action", {".github/workflows/x.yml": caller})] == [4]
    assert [f.line for f in found("ci-no-permissions", {".github/workflows/x.yml": caller})] == [2]


@pytest.mark.parametrize(
    ("run", "tolerated"),
    [
        ("pytest || true", True), ("pytest || echo failed", True), ("pytest; true", True), ("pytest | tee out.txt", True),
        ("set +e\npytest\necho done", True), ("set -o pipefail\npytest | tee out.txt", False),
        ("set +e\npytest\ncode=$?\nexit $code", False), ("pytest || exit 1", False), ("rm -f x || true\npytest", False),
    ],
)  # fmt: skip
def test_what_swallows_a_failure(run: str, tolerated: bool) -> None:
    indented = run.replace("\n", "\n          ")
    text = f"on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: |\n          {indented}\n"
    assert bool(found("ci-failure-tolerated", {".github/workflows/x.yml": text})) is tolerated


@pytest.mark.parametrize(
    ("code", "loads"),
    [
        ("import dlt\np = dlt.pipeline('a')\np.run([1])", True),
        ("import dlt\ndlt.pipeline('a').run([1])", True),
        ("import dlt\ndef go():\n    dlt.pipeline('a').run([1])\nif True:\n    go()", True),
        ("import subprocess\nsubprocess.run(['dbt', 'build'])", True),
        ("import duckdb\nduckdb.connect('a.duckdb').execute('create table x as select 1')", True),
        ("from dbt.cli.main import dbtRunner\ndbtRunner().invoke(['build'])", True),
        ("import dlt\nif __name__ == '__main__':\n    dlt.pipeline('a').run([1])", False),
        ("import dlt\ndef go():\n    dlt.pipeline('a').run([1])", False),
        ("import subprocess\nsubprocess.run(['git', 'status'])", False),
        ("import duckdb\nduckdb.connect('a.duckdb').execute('select 1')", False),
        ("import dlt\nload = lambda: dlt.pipeline('a').run([1])", False),
        ("import asyncio\nrunner = object()\nasyncio.run(runner)", False),
    ],
)
def test_what_importing_a_file_loads(code: str, loads: bool) -> None:
    assert bool(found("py-loads-at-import", {"load.py": code})) is loads
