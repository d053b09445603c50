"""The tools of the template: package, policy, plan comment, replay, reconciliation."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local.terraform import HOW_TO_GET, TerraformError, find, mirror
from tests.iot import PROJECT
from tools import package
from tools.package import build
from tools.plan_comment import comment
from tools.policy import RULES, Plan, check
from tools.reconcile import Id, account, outcomes
from tools.replay import event_of, given_up

A, B, C, D = (Id("s", n) for n in (1, 2, 3, 4))


def letter(record: Id) -> dict[str, Any]:
    return {"kind": "record", "shard": record.shard, "sequence": str(record.number)}


def given(low: int, high: int, shard: str = "s") -> dict[str, Any]:
    return {"KinesisBatchInfo": {"shardId": shard, "startSequenceNumber": str(low), "endSequenceNumber": str(high)}}


RAW = {A: "accepted", B: "quarantined", C: "dead"}


def test_an_exact_account() -> None:
    found = account(frozenset({A, B, C, D}), RAW, frozenset({B}), [letter(C), letter(C), given(3, 9)])
    assert found.exact
    assert found.counts() == {
        "sent": 4, "stored": 1, "quarantined": 1, "dead_lettered": 2, "exact": True, "faults": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "raw", "quarantine", "letters", "says"),
    [
        ({A, B, C, D}, RAW, {B}, [letter(C)], "sent, and not in the history"),
        ({A, B, C, D}, RAW, {B}, [letter(C), given(4, 4, "other")], "sent, and not in the history"),
        ({A, B}, RAW, {B}, [letter(C)], "never sent"),
        ({A, B, C}, RAW, set(), [letter(C)], "not in quarantine"),
        ({A, B, C}, RAW, {B, D}, [letter(C)], "in quarantine, and not in the history"),
        ({A, B, C}, RAW, {B}, [], "not in the dead-letter queue"),
        ({A, B, C}, RAW, {B}, [letter(C), letter(D)], "in the dead-letter queue, and not in the history"),
    ],
    ids=range(7),
)
def test_every_disagreement_is_told(sent, raw, quarantine, letters, says: str) -> None:
    found = account(frozenset(sent), raw, frozenset(quarantine), letters)
    assert not found.exact
    assert [says in fault for fault in found.faults] == [True]


def test_a_record_that_was_replayed_is_what_it_came_to_at_best() -> None:
    lines = [{"shard": "s", "sequence": "1", "outcome": o} for o in ("dead", "accepted", "quarantined")]
    assert outcomes(lines) == {A: "accepted"}


def test_a_line_of_the_history_is_the_event_that_it_was() -> None:
    line = {"shard": "s", "sequence": "7", "partition_key": "k", "arrived_ms": 1500, "data": "ü"}
    event = event_of(line)
    assert event["eventID"] == "s:7"
    assert event["kinesis"] == {
        "partitionKey": "k", "sequenceNumber": "7", "data": "w7w=", "approximateArrivalTimestamp": 1.5,
    }  # fmt: skip
    del line["data"]
    assert event_of(line | {"data_base64": "/w=="})["kinesis"]["data"] == "/w=="


def test_what_the_stream_keeps_no_longer_is_an_error_and_not_nothing() -> None:
    class Kinesis:
        def get_shard_iterator(self, **_: object) -> dict[str, str]:
            return {"ShardIterator": "i"}

        def get_records(self, **_: object) -> dict[str, Any]:
            return {"Records": [{"SequenceNumber": "5"}], "NextShardIterator": "i"}

    with pytest.raises(LookupError, match="no longer"):
        list(given_up(Kinesis(), "stream", given(4, 6)["KinesisBatchInfo"]))


def test_the_package_is_the_same_wherever_and_whenever_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(tmp_path / "a.zip")
    copy = tmp_path / "elsewhere"
    shutil.copytree(PROJECT / "ingest", copy / "ingest", ignore=shutil.ignore_patterns("__pycache__"))
    for path in copy.rglob("*"):
        os.utime(path, (time.time() - 1e6,) * 2)
        if path.suffix == ".py":
            path.chmod(0o755)
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (copy / "ingest" / "__pycache__").mkdir()
    (copy / "ingest" / "__pycache__" / "handler.pyc").write_bytes(b"x")
    monkeypatch.setattr(package, "ROOT", copy)
    monkeypatch.setattr(package, "SOURCES", copy / "ingest")
    assert build(tmp_path / "b.zip") == first
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        names = archive.namelist()
    assert "ingest/handler.py" in names
    assert "ingest/contracts/reading.v1.json" in names
    assert not [n for n in names if "pycache" in n]


def change(
    address: str, type_: str, after: dict[str, Any] | None, actions: list[str], mode: str = "managed"
) -> dict[str, Any]:
    return {"address": address, "type": type_, "mode": mode, "change": {"actions": actions, "after": after}}


PLAN = {
    "resource_changes": [
        change("module.a.aws_s3_bucket.this", "aws_s3_bucket", {"tags_all": {"stage": "prod"}, "force_destroy": True}, ["update"]),
        change("module.b.aws_dynamodb_table.t", "aws_dynamodb_table", {"tags_all": {"stage": "prod"}}, ["delete", "create"]),
        change("module.c.aws_lambda_event_source_mapping.m", "aws_lambda_event_source_mapping", {}, ["create"]),
        change("module.d.aws_sqs_queue.q", "aws_sqs_queue", None, ["delete"]),
        change("module.e.aws_sns_topic.t", "aws_sns_topic", {}, ["no-op"]),
    ]
}  # fmt: skip


def test_a_comment_says_what_is_destroyed_and_what_the_policy_says() -> None:
    text = comment(PLAN, "prod")
    assert "### Plan for prod: 1 +, 1 ~, 1 -, 1 -/+" in text
    assert "**2 destroyed or replaced.**" in text
    assert text.index("-/+ module.b") < text.index("+ module.c.aws_lambda")
    assert "`on-failure` module.c.aws_lambda_event_source_mapping.m" in text
    assert text.startswith("<!-- plan:prod -->")


def test_production_may_not_be_deleted() -> None:
    found = [f.address for f in check(Plan.read(PLAN)) if f.rule == "production"]
    assert found == ["module.b.aws_dynamodb_table.t", "module.a.aws_s3_bucket.this"]


def test_statements_are_read_from_what_is_known_too() -> None:
    """After apply a role's policy is text; before, its document is data that is read on apply."""
    policy = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    known = change("module.p.aws_iam_role_policy.x", "aws_iam_role_policy", {"policy": json.dumps(policy)}, ["no-op"])
    found = {f.rule for f in check(Plan.read({"resource_changes": [*PLAN["resource_changes"], known]}))}
    assert {"wildcard-action", "wildcard-resource"} <= found


