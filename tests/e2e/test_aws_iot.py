"""The template `aws-iot` as it runs: real Terraform against moto's server, the real handler behind the poller, kill -9 and all."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.contract import Refused, judge
from local.__main__ import accounted, finish
from local.stack import Stack, up
from local.terraform import GAPS, Terraform
from local.view import Watcher, lines, short
from simulator.fleet import Fleet, every_fault
from simulator.sender import Ledger, Sender
from tests.iot import PROJECT
from tools import ledger as books
from tools.ledger import Id
from tools.policy import Plan, check

pytestmark = pytest.mark.slow
POLL = [sys.executable, "-m", "local", "--work"]
NO_TERRAFORM = "Terraform is not installed: the infrastructure of the template aws-iot is not tested here"
terraform_is_here = pytest.mark.skipif(shutil.which("terraform") is None, reason=NO_TERRAFORM)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Terraform]]:
    """The development environment, applied; it must be gone after `destroy`."""
    if shutil.which("terraform") is None:
        pytest.skip(NO_TERRAFORM)
    said: list[str] = []
    with up(tmp_path_factory.mktemp("iot"), said.append) as (stack, terraform):
        yield stack, terraform
        empty_bucket(stack)
        terraform.destroy(stack.package)
        assert what_is_left(stack) == {}


def empty_bucket(stack: Stack) -> None:
    """The development bucket is destroyed with what is in it; without, the provider would delete object by object."""
    s3, bucket = stack.client("s3"), stack.system["bucket"]
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in page.get("Versions", []):
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


def what_is_left(stack: Stack) -> dict[str, list[str]]:
    found = {
        "streams": stack.client("kinesis").list_streams()["StreamNames"],
        "tables": stack.client("dynamodb").list_tables()["TableNames"],
        "buckets": [b["Name"] for b in stack.client("s3").list_buckets()["Buckets"]],
        "queues": stack.client("sqs").list_queues().get("QueueUrls", []),
        "functions": [f["FunctionName"] for f in stack.client("lambda").list_functions()["Functions"]],
        "mappings": [m["UUID"] for m in stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]],
        "roles": [r["RoleName"] for r in stack.client("iam").list_roles()["Roles"]],
        "alarms": [a["AlarmName"] for a in stack.client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "topics": [t["TopicArn"] for t in stack.client("sns").list_topics()["Topics"]],
        "rules": [r["Name"] for r in stack.client("events").list_rules()["Rules"]],
        "log groups": [g["logGroupName"] for g in stack.client("logs").describe_log_groups()["logGroups"]],
        "aliases": [
            a["AliasName"]
            for a in stack.client("kms").list_aliases()["Aliases"]
            if not a["AliasName"].startswith("alias/aws/")
        ],
    }
    return {name: names for name, names in found.items() if names}


# ---- the infrastructure


def test_a_second_plan_is_empty_and_what_was_changed_by_hand_is_found(applied) -> None:
    stack, terraform = applied
    second = terraform.plan(stack.package)
    assert changed(second) <= set(GAPS)
    assert check(Plan.read(second)) == []  # now that all values are known, such as ARNs
    table, cloudwatch = stack.system["table"], stack.client("cloudwatch")
    alarm = next(name for name in stack.system["alarms"] if name.endswith("dead-letters"))
    (before,) = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    recovery = {"TableName": table, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False}}
    stack.client("dynamodb").update_continuous_backups(**recovery)
    cloudwatch.delete_alarms(AlarmNames=[alarm])
    try:
        drift = changed(terraform.plan(stack.package))
        shows_the_alarm = "module.system.module.dashboard.aws_cloudwatch_dashboard.this"
        assert drift - GAPS.keys() - {shows_the_alarm} == CHANGED
    finally:
        recovery["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] = True
        stack.client("dynamodb").update_continuous_backups(**recovery)
        kept = {k: v for k, v in before.items() if k in ALARM_FIELDS}
        cloudwatch.put_metric_alarm(**kept)


def changed(plan: Mapping[str, Any]) -> set[str]:
    """The resources that a plan would change."""
    found = {c["address"]: c["change"]["actions"] for c in plan.get("resource_changes", [])}
    return {address for address, actions in found.items() if actions not in (["no-op"], ["read"])}


CHANGED = {
    "module.system.module.table.aws_dynamodb_table.latest",
    'module.system.module.alarms.aws_cloudwatch_metric_alarm.this["dead-letters"]',
}
ALARM_FIELDS = {
    "AlarmName", "AlarmDescription", "OKActions", "AlarmActions", "MetricName", "Namespace", "Statistic", "Dimensions",
    "Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData",
}  # fmt: skip


def test_no_rule_finds_anything_in_what_was_applied(applied) -> None:
    _, terraform = applied
    assert check(Plan.read(terraform.show(terraform.applied))) == []


# ---- the stream


def send(stack: Stack, fleet: Fleet) -> Mapping[Id, bytes]:
    """Send a fleet's readings; returns what the stream took, by its numbers."""
    ledger = Ledger(stack.ledger)
    sender = Sender(stack.client("kinesis"), stack.system["stream"], seed=fleet.seed, ledger=ledger)
    for messages in fleet.messages():
        sender.send(messages)
    ledger.close()
    assert sender.sent.lost == 0
    return taken(stack)


