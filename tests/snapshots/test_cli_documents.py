"""The shape of every `--json` document; `UPDATE_SNAPSHOTS=1` writes it again.

A field that goes or changes its meaning needs another `schema_version`; one that comes needs none.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import Enum
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

import pytest

import tidegate.model
from tests.e2e import small_demo, small_project
from tests.e2e.ci_project import commit, git
from tests.e2e.small_project import SmallProject, Told
from tidegate.app import templates
from tidegate.app.ci_init import Written
from tidegate.app.ci_pin import Pin
from tidegate.app.demo import STORIES, Act, Move, Scene, Story
from tidegate.app.docker import Containers
from tidegate.app.environments import Overview
from tidegate.app.init import Initialised
from tidegate.app.runbooks import Shown
from tidegate.app.samples import Loaded
from tidegate.config.environments import Value
from tidegate.model import ContractChange, DatasetRef, Drill, Event, Incident, Mute, Outcome, Remark, Settings, Version
from tidegate.services.alarm import Alarm
from tidegate.services.backtest import Backtest
from tidegate.services.check import CheckOutcome
from tidegate.services.closing import Reconciliation
from tidegate.services.contract import ContractTest
from tidegate.services.diff import TableDiff
from tidegate.services.doctor import Diagnosis
from tidegate.services.drill import Drilled, Past
from tidegate.services.ledger import LedgerAudit
from tidegate.services.notify import Flushed, Listing, Tried
from tidegate.services.plan import ScanPlan
from tidegate.services.portrait import Portrait
from tidegate.services.postmortem import Postmortem
from tidegate.services.promote import Promoted
from tidegate.services.reconcile import Comparison
from tidegate.services.recover import Plan, Recovered
from tidegate.services.run import RunOutcome
from tidegate.services.sample_set import SampleSet, Verified
from tidegate.services.slo import Levels
from tidegate.services.stages import Case
from tidegate.services.stats import Stats
from tidegate.services.status import Status
from tidegate.services.statuspage import Draft, StatusPage

FOLDER = Path(__file__).parent / "documents"
NOUNS = {name: getattr(tidegate.model, name) for name in tidegate.model.__all__}
"""Settings name some of them for type checkers alone."""
ERROR = {"code": str, "meaning": str, "exit_status": int, "http_status": int, "hint": str}
FAULT = {"name": str, "summary": str, "suits": tuple[str, ...], "magnitude": float, "unit": str}
CHECKS = """
products:
  revenue:
    {tables: [raw.orders], owner: a@example.com, tier: 1, consumers: [board], slo: {freshness: 24h, quality: 99.5%, availability: 99%},
     probes: [{sql: select 1}]}
tables:
  raw.orders: {key: [order_id], mask: [order_id]}
checks:
  - {table: raw.orders, rule: "amount < 140", on_fail: warn}
  - {table: raw.orders, not_null: email}
  - {table: raw.orders, row_count: {max: 1000}}
  - {name: sum, metric: "select sum(amount) from raw.orders", min: 0}
"""
NOTIFY = """
notify:
  - to: "webhook:http://127.0.0.1:9/x"
    quiet_hours: {start: "22:00", end: "06:00", days: [sat], unless: sev1}
  - {to: "file:out.jsonl", escalate_after: 15m, repeat_every: 1h, layers: [data], options: {}}
maintenance:
  - {start: "2026-06-01 22:00", end: "2026-06-01 23:00", reason: upgrade}
"""
CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: orders
version: '1'
status: active
schema:
  - name: orders
    quality: [{type: custom, engine: tidegate, implementation: {rule: "amount > 0"}}]
    properties:
      - {name: order_id, logicalType: integer, required: true, relationships: [{to: orders.order_id}]}
slaProperties: [{property: retention, value: 1, unit: y}]
"""
ENVIRONMENTS = """
environments:
  staging: {warehouse: {path: warehouses/staging}}
  prod: {learned: "off", promotion: {source: staging, approvals: {owner: []}}}
"""