@pytest.mark.parametrize("said", [{}, {"resource_changes": []}, {"resource_changes": PLAN["resource_changes"][3:]}])
def test_a_plan_of_something_else_is_never_green(said: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(said), encoding="utf-8")
    command = [sys.executable, "-m", "tools.policy", str(path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stdout
    assert "error:" in done.stderr
    assert len(RULES) >= 15


def test_without_terraform_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TerraformError, match="install it from") as error:
        find()
    assert str(error.value) == HOW_TO_GET


def test_a_mirror_is_found_by_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(tmp_path))
    assert mirror() is None
    (tmp_path / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    assert mirror() == tmp_path


def rules_of(*changes: dict[str, Any]) -> set[str]:
    return {f.rule for f in check(Plan.read({"resource_changes": [*PLAN["resource_changes"], *changes]}))}


@pytest.mark.parametrize(
    ("subject", "open_"),
    [
        ("repo:example/temperatures:environment:prod", False),
        ("repo:example/temperatures:ref:refs/heads/main", False),
        ("repo:example/temperatures:pull_request", False),
        ("repo:example/temperatures:*", True),
        ("repo:example/*:environment:prod", True),
        ("*", True),
    ],
    ids=range(6),
)
def test_a_role_is_for_one_repository_and_a_branch_or_environment(subject: str, open_: bool) -> None:
    host = "token.actions.githubusercontent.com"
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": "arn"},
        "Condition": {"StringEquals": {f"{host}:aud": "sts.amazonaws.com", f"{host}:sub": subject}},
    }
    role = change(
        "a.aws_iam_role.r", "aws_iam_role", {"assume_role_policy": json.dumps({"Statement": trust})}, ["no-op"]
    )
    assert ("open-federation" in rules_of(role)) == open_


def test_who_writes_policies_of_roles_needs_a_boundary() -> None:
    said = {"Effect": "Allow", "Action": ["iam:PutRolePolicy"], "Resource": ["arn:aws:iam::1:role/iot-dev-*"]}
    bounded = said | {"Condition": {"StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::1:policy/b"}}}
    for statement, told in ((said, True), (bounded, False)):
        policy = {"policy": json.dumps({"Statement": [statement]})}
        found = rules_of(change("a.aws_iam_role_policy.p", "aws_iam_role_policy", policy, ["no-op"]))
        assert ("unbounded-roles" in found) == told


@pytest.mark.parametrize(("name", "wrong"), [("iot-dev-ingest", False), ("other", True)])
def test_a_function_that_is_named_by_its_arn_is_judged_by_its_name(name: str, wrong: bool) -> None:
    tags = {"tags_all": {"project": "iot", "stage": "dev", "owner": "o", "managed-by": "t"}}
    arn = f"arn:aws:lambda:eu-central-1:123456789012:function:{name}"
    mapping = change(
        "a.aws_lambda_event_source_mapping.m",
        "aws_lambda_event_source_mapping",
        tags | {"function_name": arn},
        ["update"],
    )
    assert ("names" in rules_of(mapping)) == wrong


def test_every_variable_that_can_be_wrong_is_validated() -> None:
    """All numbers, and what an environment or the bootstrap is told; modules get names and ARNs from each other."""
    seen, open_ = 0, []
    for path in sorted((PROJECT / "infra").rglob("variables.tf")):
        for name, body in re.findall(r'(?ms)^variable "(\w+)" \{\n(.*?)^\}', path.read_text(encoding="utf-8")):
            assert "description" in body, f"{path}: {name}"
            root = "modules" not in path.parts or path.parent.name == "system"
            if "= number" in body or (root and "= bool" not in body):
                seen += 1
                open_ += [] if "validation {" in body else [f"{path.relative_to(PROJECT)}: {name}"]
    assert open_ == []
    assert seen > 60