def taken(stack: Stack) -> dict[Id, bytes]:
    kinesis, stream = stack.client("kinesis"), stack.system["stream"]
    found = {}
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        where = {"StreamName": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = kinesis.get_shard_iterator(**where)["ShardIterator"]
        while (answer := kinesis.get_records(ShardIterator=iterator, Limit=10_000))["Records"]:
            for record in answer["Records"]:
                arrived_ms = round(record["ApproximateArrivalTimestamp"].timestamp() * 1000)
                found[Id(shard["ShardId"], int(record["SequenceNumber"]))] = (record["Data"], arrived_ms)
            iterator = answer["NextShardIterator"]
    return found


def expected(records: Mapping[Id, Any]) -> tuple[dict[Id, str], dict[str, tuple[int, float]]]:
    """By brute force: what becomes of each record, and the latest reading of each device."""
    ends: dict[Id, str] = {}
    newest: dict[str, tuple[int, int, float]] = {}
    for record, (data, arrived_ms) in sorted(records.items()):
        try:
            reading = judge(data, arrived_ms, max_ahead_ms=300_000, max_behind_ms=604_800_000)
        except Refused as refused:
            ends[record] = refused.outcome
            continue
        ends[record] = "accepted"
        mine = (reading.event_ms, record.number, reading.temperature_c)
        newest[reading.device_id] = max(newest.get(reading.device_id, mine), mine)
    return ends, {device: (event_ms, value) for device, (event_ms, _, value) in newest.items()}


def demand_exact(stack: Stack) -> None:
    """The account is exact, each record came to the end it had to, and the table has the newest of each device."""
    account = accounted(stack)
    assert account.faults == ()
    records = taken(stack)
    ends, newest = expected(records)
    assert len(account.sent) == len(records)
    assert account.stored == {i for i, end in ends.items() if end == "accepted"}
    assert account.quarantined == {i for i, end in ends.items() if end == "quarantined"}
    assert account.dead == {i for i, end in ends.items() if end == "dead"}
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.system["table"])
    items = [item for page in pages for item in page["Items"]]
    table = {i["device_id"]["S"]: (int(i["event_ms"]["N"]), float(i["temperature_c"]["N"])) for i in items}
    assert table == newest


def fleet(*, devices: int, ticks: int, seed: int) -> Fleet:
    start = datetime.now(UTC) - timedelta(minutes=ticks)
    return Fleet(seed=seed, devices=devices, faulty=every_fault(0.05), start=start, interval_s=60, ticks=ticks)


def killed_poller(stack: Stack, kills: int, *, seed: int, at_most_s: float) -> None:
    """Start the poller again and again, and kill it at some instant of its work; then let it end its work."""
    draw = random.Random(seed)
    counted = 0
    for _ in range(kills):
        with (stack.work / "killed.log").open("ab") as log:
            poller = subprocess.Popen(
                [*POLL, str(stack.work), "poll"], cwd=PROJECT, env=os.environ | stack.environ(), stdout=log, stderr=log
            )
        before = progress(stack)
        began = time.monotonic()
        while progress(stack) == before and poller.poll() is None and time.monotonic() - began < 20:
            time.sleep(0.02)  # until it works, or it would always die while it starts
        time.sleep(draw.uniform(0, at_most_s))
        assert poller.poll() is None, "the poller ended by itself"
        poller.send_signal(signal.SIGKILL)
        poller.wait()
        counted += 1
    assert counted == kills


def progress(stack: Stack) -> int:
    """Grows with every checkpoint and every object of the history."""
    return sum(p.stat().st_size + int(p.stat().st_mtime_ns) for p in stack.work.glob("checkpoints.db*"))


@pytest.fixture(scope="module")
def streamed(applied) -> Stack:
    """What a fleet with every fault sent, handled by pollers that were killed, and by one that was not."""
    stack, _ = applied
    assert len(send(stack, fleet(devices=200, ticks=52, seed=11))) >= 10_000
    killed_poller(stack, 10, seed=1, at_most_s=0.6)
    finish(stack)
    return stack