DOCUMENTS: dict[str, object] = {
    "alarm": Alarm,
    "audit": LedgerAudit,
    "backtest": Backtest,
    "check": CheckOutcome,
    "containers": {"init": Initialised | None, "containers": Containers},
    "ci-init": Written,
    "ci-pin": {"pins": tuple[Pin, ...]},
    "ci-run": {
        "status": int,
        "stages": [{"stage": str, "outcome": Outcome, "seconds": float, "cases": tuple[Case, ...]}],
    },
    "ci-stages": {
        "stages": [{"name": str, "about": str, "tasks": [{"name": str, "folder": str, "command": tuple[str, ...]}]}],
        "left_out": dict[str, str],
    },
    "contract": {"path": str | None, "contract": dict[str, object]},
    "contract-diff": {
        "old": {"file": str, "id": str, "version": str},
        "new": {"file": str, "id": str, "version": str},
        "breaking": bool,
        "bump": str,
        "suggested_version": str,
        "bumped": str,
        "changes": tuple[ContractChange, ...],
    },
    "contract-lint": {"files": list[str], "errors": int, "remarks": tuple[Remark, ...]},
    "contract-test": ContractTest,
    "demo": {"held_every_fault": bool, "scenes": list[Scene], "moves": list[Move]},
    "doctor": Diagnosis,
    "diff": {"old": int, "new": int, "tables": tuple[TableDiff, ...]},
    "drill": {"drills": list[Drilled], "caught": int, "sent": tuple[Tried, ...]},
    "drill-history": {"name": str, "played": tuple[Past, ...]},
    "drills": {"drills": tuple[Drill, ...], "last": dict[str, Past], "faults": [FAULT]},
    "environments": Overview,
    "error": {"code": str, "message": str, "hint": str},
    "error-code": ERROR,
    "errors": {"errors": [ERROR]},
    "flush": Flushed,
    "incident": {"incident": Incident, "timeline": tuple[Event, ...], "runbook": Shown},
    "incident-stats": Stats,
    "incidents": {"incidents": tuple[Incident, ...], "total": int},
    "init": Initialised,
    "mute": {"mute": Mute},
    "notify": Listing,
    "notify-test": {"targets": tuple[Tried, ...]},
    "plan": ScanPlan,
    "postmortem": Postmortem,
    "promotion": Promoted,
    "reconcile": {"same": bool, "comparisons": tuple[Comparison, ...]},
    "reconciliation": {"reconciliation": Reconciliation, "passes": bool},
    "recovery": {"recovery": Recovered, "reconciliation": Reconciliation, "passes": bool},
    "recovery-plan": Plan,
    "run": RunOutcome,
    "sample": {"folder": Path, "size_bytes": int, "sample": SampleSet},
    "sample-load": Loaded,
    "sample-verify": {"folder": Path, "verified": Verified},
    "settings": Settings,
    "slo": Levels,
    "status": Status,
    "statuspage": StatusPage,
    "statuspage-draft": Draft,
    "table": Portrait,
    "template": templates.Written,
    "values": {"environment": str | None, "chosen_by": str | None, "values": tuple[Value, ...]},
    "version": Version,
    "versions": {"versions": tuple[Version, ...], "size_bytes": dict[int, int]},
}
"""What every kind of document is made of."""

IGNORES = "- {code: dbt-untested-model, path: transform/models/a.sql, reason: it goes, until: 2999-01-01}\n"

SMALL_DEMO = Story(
    name="small",
    source=small_demo.__name__,
    acts=(
        Act(through=1),
        Act(through=2, fault="lost"),
        Act(through=2),
        Act(through=3, fault="lost", accept="so it is"),
    ),
    probe=small_demo.PROBE,
)
"""A demo of the same shape as the real ones, which take minutes."""

OPTIONAL = {"incident": {"timeline", "runbook"}}
"""What a document need not have: after `ack` and `resolve` there is no timeline."""

