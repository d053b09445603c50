"""Telling people, for real: the command line, servers that answer badly, and processes that are killed."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conformance.notifier.servers import TOKEN, GitHub, PagerDuty, Service, Slack, Trouble, Webhook, serving
from tests.e2e import small_project
from tests.e2e.small_project import SmallProject
from tests.guards.source import ROOT
from tidegate.model import DeliveryState, Incident
from tidegate.state.sqlite import SQLiteStateStore

BAD = small_project.ORDERS.replace("i * 1.5", "i - 5.0")
CHECK = 'checks: [{table: raw.orders, rule: "amount >= 0"}]'


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    made = small_project.make(tmp_path / "shop", CHECK)
    assert made.cli("run").status == 0
    return made


def told(project: SmallProject) -> list[str]:
    path = project.root / "out.jsonl"
    return [json.loads(line)["kind"] for line in path.read_text().splitlines()] if path.exists() else []


def test_from_the_first_alarm_to_the_close(project: SmallProject, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    service = Slack()
    with serving(service) as url:
        slack = f'{{to: "slack:#data", min_severity: sev3, options: {{api: "{url}"}}}}'
        project.configure(CHECK, f'notify: [{slack}, {{to: "file:out.jsonl"}}]')
        project.load(BAD)
        held = project.cli("run")
        assert held.status == 1
        assert "told slack:#data: opened" in held.err
        assert project.cli("incidents", "ack", "1", "--reason", "on my way").status == 0
        project.load(small_project.ORDERS)
        assert project.cli("run").status == 0
        assert project.cli("incidents", "resolve", "1", "--as", "fixed", "--reason", "reloaded").status == 0
        (top,) = service.top
        assert "resolved" in top["text"]
        assert "on it: on my way" in service.replies[0]["text"]
        assert "resolved it as fixed: reloaded" in service.replies[2]["text"]
        assert len(service.replies) == 3
        assert told(project) == ["opened", "acknowledged", "mitigated", "resolved"]
        shown = project.cli("incidents", "show", "1").out
        assert "notification.sent" in shown
        assert TOKEN not in held.out + held.err + shown + (project.root / "out.jsonl").read_text()


@pytest.mark.parametrize("what", [500, 429, "reset", "hang"])
def test_a_channel_that_is_down_neither_holds_up_nor_fails_a_run(project: SmallProject, what: int | str):
    service = Webhook()
    with serving(service) as url:
        project.configure(CHECK, f'notify: [{{to: "webhook:{url}"}}]')
        service.troubles.append(Trouble(what, times=1))
        project.load(BAD)
        held = project.cli("run", "--json")
        assert held.status == 1
        assert "could not tell" in held.err
        listed = project.cli("notify", "--list", "--json").document
        assert [t["waiting"] for t in listed["targets"]] == [1]
        assert "could not be delivered" in project.cli("status").out
        with opened(project) as store:
            (waiting,) = store.outbox.deliveries((DeliveryState.WAITING,))
            found = store.outbox.claim(waiting.next_at, lease_s=1, without=())
            assert found is not None
            store.outbox.failed(found.key, error="its wait is over", next_at=datetime.now(UTC))
        flushed = project.cli("notify", "--flush")
        assert flushed.status == 0, flushed.err
        assert len(service.seen) == 1


def opened(project: SmallProject) -> contextlib.closing[SQLiteStateStore]:
    return contextlib.closing(SQLiteStateStore(project.root / ".tidegate" / "state.db"))


def test_what_is_refused_for_good_is_told_by_status_and_tried_again_on_demand(project: SmallProject):
    service = Webhook()
    with serving(service) as url:
        project.configure(CHECK, f'notify: [{{to: "webhook:{url}"}}]')
        service.troubles.append(Trouble(404))
        project.load(BAD)
        assert "it is not tried again" in project.cli("run").err
        status = project.cli("status")
        assert "1 of them for good" in status.out
        assert [d["state"] for d in project.cli("status", "--json").document["undelivered"]] == ["dead"]
        assert project.cli("notify", "--flush").out == "0 messages delivered, 0 waiting\n"
        assert project.cli("notify", "--retry").status == 0
        assert len(service.seen) == 1
        assert "could not be delivered" not in project.cli("status").out


def test_a_step_that_fails_is_told_too(project: SmallProject):
    project.configure(
        CHECK, 'notify: [{to: "file:out.jsonl", layers: [technical]}, {to: "file:data.jsonl", layers: [data]}]'
    )
    project.load("no sql at all")
    assert project.cli("run").status == 2
    assert told(project) == ["opened"]
    assert not (project.root / "data.jsonl").exists()


def test_what_is_muted_comes_later(project: SmallProject):
    project.configure(CHECK, 'notify: [{to: "file:out.jsonl"}]')
    refused = project.cli("notify", "--mute", "raw.orders")
    assert (refused.status, "needs a reason" in refused.err) == (2, True)
    assert project.cli("notify", "--mute", "raw.orders", "--for", "2h", "--reason", "known").status == 0
    project.load(BAD)
    assert project.cli("run").status == 1
    assert told(project) == []
    listed = project.cli("notify")
    assert "`raw.orders` is muted until" in listed.out.replace("\n", " ")
    assert project.cli("notify", "--unmute", "raw.orders").status == 0
    assert project.cli("notify", "--flush").status == 0
    assert told(project) == ["opened"]
    assert project.cli("notify", "--unmute", "raw.orders").status == 2


BAD_TARGETS = {
    "an unknown channel": ('{to: "slak:#x"}', "did you mean `slack`"),
    "no channel": ('{to: "nobody"}', "slack:#data-incidents"),
    "an unknown option": ('{to: "slack:#x", options: {tokn: "a"}}', "has no option `tokn`"),
    "a secret in the file": ('{to: "slack:#x", options: {token: xoxb-1}}', "is a secret, and stands in tidegate.yml"),
    "an unknown zone": ('{to: "console:", quiet_hours: {start: "22:00", end: "07:00", time_zone: Mars}}', "`Mars`"),
    "an unknown product": ('{to: "console:", products: [x]}', "there is no product `x`"),
    "too fast": ('{to: "console:", repeat_every: 1s}', "shorter than a minute"),
}


@pytest.mark.parametrize("said", BAD_TARGETS.values(), ids=BAD_TARGETS)
def test_a_target_that_cannot_be_is_refused(project: SmallProject, said: tuple[str, str]):
    project.configure(CHECK, f"notify: [{said[0]}]")
    for words in (["config", "check"], ["notify", "--test"]):
        refused = project.cli(*words)
        assert refused.status == 2
        assert said[1] in refused.err
        assert "hint:" in refused.err


def test_a_test_says_exactly_what_came_back(project: SmallProject, monkeypatch: pytest.MonkeyPatch):
    service = PagerDuty()
    with serving(service) as url:
        options = f'options: {{api: "{url}"}}'
        project.configure(CHECK, f'notify: [{{to: "pagerduty:finance", {options}}}, {{to: "file:out.jsonl"}}]')
        missing = project.cli("notify", "--test")
        assert missing.status == 2
        assert "the environment has no `PAGERDUTY_ROUTING_KEY`" in missing.out
        assert told(project) == ["test"]
        monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", "wrong-key")
        refused = project.cli("notify", "--test", "pagerduty:finance")
        assert refused.status == 1
        assert "HTTP 400" in refused.out
        assert "Invalid routing key" in refused.out
        assert "wrong-key" not in refused.out + refused.err
        monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", TOKEN)
        fine = project.cli("notify", "--test", "pagerduty:finance")
        assert (fine.status, "dedup_key" in fine.out) == (0, True)
        assert project.cli("notify", "--test", "pagerduty:x").status == 2
    assert project.cli("notify", "--test", "--flush").status == 2


def teller(project: SmallProject, *words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.e2e.harness.teller", str(project.root), *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> list[str]:
    said, why = process.communicate(timeout=120)
    assert process.returncode in {0, -signal.SIGKILL}, why
    return said.splitlines()


SHOTS = [(when, number) for number in range(1, 5) for when in ("before", "after")]
"""Before and after the work of each of the first requests of a flush."""


@pytest.mark.slow
def test_killed_at_any_instant_nothing_is_lost_and_nothing_is_there_twice(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
):
    """Processes that open an incident and tell of it are killed while a server does its work, and just after the
    incident was recorded; in the end one may finish.
    """
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", TOKEN)
    hook, pager, issues = Webhook(), PagerDuty(), GitHub()
    with serving(hook) as a, serving(pager) as b, serving(issues) as c:
        github = f'{{to: "github:shop/data", at_most: 100, options: {{api: "{c}"}}}}'
        pagerduty = f'{{to: "pagerduty:x", at_most: 100, options: {{api: "{b}"}}}}'
        others = f'{{to: "webhook:{a}", at_most: 100}}, {{to: "file:out.jsonl", at_most: 100}}'
        project.configure(CHECK, f"notify: [{others}, {pagerduty}, {github}]")
        killed = sum(_shot(project, place, shot, (hook, pager, issues)) for place, shot in enumerate(SHOTS, start=1))
        assert killed >= len(SHOTS) - 2, "hardly anybody was killed: the test shows nothing"
        for place in range(3):
            process = teller(project, 1000 * (len(SHOTS) + place + 1), 1)
            assert process.stdout is not None
            assert process.stdout.readline()
            time.sleep(0.03 * place)
            process.kill()
            finished(process)
        ahead = 100_000
        while ahead == 100_000 or _unsent(project):
            assert "flushed" in finished(teller(project, ahead, 0))
            ahead += 10_000
            assert ahead < 300_000
    count = len(_incidents(project))
    assert count >= len(SHOTS) + 3
    lines = [json.loads(x)["id"] for x in (project.root / "out.jsonl").read_text().splitlines() if _whole(x)]
    assert len(set(lines)) == len(lines) == count
    assert len(hook.seen) == len(pager.opened) == len(issues.issues) == count
    assert len({i["body"].splitlines()[0] for i in issues.issues}) == count
    assert issues.comments == {}


def _shot(project: SmallProject, place: int, shot: tuple[str, int], services: Sequence[Service]) -> bool:
    """Whether the process was killed where it was aimed at."""
    seen: Counter[str] = Counter()
    process = teller(project, 1000 * place, 1)

    def watch(when: str) -> None:
        seen[when] += 1
        if (when, seen[when]) == shot:
            process.kill()
            process.wait()

    for service in services:
        service.watch = watch
    said = finished(process)
    for service in services:
        service.watch = lambda when: None
    return "flushed" not in said


def _whole(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _unsent(project: SmallProject) -> int:
    with opened(project) as store:
        return len(store.outbox.deliveries((DeliveryState.WAITING, DeliveryState.SENDING)))


def _incidents(project: SmallProject) -> tuple[Incident, ...]:
    with opened(project) as store:
        return store.incidents()


@pytest.mark.slow
def test_a_storm_is_one_message_for_a_cause_and_a_digest_for_the_rest(project: SmallProject):
    service = Slack()
    with serving(service) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLACK_BOT_TOKEN", TOKEN)
        project.configure(CHECK, f'notify: [{{to: "slack:#data", at_most: 4, options: {{api: "{url}"}}}}]')
        assert "flushed" in finished(teller(project, 0, 60))
        assert len(service.top) == 4
        assert "57 more incidents" in service.top[-1]["text"]
        assert "flushed" in finished(teller(project, 1, 0))
        assert len(service.top) == 4
