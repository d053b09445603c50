"""Replay, reconciliation, package and policy."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ingest import telemetry
from ingest.handler import handler
from tests.readings import reading, record
from tools import package, replay
from tools.ledger import Id, history, messages
from tools.policy import Plan, check
from tools.reconcile import account, outcomes

SHARD = "shardId-000000000000"


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "write", lambda line: None)


def replayed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, int]:
    monkeypatch.setattr(sys, "argv", ["replay", *words])
    assert replay.main() == 0
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.usefixtures("quiet")
def test_a_lost_table_comes_back_out_of_the_history(aws: dict[str, Any], monkeypatch: Any, capsys: Any) -> None:
    handler({"Records": [record(n, reading(float(n), device=f"dev-{n}")) for n in range(1, 6)]}, None)
    for n in range(1, 6):
        aws["dynamodb"].delete_item(TableName="latest", Key={"device_id": {"S": f"dev-{n}"}})
    assert replayed(monkeypatch, capsys, "history") == {"handled": 5, "failed": 0}
    items = aws["dynamodb"].scan(TableName="latest")["Items"]
    assert sorted(float(i["temperature_c"]["N"]) for i in items) == [1, 2, 3, 4, 5]


@pytest.mark.usefixtures("quiet")
def test_after_a_repair_the_quarantine_is_accepted_and_the_account_stays_exact(
    aws: dict[str, Any], monkeypatch: Any, capsys: Any
) -> None:
    early = reading(20.0, at="2026-09-21T12:08:00Z")
    handler({"Records": [record(1, early), record(2, b"x"), record(3, reading(21.0))]}, None)
    monkeypatch.setenv("MAX_AHEAD_S", "600")
    assert replayed(monkeypatch, capsys, "quarantine") == {"handled": 1, "failed": 0}
    found = account(
        frozenset(Id(SHARD, n) for n in (1, 2, 3)),
        outcomes(history(aws["s3"], "history", "raw/")),
        frozenset({Id(SHARD, 1)}),
        list(messages(aws["sqs"], aws["queue_url"])),
    )
    assert found.counts() == {
        "sent": 3, "stored": 2, "quarantined": 0, "dead_lettered": 1, "exact": True, "faults": [],
    }  # fmt: skip


def test_a_record_that_is_nowhere_is_named() -> None:
    found = account(frozenset({Id(SHARD, 1), Id(SHARD, 2)}), {Id(SHARD, 1): "accepted"}, frozenset(), [])
    assert not found.exact
    assert found.faults == (f"1 sent, and not in the history nor given up: {SHARD}:2",)


def test_the_package_is_the_same_every_time(tmp_path: Path) -> None:
    assert package.build(tmp_path / "a.zip") == package.build(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def change(type_: str, **after: object) -> dict[str, object]:
    return {
        "address": f"module.x.{type_}.y",
        "type": type_,
        "mode": "managed",
        "change": {"actions": ["create"], "after": after},
    }


def test_the_policy_finds_what_must_not_be() -> None:
    """A public bucket, a mapping that drops what it gives up on, and full access."""
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    plan = [
        change("aws_s3_bucket"),
        change("aws_lambda_event_source_mapping"),
        change("aws_iam_role_policy", policy=json.dumps(everything)),
    ]
    found = {finding.rule for finding in check(Plan.read({"resource_changes": plan}))}
    assert {"bucket-public", "on-failure", "wildcard-action", "wildcard-resource", "alarms"} <= found


def test_a_plan_of_nothing_is_never_green() -> None:
    with pytest.raises(ValueError, match="nothing was checked"):
        check(Plan.read({"resource_changes": []}))