PLAIN: dict[object, str] = {
    str: "string", bool: "boolean", int: "number", float: "number", type(None): "null", datetime: "string",
    date: "string", timedelta: "number", tzinfo: "string", Path: "string", DatasetRef: "string", object: "anything",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """What a document may hold in one place; `parts` are an object's fields, `*` an array's items or a map's values."""

    types: frozenset[str]
    parts: dict[str, Field]

    def lines(self, path: str = "") -> Iterator[str]:
        for name, part in sorted(self.parts.items()):
            inner = f"{path}[]" if "array" in self.types else f"{path}.{name}".removeprefix(".")
            yield f"{inner}: {' | '.join(sorted(part.types))}\n"
            yield from part.lines(inner)

    def problems(self, value: object, path: str = "", optional: frozenset[str] = frozenset()) -> Iterator[str]:
        """How a real value differs from it."""
        kind = kind_of(value)
        if "anything" in self.types:
            return
        if kind not in self.types:
            yield f"{path} is {kind}, not {' | '.join(sorted(self.types))}"
        elif isinstance(value, list):
            yield from (p for n, inner in enumerate(value) for p in self.parts["*"].problems(inner, f"{path}[{n}]"))
        elif isinstance(value, dict) and "*" in self.parts:
            yield from (p for name, inner in value.items() for p in self.parts["*"].problems(inner, f"{path}.{name}"))
        elif isinstance(value, dict):
            yield from (f"{path}.{name} is unknown" for name in value.keys() - self.parts.keys())
            yield from (f"{path}.{name} is missing" for name in self.parts.keys() - value.keys() - optional)
            known = value.keys() & self.parts.keys()
            yield from (p for name in known for p in self.parts[name].problems(value[name], f"{path}.{name}"))


def kind_of(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return {dict: "object", list: "array", str: "string", type(None): "null"}.get(type(value), "number")


def field_of(hint: object, within: tuple[object, ...] = ()) -> Field:
    """What `--json` makes of a type; one that lies in itself is not taken apart again."""
    if hint in within:
        return Field(frozenset({"anything"}), {})
    part_of = partial(field_of, within=(*within, hint) if dataclasses.is_dataclass(hint) else within)
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Field(frozenset({"string"}), {})
    if isinstance(hint, dict):
        return Field(frozenset({"object"}), {name: part_of(part) for name, part in hint.items()})
    if isinstance(hint, list):
        return Field(frozenset({"array"}), {"*": part_of(hint[0])})
    if hint in PLAIN:
        return Field(frozenset({PLAIN[hint]}), {})
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint, localns=NOUNS)
        told = [f.name for f in dataclasses.fields(hint) if f.metadata.get("json", True)]
        return Field(frozenset({"object"}), {name: part_of(hints[name]) for name in told})
    if origin in (UnionType, Union):
        options = [part_of(option) for option in inner]
        return Field(
            frozenset().union(*(o.types for o in options)), {n: p for o in options for n, p in o.parts.items()}
        )
    if origin is tuple and inner[-1] is not Ellipsis:
        options = [part_of(option) for option in inner]
        types = frozenset().union(*(o.types for o in options))
        return Field(frozenset({"array"}), {"*": Field(types, {n: p for o in options for n, p in o.parts.items()})})
    if origin in (tuple, Sequence, list, frozenset):
        return Field(frozenset({"array"}), {"*": part_of(inner[0])})
    if origin in (Mapping, dict):
        return Field(frozenset({"object"}), {"*": part_of(inner[1])})
    raise AssertionError(f"no JSON is known for {hint}")


def whole(kind: str) -> Field:
    body = field_of(DOCUMENTS[kind])
    string, number = (Field(frozenset({name}), {}) for name in ("string", "number"))
    return Field(body.types, {"schema_version": number, "kind": string, **body.parts})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    return small_project.make(tmp_path_factory.mktemp("documents") / "shop", CHECKS + NOTIFY)


@pytest.fixture(scope="module")
def documents(project: SmallProject) -> dict[str, list[dict[str, Any]]]:
    """Every document of the story of one project, by kind: two versions published, one held, one failed, and so on."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def tell(*words: str, **more: Path) -> Told:
        told = project.cli(*words, "--json", **more)
        document = told.document
        found[document["kind"]].append(document)
        return told

    tell("status")
    tell("diff")
    tell("run")
    project.load(small_project.ORDERS.replace("i * 1.5", "i * 2"))
    tell("run")
    project.load(small_project.ORDERS.replace("range(100)", "range(2000)"))
    tell("run")
    tell("diff", "1", "2")
    tell("drill", "run", "rows-twice", "other-case", "--table", "raw.orders")
    tell("drill", "show", "rows-twice")
    tell("drill")
    project.load("no sql at all")
    tell("run")
    tell("backtest")
    tell("check")
    tell("check", "--plan")
    tell("status")
    tell("versions", "--all")
    tell("incidents")
    tell("slo", "--probe")
    tell("statuspage")
    tell("statuspage", "--draft", "1")
    tell("incidents", "show", "1")
    tell("incidents", "ack", "1", "--reason", "mine")
    tell("incidents", "assign", "1", "bo", "--role", "data-owner", "--reason", "knows it")
    tell("incidents", "suppress", "1", "--for", "7d", "--reason", "known")
    tell("incidents", "note", "1", "the loader")
    tell("incidents", "stats")
    tell("incidents", "postmortem", "1")
    tell("audit", "verify")
    tell("incidents", "resolve", "1", "--reason", "so", "--as", "expected")
    tell("notify")
    tell("notify", "--flush")
    tell("notify", "--test")
    tell("notify", "--mute", "raw.orders", "--reason", "known")
    tell("notify", "--unmute", "raw.orders")
    tell("publish", "3", "--reason", "it is right")
    tell("rollback")
    contract = project.root / "orders.odcs.yaml"
    contract.write_text(CONTRACT, encoding="utf-8")
    other = project.root / "other.yaml"
    other.write_text(CONTRACT.replace("required: true", "unique: true"), encoding="utf-8")
    tell("contract", "lint", str(contract))
    tell("contract", "export")
    tell("contract", "diff", str(contract), str(other))
    tell("contract", "test")
    tell("config")
    tell("explain")
    tell("explain", "disk-full")
    tell("explain", "raw.orders")
    tell("explain", "1")
    dbt = project.root.parent / "dbt"
    (dbt / "transform").mkdir(parents=True)
    (dbt / "transform" / "dbt_project.yml").write_text("name: shop\nprofile: shop\n", encoding="utf-8")
    made = project.cli("init", "--json", project=dbt).document
    found[made["kind"]].append(made)
    tell("init", "--docker", project=dbt)
    (dbt / ".tidegate-ignore.yml").write_text(IGNORES, encoding="utf-8")
    (dbt / "transform" / "models").mkdir()
    for name in ("a", "b"):
        (dbt / "transform" / "models" / f"{name}.sql").write_text("select 1 as id", encoding="utf-8")
    told = project.cli("doctor", "--json", project=dbt).document
    found[told["kind"]].append(told)
    contract.unlink()
    project.configure(CHECKS, NOTIFY, ENVIRONMENTS)
    project.load(small_project.ORDERS)
    tell("run", "--environment", "staging")
    tell("promote", "--to", "prod")
    tell("promote", "--to", "prod", "--approve", "--role", "owner", "--reason", "seen")
    assert tell("promote", "--to", "prod").document["run"] is not None
    tell("environments")
    tell("config", "values", "--environment", "prod")
    project.load(small_project.ORDERS.replace("range(100)", "range(2000)"))
    tell("run")
    number = str(project.cli("incidents", "--json").document["incidents"][0]["number"])
    project.load(small_project.ORDERS)
    tell("recover", number, "--plan")
    tell("recover", number, "--by", "rerun")
    tell("reconcile", "--incident", number)
    tell("reconcile", "1", "2", "--table", "raw.orders")
    tell("sample", "--rows", "10")
    tell("sample", "verify")
    tell("sample", "load", str(project.root.parent / "sample.duckdb"))
    tell("init", "--template", "aws-iot", project=project.root.parent / "iot")
    tell("ci")
    tell("ci", "run", "secrets")
    tell("ci", "init", "--provider", "github")
    action = project.root.parent / "github" / "actions" / "checkout"
    action.mkdir(parents=True)
    git(action, "init", "--quiet")
    commit(action, "Release")
    git(action, "tag", "v5")
    workflow = project.root.parent / "one.yml"
    workflow.write_text("steps: \n  - uses: actions/checkout@v5\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_SERVER_URL", str(project.root.parent / "github"))
        tell("ci", "pin", str(workflow))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cast("dict[str, Story]", STORIES), "shop", SMALL_DEMO)
        patch.setattr("tidegate.app.demo._quiet_tools", lambda: None)
        tell("demo")
    return found


@pytest.mark.parametrize("kind", sorted(DOCUMENTS))
def test_its_shape(kind: str) -> None:
    path, found = FOLDER / f"{kind}.txt", "".join(whole(kind).lines())
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def test_no_shape_is_left_of_a_document_that_is_gone() -> None:
    assert {p.stem for p in FOLDER.iterdir()} == set(DOCUMENTS)


@pytest.mark.parametrize("kind", sorted(DOCUMENTS))
def test_real_documents_have_that_shape(documents: dict[str, list[dict[str, Any]]], kind: str) -> None:
    assert documents[kind]
    for document in documents[kind]:
        assert list(whole(kind).problems(document, optional=frozenset(OPTIONAL.get(kind, ())))) == []


def test_the_story_has_every_kind(documents: dict[str, list[dict[str, Any]]]) -> None:
    assert sorted(documents) == sorted(DOCUMENTS)


def test_another_shape_is_noticed(documents: dict[str, list[dict[str, Any]]]) -> None:
    (document, *_) = documents["version"]
    for wrong in ({"extra": 1}, {"state": None}, {"number": "3"}):
        assert len(list(whole("version").problems({**document, **wrong}))) == 1
    assert len(list(whole("version").problems({n: v for n, v in document.items() if n != "state"}))) == 1


@pytest.mark.parametrize("kind", sorted(DOCUMENTS))
def test_every_document_says_what_it_is(documents: dict[str, list[dict[str, Any]]], kind: str) -> None:
    for document in documents[kind]:
        assert list(document)[:2] == ["schema_version", "kind"]
        assert (document["schema_version"], document["kind"]) == (1, kind)


def test_times_are_utc_and_say_so(documents: dict[str, list[dict[str, Any]]]) -> None:
    moments = [v["created_at"] for d in documents["versions"] for v in d["versions"]]
    moments += [d["decision"]["decided_at"] for d in documents["run"] if "decision" in d]
    assert moments
    assert all(m.endswith("Z") for m in moments)


def test_a_document_is_all_that_stdout_gets(project: SmallProject) -> None:
    told = project.process("status", "--json", "--quiet")
    assert told.document["kind"] == "status"
    assert told.err == ""
    assert sys.executable not in told.out