def test_every_fault_every_record_and_the_poller_killed(streamed) -> None:
    stack = streamed
    demand_exact(stack)
    watcher = Watcher(stack)
    picture = watcher.picture()
    watcher.close()
    assert picture.devices >= 190
    assert picture.dead > 0
    assert picture.quarantined > 0
    assert set(picture.alarms) == set(stack.system["alarms"])
    assert "not-json" in " ".join(lines(picture, colour=False))
    assert "dead letters" in short(picture)
    raised = {a["AlarmName"]: a["StateValue"] for a in stack.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    assert raised == {name: verdict.state for name, verdict in picture.alarms.items()}


def test_what_is_replayed_out_of_queue_and_quarantine_is_still_accounted_for(streamed) -> None:
    letters = len(list_letters(streamed))
    assert replayed(streamed, "dead-letters") >= letters
    assert replayed(streamed, "quarantine") >= 1
    demand_exact(streamed)


@pytest.mark.soak
def test_a_lost_table_comes_back_out_of_the_history(streamed) -> None:
    dynamodb, table = streamed.client("dynamodb"), streamed.system["table"]
    for page in dynamodb.get_paginator("scan").paginate(TableName=table):
        for item in page["Items"]:
            dynamodb.delete_item(TableName=table, Key={"device_id": item["device_id"]})
    assert replayed(streamed, "history") >= 10_000
    demand_exact(streamed)


def replayed(stack: Stack, source: str) -> int:
    """What a replay handled, called in a shell as the README says."""
    printed = subprocess.run([*POLL, str(stack.work), "env"], cwd=PROJECT, capture_output=True, text=True, check=True)
    done = subprocess.run(
        ["bash", "-c", f'eval "$VARIABLES"; exec "{sys.executable}" -m tools.replay {source}'],
        cwd=PROJECT,
        env=os.environ | {"VARIABLES": printed.stdout},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    assert said["failed"] == 0
    return int(said["handled"])


def list_letters(stack: Stack) -> list[dict[str, Any]]:
    sqs, url = stack.client("sqs"), stack.system["dead_letter_url"]
    found = list(books.messages(sqs, url))
    books.release(sqs, url, [letter["receipt"] for letter in found])
    return found


def test_tidegate_observes_the_history(streamed, tmp_path) -> None:
    """The first run judges what the faults of the fleet did; nothing of the stream itself is missing."""
    stack = streamed
    project = tmp_path / "project"
    tidegate = str(Path(sys.executable).parent / "tidegate")
    subprocess.run([tidegate, "init", "--template", "aws-iot", "--project", str(project), "--quiet"], check=True)
    variables = {
        "BUCKET_NAME": stack.system["bucket"],
        "DEAD_LETTER_URL": stack.system["dead_letter_url"],
        "SENT_LEDGER": str(stack.ledger),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        [tidegate, "run", "--json", "--quiet", "--project", str(project)],
        env=os.environ | stack.environ() | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    known = [f for f in said["findings"] if any(name in f["sentence"] + f["key"] for name in TOLD | FINE)]
    assert known == said["findings"]
    told = {name for name in TOLD | FINE if any(name in f["sentence"] + f["key"] for f in said["findings"])}
    assert told == TOLD, [f["sentence"] for f in said["findings"]]
    shown = subprocess.run(
        [tidegate, "incidents", "--json", "--quiet", "--project", str(project)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(shown.stdout)["incidents"]


FINE = {
    "the stream stands still",
    "seconds that the watermark is behind the arrivals",
    "every record is accounted for",
    "the quarantine holds what the history says",
    "the dead letters are those of the history",
    "fields that no contract knows",
    "records that are there twice",
}
TOLD = {
    "devices that fell silent",
    "sensors that are stuck",
    "devices that send °F for °C",
    "devices whose readings jump",
    "devices whose clock is wrong",
    "devices that are often refused",
    "devices that send twice",
    "devices whose readings arrive out of order",
    "devices that keep readings back",
    "share of late readings",
    "share of quarantined readings",
    "share of dead letters",
}


@pytest.mark.soak
@terraform_is_here
def test_the_example_runs_in_a_clone_accounts_for_everything_and_leaves_nothing(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    root = Path(__file__).parents[2]
    kept = git(
        root, "ls-files", "--cached", "--others", "--exclude-standard", ".gitignore", "examples", "src"
    ).splitlines()
    for name in kept:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, clone / name, follow_symlinks=False)
    git(clone, "init", "--quiet")
    git(clone, "add", "--all")
    text = (clone / "examples" / "README.md").read_text(encoding="utf-8")
    (run,) = [line.split()[1:] for line in text.splitlines() if line.startswith("tidegate iot")]
    tidegate = str(Path(sys.executable).parent / "tidegate")
    done = subprocess.run([tidegate, *run], cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["exact"]
    assert said["sent"] >= 2000
    assert "left out here: monthly_budget_usd" in done.stderr
    assert (clone / "examples" / "aws-iot" / ".local" / "ingest.zip").is_file()
    assert git(clone, "status", "--porcelain").splitlines() == [f"A  {name}" for name in sorted(kept)]


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.soak
def test_a_hundred_thousand_readings_and_fifty_kills(applied) -> None:
    stack, _ = applied
    assert len(send(stack, fleet(devices=1000, ticks=103, seed=13))) >= 100_000
    killed_poller(stack, 50, seed=2, at_most_s=3.0)
    finish(stack)
    demand_exact(stack)
