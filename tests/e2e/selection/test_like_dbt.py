"""Whatever is selected, the answer is the one of the real `dbt ls`: of tests, and of everything else on the way."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.selection import project
from tidegate.errors import UsageError
from tidegate.integrations import dbt_artifacts, dbt_selection
from tidegate.lineage import select
from tidegate.model import Selection

pytestmark = pytest.mark.slow

ASK = Path(__file__).with_name("dbt_ls.py")

SELECT = """
stg_orders|unique_stg_orders_order_id|customers_have_an_id|orders_add_up|customers_and_orders|shop|shop.staging
shop.staging.stg_orders|staging.stg_orders|staging|marts.fct_orders|geo|geo.countries|countries|shop.deep
shop.intermediate.nested|nested|int_order_lines|nothing_of_that_name|fqn:stg_orders|fqn:shop.marts.*|fqn:*orders*
stg_*|*customers*|shop.*.stg_*|shop.s[tx]aging|not_null_*|shop.staging.*|?tg_orders|mart.country|mar?.country|mart|country|marts.mart.country
revenue|revenue.v1|revenue_v2|revenue.v*|shop.marts.revenue|marts.revenue.v2|rev*|v2|v[12]|version:latest|version:old
version:prerelease|version:none|tag:nightly|tag:money|tag:core|tag:pii|tag:landing|tag:k*|tag:unit|tag:nope|tag:slow
path:models|path:models/staging|path:models/staging/|path:models/staging/stg_orders.sql|path:models/staging/*.yml
path:models/**/*.sql|path:models/marts/marts.yml|path:tests|path:tests/deep|path:seeds|path:nope|models/marts
models/intermediate/nested/int_order_lines.sql|./models/staging|path:models/*/nested|path:**/marts|path:dbt_packages|tests/
file:stg_orders.sql|file:stg_orders|file:*.yml|stg_orders.sql|rates.csv|file:marts
config.severity:warn|config.severity:ERROR|config.severity:Warn|config.materialized:view|config.materialized:ephemeral
config.enabled:true|config.enabled:false|config.tags:money|config.meta.owner:ann|config.meta.level:2|config.nope:x
config.contract.enforced:false|config.where:order_id|config.group:finance|config.materialized:incremental
source:raw|source:raw.orders|source:shop.raw.orders|source:*|source:raw.*|source:c*|source:geo.raw.orders
package:shop|package:geo|package:this|package:g*|resource_type:test|resource_type:unit_test|resource_type:model
resource_type:source|resource_type:exposure|resource_type:seed|resource_type:snapshot|test_type:generic|test_type:singular
test_type:unit|test_type:data|test_type:schema|test_name:not_null|test_name:is_positive|test_name:not_*|test_name:revenue_is_two
unit_test:revenue_is_two|unit_test:shop.revenue*|exposure:board|exposure:board*|exposure:shop.board|+exposure:board
group:finance|group:f*|access:public|access:protected
+stg_orders|stg_orders+|+stg_orders+|1+fct_orders|2+fct_orders|fct_orders+1|stg_orders+2|2+fct_orders+1|@stg_orders|@rates
+fct_orders|0+fct_orders|@source:raw.orders|source:raw+|source:raw.orders+1|+tag:core|tag:nightly+|1+exposure:board
+orders_add_up|1+orders_add_up|orders_add_up+|+test_type:singular|@customers_and_orders|+unit_test:revenue_is_two
stg_orders,tag:money|stg_orders+,test_name:unique|tag:core,tag:slow|tag:nightly,config.severity:warn|+fct_orders,source:raw
test_type:generic,stg_customers|config.severity:warn,test_type:singular|path:models/staging,resource_type:test|stg_orders,fct_orders
stg_orders fct_orders|tag:core tag:money|stg_orders,test_name:unique stg_customers,test_name:not_null|source:raw,+fct_orders rates
"""
"""Specs, `|` between them."""

EXCLUDE = [
    (["stg_orders"], ["tag:money"]),
    (["+fct_orders"], ["source:raw", "test_name:unique"]),
    ([], ["stg_orders+"]),
    ([], ["test_type:generic"]),
    ([], ["config.severity:warn", "package:geo"]),
    (["tag:core"], ["orders_add_up"]),
    (["stg_customers"], ["test_name:relationships test_name:unique"]),
    (["@stg_orders"], ["fct_orders+,test_type:generic"]),
    (["source:*"], ["source:raw"]),
    (["fct_orders"], ["+fct_orders"]),
]

INDIRECT = ["stg_orders", "stg_customers", "fct_orders+", "stg_orders stg_customers", "source:raw.orders", "tag:nightly",
            "stg_customers,tag:nightly", "stg_orders,tag:nightly stg_customers", "+fct_orders", "int_order_lines", "rates"]  # fmt: skip

REFUSED = [
    "bogus:x",
    "@stg_orders+",
    "resource_type:tests",
    "test_type:odd",
    "source:a.b.c.d",
    "state:modified",
    "version:new",
]

SELECTORS = ["core", "money", "around", "at", "nightly", "most", "both"]

STATES = ["new", "old", "modified", "unmodified", "modified.body", "modified.configs", "modified.relation",
          "modified.persisted_descriptions", "modified.macros", "modified.contract"]  # fmt: skip


def _asked() -> list[Selection]:
    specs = [s for s in SELECT.replace("\n", "|").split("|") if s]
    asked = [Selection(select=(s,)) for s in specs]
    asked += [Selection(select=tuple(s), exclude=tuple(e)) for s, e in EXCLUDE]
    modes = ("cautious", "buildable", "empty")
    asked += [Selection(select=(s,), indirect=mode) for s, mode in itertools.product(INDIRECT, modes)]
    asked += [Selection(exclude=("stg_orders",), indirect=mode) for mode in modes]
    asked += [Selection(selector=name, indirect=mode) for name, mode in itertools.product(SELECTORS, ("eager", *modes))]
    return asked


ASKED = _asked()


def words(asked: Selection) -> list[str]:
    """The same for `dbt ls`."""
    said = ["--indirect-selection", asked.indirect]
    for flag, specs in (("--select", asked.select), ("--exclude", asked.exclude)):
        said += [flag, *specs] if specs else []
    said += ["--selector", asked.selector] if asked.selector else []
    return said


@dataclass(frozen=True, kw_only=True)
class Dbt:
    """A dbt project and what its own dbt answered, by what was asked."""

    manifest: Mapping[str, object]
    answers: Mapping[str, Sequence[str] | None]


def ask(root: Path, questions: Sequence[Sequence[str]]) -> list[Sequence[str] | None]:
    env = os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_USE_COLORS": "false"}
    done = subprocess.run(
        [sys.executable, str(ASK)], cwd=root, env=env, input=json.dumps(questions), capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    answers: list[Sequence[str] | None] = json.loads(done.stderr.rpartition("\x1e")[2])
    return answers


@pytest.fixture(scope="module")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    root = tmp_path_factory.mktemp("selection") / "transform"
    project.write(root)
    questions = [*map(words, ASKED), *(["--select", r] for r in REFUSED)]
    answers = ask(root, questions)
    manifest = dbt_artifacts.read_manifest(root / "target")
    return Dbt(manifest=manifest, answers={json.dumps(q): a for q, a in zip(questions, answers, strict=True)})


@pytest.mark.parametrize("asked", ASKED, ids=lambda a: " ".join(words(a)[1:]))
def test_the_answer_is_dbts(dbt: Dbt, asked: Selection) -> None:
    theirs = dbt.answers[json.dumps(words(asked))]
    assert theirs is not None
    selectors = dbt_selection.selectors(dbt.manifest)
    ours = select(dbt_selection.selectables(dbt.manifest, folder="transform"), asked, selectors)
    assert sorted(ours) == sorted(theirs)


CHANGES = {
    "models/staging/stg_customers.sql": ("name, country", "upper(name) as name, country"),
    "models/staging/staging.yml": ("severity: warn, tags: [money, slow]", "severity: error, tags: [money]"),
    "models/staging/sources.yml": ("schema: crm\n    tables:", "schema: crm2\n    tables:\n      - {name: leads}"),
    "snapshots/snap.yml": (
        "data_tests: [not_null]",
        "data_tests: [{not_null: {config: {alias: other, meta: {a: 1}}}}]",
    ),
    "models/marts/marts.yml": ("contract: {enforced: false}", "materialized: view, persist_docs: {relation: true}"),
    "models/marts/revenue_v3.sql": ("select 3", "{{ config(alias='r3') }} select 3"),
    "seeds/rates.csv": ("1.1", "1.2"),
    "macros/tests.sql": ("100{% endmacro %}", "1000{% endmacro %}"),
    "tests/orders_add_up.sql": ("where false", "where 1 = 0"),
    "vendor/geo/models/geo.yml": ("tags: [reference]", "tags: [reference, world]"),
}
"""What is another in the project than in the state that it is compared with: files, texts and their replacements."""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A project that was changed since a state was kept, and what dbt says to `state:`."""

    manifest: Mapping[str, object]
    loaded: Mapping[str, str]
    state: Path
    answers: Mapping[str, Sequence[str] | None]


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Changed:
    root = tmp_path_factory.mktemp("state") / "transform"
    project.write(root)
    ask(root, [])
    state = Path(shutil.copytree(root / "target", root.parent / "state"))
    for name, (old, new) in CHANGES.items():
        path = root / name.replace("vendor/", "dbt_packages/")
        text = path.read_text(encoding="utf-8")
        assert old in text, name
        path.write_text(text.replace(old, new), encoding="utf-8")
    (root / "models/staging/stg_new.sql").write_text("select * from {{ source('crm', 'accounts') }}", encoding="utf-8")
    (root / "models/marts/revenue_v1.sql").write_text("select 1 as revenue", encoding="utf-8")
    exposure = "exposures: [{name: board_new, type: dashboard, owner: {name: ann}, depends_on: [ref('stg_new')]}]\n"
    (root / "models/new.yml").write_text(exposure, encoding="utf-8")
    results = {"stg_orders": "success", "fct_orders": "error"}
    rows = [{"unique_id": f"model.shop.{name}", "status": status} for name, status in results.items()]
    rows.append({"unique_id": "test.shop.orders_add_up", "status": "fail"})
    empty = {
        "timing": [],
        "thread_id": "",
        "execution_time": 0,
        "adapter_response": {},
        "message": None,
        "failures": None,
    }
    empty |= {"compiled": True, "compiled_code": "", "relation_name": None}
    metadata = {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json", "invocation_id": "x"}
    document = {"metadata": metadata, "results": [row | empty for row in rows], "elapsed_time": 0, "args": {}}
    (state / "run_results.json").write_text(json.dumps(document), encoding="utf-8")
    (state / "sources.json").write_text(freshness(SOURCES_BEFORE), encoding="utf-8")
    (root / "target/sources.json").write_text(freshness(SOURCES_NOW), encoding="utf-8")
    answers = ask(root, [["--select", s, "--state", str(state)] for s in STATE_SPECS])
    manifest = dbt_artifacts.read_manifest(root / "target")
    loaded = dbt_artifacts.read_loaded(root / "target")
    return Changed(manifest=manifest, loaded=loaded, state=state, answers=dict(zip(STATE_SPECS, answers, strict=True)))


SOURCES_BEFORE = {
    "source.shop.raw.orders": "2026-05-01T00:00:00Z",
    "source.shop.raw.customers": "2026-05-01T00:00:00Z",
    "source.shop.gone.table": "2026-05-01T00:00:00Z",
}
SOURCES_NOW = {
    "source.shop.raw.orders": "2026-05-01T02:00:00.5+01:00",
    "source.shop.raw.customers": "2026-05-01T00:00:00+00:00",
    "source.shop.crm.accounts": "2020-01-01T00:00:00Z",
    "source.geo.raw.orders": None,
}
"""The newest time in each source; None where dbt could not tell."""


def freshness(newest: Mapping[str, str | None]) -> str:
    """What `dbt source freshness` writes to sources.json."""
    known = {
        "snapshotted_at": "2026-05-02T00:00:00Z",
        "max_loaded_at_time_ago_in_s": 1.0,
        "status": "pass",
        "criteria": {},
    }
    known |= {"adapter_response": {}, "timing": [], "thread_id": "", "execution_time": 0.1}
    rows = [
        {"unique_id": i, "error": "no", "status": "runtime error"}
        if at is None
        else known | {"unique_id": i, "max_loaded_at": at}
        for i, at in newest.items()
    ]
    version = {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json",
        "generated_at": "2026-05-02T00:00:00Z",
    }
    return json.dumps({"metadata": version | {"invocation_id": "y"}, "results": rows, "elapsed_time": 0.1})


STATE_SPECS = [
    *(f"state:{s}" for s in STATES),
    "state:modified+",
    "state:modified,test_type:generic",
    "1+state:new",
    "state:odd",
    "state:body",
    "result:fail",
    "result:error+",
    "result:pass",
    "source_status:fresher",
    "source_status:fresher+",
    "source_status:fresher,source:raw",
    "2+fct_orders,source_status:fresher+",
    "source_status:pass",
]


@pytest.mark.parametrize("spec", STATE_SPECS)
def test_what_changed_is_what_dbt_calls_changed(changed: Changed, spec: str) -> None:
    theirs = changed.answers[spec]
    before = dbt_selection.read_state(changed.state)
    asked = Selection(select=(spec,), before=before.nodes, results=before.results, loaded=before.loaded)
    nodes = dbt_selection.selectables(changed.manifest, folder="transform", loaded=changed.loaded)
    if theirs is None:
        with pytest.raises(UsageError):
            select(nodes, asked)
    else:
        assert sorted(select(nodes, asked)) == sorted(theirs)


@pytest.mark.parametrize("spec", REFUSED)
def test_what_dbt_refuses_is_refused(dbt: Dbt, spec: str) -> None:
    assert dbt.answers[json.dumps(["--select", spec])] is None
    with pytest.raises(UsageError):
        select(dbt_selection.selectables(dbt.manifest), Selection(select=(spec,)))


def test_the_questions_are_worth_asking(dbt: Dbt) -> None:
    answers = [a for a in dbt.answers.values() if a is not None]
    assert len(answers) > 150
    assert len({tuple(a) for a in answers}) > 75
    assert sum(not a for a in answers) > 5
