"""What goes over the wire, channel by channel, as the other side documents it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import multiprocessing
import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from tests.conformance.notifier import adapters
from tests.conformance.notifier.adapters import World, notice
from tests.conformance.notifier.servers import (
    TOKEN,
    GitHub,
    PagerDuty,
    Slack,
    Teams,
    Trouble,
    Webhook,
    certificate,
    mail,
    serving,
)
from tests.conformance.notifier.test_notifier import send
from tidegate.errors import DeliveryError, TargetError
from tidegate.integrations import http_call
from tidegate.integrations.email import EmailNotifier
from tidegate.integrations.json_lines import FileNotifier
from tidegate.integrations.pagerduty import dedup_key
from tidegate.integrations.slack import SlackNotifier
from tidegate.integrations.webhook import WebhookNotifier
from tidegate.model import NoticeKind, Severity
from tidegate.ports import Place, Sending

ACK = notice(NoticeKind.ACKNOWLEDGED, news="ann is on it")
DONE = notice(NoticeKind.RESOLVED, news="ann resolved it as fixed")

# --- Slack


def slack_of(world: World) -> Slack:
    assert isinstance(world.service, Slack)
    return world.service


def test_slack_shows_one_message_and_the_news_in_its_thread(tmp_path: Path):
    with adapters.slack(tmp_path) as world:
        receipt = send(world, notice())
        receipt = send(world, notice(NoticeKind.AGAIN, quiet=True, news="seen again"), receipt)
        receipt = send(world, ACK, receipt)
        send(world, DONE, receipt)
        service = slack_of(world)
        (top,) = service.top
        assert "resolved" in top["blocks"][0]["text"]["text"]
        assert ":large_green_circle:" in top["blocks"][0]["text"]["text"]
        assert [r["thread_ts"] for r in service.replies] == [top["ts"]] * 2
        assert [r["reply_broadcast"] for r in service.replies] == [False, False]
        assert service.requests[0].headers["content-type"].startswith("application/json")


def test_slack_calls_the_channel_when_somebody_has_to_act(tmp_path: Path):
    with adapters.slack(tmp_path) as world:
        receipt = send(world, notice())
        receipt = send(world, notice(NoticeKind.ESCALATED, news="nobody acknowledged it"), receipt)
        assert [r["reply_broadcast"] for r in slack_of(world).replies] == [True]
        again = send(world, notice(NoticeKind.REOPENED, news="it is back"), receipt)
        assert again["ts"] != receipt["ts"]
        assert len(slack_of(world).top) == 2


def test_slack_finds_what_was_cut_off_only_where_it_may_read(tmp_path: Path):
    for may_read, messages in ((True, 1), (False, 2)):
        service = Slack(may_read=may_read)
        with serving(service) as url:
            options = {"token": TOKEN, "api": url}
            world = World(notifier=SlackNotifier(Place(address="#data", options=options, root=tmp_path)), texts=list)
            service.troubles.append(Trouble("drop"))
            with pytest.raises(DeliveryError):
                send(world, notice())
            receipt = send(world, notice(again=True), retry=True)
            assert len(service.top) == messages
            service.troubles += [Trouble("none", times=0), Trouble("drop")]
            with pytest.raises(DeliveryError):
                send(world, ACK, receipt)
            send(world, ACK, receipt, retry=True)
            assert len(service.replies) == 1


def test_a_message_that_somebody_removed_is_still_told_in_the_thread(tmp_path: Path):
    with adapters.slack(tmp_path) as world:
        receipt = send(world, notice())
        slack_of(world).messages.clear()
        send(world, ACK, receipt)
        assert len(slack_of(world).replies) == 1


@pytest.mark.parametrize(
    ("error", "transient"),
    [("ratelimited", True), ("internal_error", True), ("not_in_channel", False), ("channel_not_found", False)],
)
def test_slack_says_what_is_wrong_with_status_200(tmp_path: Path, error: str, transient: bool):
    with adapters.slack(tmp_path) as world:
        slack_of(world).error = error
        with pytest.raises(DeliveryError, match=error) as caught:
            send(world, notice())
        assert caught.value.transient is transient


def test_data_cannot_mention_anybody_in_slack(tmp_path: Path):
    with adapters.slack(tmp_path) as world:
        send(world, notice(headline="<!channel> & <https://x|y>"))
        said = json.dumps(slack_of(world).requests[0].body)
        assert "<!channel>" not in said
        assert "&lt;!channel&gt; &amp; &lt;https://x|y&gt;" in said


# --- PagerDuty


def test_pagerduty_triggers_acknowledges_and_resolves_one_alert(tmp_path: Path):
    with adapters.pagerduty(tmp_path) as world:
        assert isinstance(world.service, PagerDuty)
        receipt: dict[str, str] = {}
        actions = []
        for said in (notice(), notice(NoticeKind.REMINDER), ACK, notice(NoticeKind.MITIGATED), DONE):
            receipt = send(world, said, receipt)
            actions.append(world.service.requests[-1].body["event_action"])
        assert actions == ["trigger", "trigger", "acknowledge", "resolve", "resolve"]
        assert world.service.opened == [notice().thread]
        said = world.service.requests[0].body
        assert said["payload"]["severity"] == "error"
        assert said["payload"]["source"] == "shop"
        assert said["payload"]["component"] == "raw.orders, column amount"
        assert said["links"] == [{"href": "https://ci.example.com/jobs/1", "text": "the job"}]
        assert receipt == {"dedup_key": notice().thread}


@pytest.mark.parametrize(
    ("severity", "word"),
    [(Severity.SEV1, "critical"), (Severity.SEV2, "error"), (Severity.SEV3, "warning"), (Severity.SEV4, "info")],
)
def test_pagerduty_severities(tmp_path: Path, severity: Severity, word: str):
    with adapters.pagerduty(tmp_path) as world:
        send(world, notice(severity=severity))
        assert world.service is not None
        assert world.service.requests[0].body["payload"]["severity"] == word


def test_a_test_pages_nobody_for_long(tmp_path: Path):
    with adapters.pagerduty(tmp_path) as world:
        send(world, notice(NoticeKind.TEST))
        assert isinstance(world.service, PagerDuty)
        assert list(world.service.alerts.values()) == ["resolve"]


def test_a_long_thread_has_a_key_that_pagerduty_takes():
    long = notice(thread="t" * 300)
    assert len(dedup_key(long)) == 64
    assert dedup_key(long) != dedup_key(notice(thread="t" * 301))


def test_an_empty_integration_key_is_refused(tmp_path: Path):
    with pytest.raises(TargetError, match="empty"):
        adapters.PagerDutyNotifier(Place(address="x", options={"key": " ", "api": "http://x"}, root=tmp_path))


# --- the webhook


def test_the_signature_is_that_of_standard_webhooks(tmp_path: Path):
    with adapters.webhook(tmp_path) as world:
        send(world, notice())
        assert isinstance(world.service, Webhook)
        (got,) = world.service.requests
        signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.raw
        mac = hmac.new(TOKEN.encode(), signed, hashlib.sha256).digest()
        assert got.headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
        assert got.headers["idempotency-key"] == got.headers["webhook-id"] == notice().key
        assert got.body["schema_version"] == 1
        assert {"id", "thread", "kind", "state", "severity", "incidents", "headline", "facts"} <= got.body.keys()


def test_a_secret_as_the_libraries_write_it(tmp_path: Path):
    """The example of the specification's own test: https://github.com/standard-webhooks/standard-webhooks."""
    from tidegate.integrations.webhook import _secret, signature

    secret = _secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    said = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    with pytest.raises(TargetError, match="base64"):
        WebhookNotifier(Place(address="http://x", options={"secret": "whsec_*"}, root=tmp_path))


@pytest.mark.parametrize("url", ["", "ftp://x", "file:///etc/passwd", "http://", "https://a b", "http://x:99999"])
def test_what_is_no_address_is_refused_and_not_shown(tmp_path: Path, url: str):
    with pytest.raises(TargetError) as caught:
        WebhookNotifier(Place(address=url, options={}, root=tmp_path))
    assert not url or url not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("17", 17), ("0", 0), ("999999999", 86_400), ("soon", None), (None, None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0)],
)
def test_retry_after(text: str | None, seconds: float | None):
    assert http_call.retry_after(text) == seconds


# --- Teams


def test_a_card_holds_in_what_teams_takes(tmp_path: Path):
    with adapters.teams(tmp_path) as world:
        send(world, notice(facts=tuple((f"fact {n}", "x" * 9000) for n in range(10))))
        assert isinstance(world.service, Teams)
        card = world.service.requests[0].body["attachments"][0]["content"]
        assert card["body"][0]["color"] == "Attention"
        assert card["actions"] == [
            {"type": "Action.OpenUrl", "title": "the job", "url": "https://ci.example.com/jobs/1"}
        ]
        send(world, DONE)
        assert world.service.requests[1].body["attachments"][0]["content"]["body"][0]["color"] == "Good"


# --- GitHub


def test_github_has_one_issue_with_comments_and_closes_it(tmp_path: Path):
    with adapters.github(tmp_path) as world:
        assert isinstance(world.service, GitHub)
        receipt = send(world, notice())
        assert receipt["url"].endswith("/issues/1")
        receipt = send(world, ACK, receipt)
        assert world.service.issues[0]["state"] == "open"
        send(world, DONE, receipt)
        (issue,) = world.service.issues
        assert (issue["state"], issue["state_reason"], issue["labels"]) == ("closed", "completed", ["tidegate"])
        assert len(world.service.comments[1]) == 2
        send(world, notice(NoticeKind.REOPENED, news="it is back"), receipt)
        assert world.service.issues[0]["state"] == "open"


def test_github_finds_the_issue_again_among_many(tmp_path: Path):
    with adapters.github(tmp_path) as world:
        assert isinstance(world.service, GitHub)
        send(world, notice())
        for number in range(250):
            world.service.issues.append({"number": number + 2, "body": None, "labels": ["tidegate"], "state": "open"})
        receipt = send(world, ACK)  # the state store was lost, and the receipt with it
        assert receipt["issue"] == "1"
        assert len(world.service.issues) == 251


def test_github_says_403_when_there_were_too_many_calls(tmp_path: Path):
    with adapters.github(tmp_path) as world:
        assert world.service is not None
        world.service.troubles.append(Trouble(403, headers={"Retry-After": "60"}))
        with pytest.raises(DeliveryError) as caught:
            send(world, notice())
        assert (caught.value.transient, caught.value.retry_after_s) == (True, 60)
        world.service.troubles.append(Trouble(403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"}))
        with pytest.raises(DeliveryError) as caught:
            send(world, notice())
        assert (caught.value.transient, caught.value.retry_after_s) == (True, 0)


def test_data_calls_nobody_and_breaks_no_table_in_github(tmp_path: Path):
    with adapters.github(tmp_path) as world:
        assert isinstance(world.service, GitHub)
        send(world, notice(headline="@torvalds <img src=x> -->", facts=(("where", "a|b\n| c"),)))
        body = world.service.issues[0]["body"]
        assert "@torvalds" not in body
        assert "<img" not in body
        assert "| where | a\\|b \\| c |" in body


# --- e-mail


def test_the_mails_of_an_incident_are_one_thread(tmp_path: Path):
    with adapters.email(tmp_path) as world:
        assert world.box is not None
        receipt = send(world, notice())
        send(world, ACK, receipt)
        (to, first), (_, second) = world.box.taken
        one, two = (message_from_bytes(raw, policy=default) for raw in (first, second))
        assert to == ["oncall@example.com", "data@example.com"]
        assert two["In-Reply-To"] == two["References"] == one["Message-ID"] != two["Message-ID"]
        assert one["Auto-Submitted"] == "auto-generated"
        assert one["From"] == "Tidegate <tidegate@example.com>"
        assert "incident 7" in one["Subject"]
        html_part = one.get_body(("html",))
        assert html_part is not None
        assert "is false for 5 of 100 rows" in html_part.get_content()
        assert not re.search(r"(src|href)=.http(?!s://ci.example.com)", html_part.get_content())


def test_a_mail_that_may_have_arrived_has_the_same_id(tmp_path: Path):
    with adapters.email(tmp_path) as world:
        assert world.box is not None
        send(world, notice())
        send(world, notice(again=True), retry=True)
        one, two = (message_from_bytes(raw, policy=default) for _, raw in world.box.taken)
        assert one["Message-ID"] == two["Message-ID"]


def test_data_cannot_add_a_header(tmp_path: Path):
    with adapters.email(tmp_path) as world:
        assert world.box is not None
        send(world, notice(headline="x\r\nBcc: everybody@example.com"))
        message = message_from_bytes(world.box.taken[0][1], policy=default)
        assert message["Bcc"] is None
        assert world.box.taken[0][0] == ["oncall@example.com", "data@example.com"]


@pytest.mark.parametrize(("reply", "transient"), [("451 try later", True), ("554 spam", False)])
def test_what_a_mail_server_refuses(tmp_path: Path, reply: str, transient: bool):
    with adapters.email(tmp_path) as world:
        assert world.box is not None
        world.box.refuse = reply
        with pytest.raises(DeliveryError, match=reply.split(maxsplit=1)[0]) as caught:
            send(world, notice())
        assert caught.value.transient is transient
        world.box.refuse, world.box.refuse_recipient = None, reply
        with pytest.raises(DeliveryError, match="recipient") as caught:
            send(world, notice())
        assert caught.value.transient is transient


def test_a_mail_server_that_hangs_or_is_not_there(tmp_path: Path):
    with adapters.email(tmp_path) as world:
        assert world.box is not None
        world.box.hang_s = 60
        with pytest.raises(DeliveryError) as caught:
            send(world, notice(), timeout_s=0.3)
        assert caught.value.transient
        assert str(caught.value).startswith("`127.0.0.1` could not be reached: ")
    with pytest.raises(DeliveryError) as caught:
        send(world, notice())
    assert caught.value.transient


def test_a_password_goes_through_tls_to_a_server_that_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pem = certificate(tmp_path)
    with mail(certificate=pem) as (box, port):
        options = {"host": "127.0.0.1", "port": str(port), "security": "starttls", "user": "ann", "password": TOKEN}

        def deliver(**changes: str) -> None:
            place = Place(address="a@example.com", options={**options, **changes}, root=tmp_path)
            EmailNotifier(place).send(Sending(notice=notice(), receipt={}, retry=False, timeout_s=60))

        with pytest.raises(DeliveryError, match="not trusted") as caught:
            deliver()
        assert not caught.value.transient
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        deliver()
        assert len(box.taken) == 1
        with pytest.raises(DeliveryError) as caught:
            deliver(password="wrong")
        assert "wrong" not in str(caught.value)
        assert not caught.value.transient
    with pytest.raises(TargetError, match="TLS"):
        deliver(security="none")


def test_a_server_without_starttls_gets_no_mail(tmp_path: Path):
    with mail() as (box, port):
        options = {"host": "127.0.0.1", "port": str(port), "security": "starttls"}
        with pytest.raises(DeliveryError) as caught:
            EmailNotifier(Place(address="a@example.com", options=options, root=tmp_path)).send(
                Sending(notice=notice(), receipt={}, retry=False, timeout_s=60)
            )
        assert not caught.value.transient
        assert box.taken == []


@pytest.mark.parametrize(
    ("address", "changes"),
    [("", {}), ("nobody", {}), ("a@b\r\nx", {}), ("a@b.c", {"port": "0"}), ("a@b.c", {"security": "ssl"})],
)
def test_a_mail_target_that_cannot_be(tmp_path: Path, address: str, changes: dict[str, str]):
    options = {"host": "h", "port": "25", "security": "none", **changes}
    with pytest.raises(TargetError):
        EmailNotifier(Place(address=address, options=options, root=tmp_path))


# --- a file


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    world = World(notifier=FileNotifier(Place(address="out.jsonl", options={}, root=tmp_path)), texts=list)
    send(world, notice())
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    send(world, notice(key="b", again=True), retry=True)
    lines = path.read_bytes().split(b"\n")
    assert [json.loads(line)["id"] for line in (lines[0], lines[2])] == [notice().key, "b"]


def _write_many(root: Path, name: str) -> None:
    notifier = FileNotifier(Place(address="out.jsonl", options={}, root=root))
    for number in range(50):
        said = notice(key=f"{name}{number}", headline="x" * 5000)
        notifier.send(Sending(notice=said, receipt={}, retry=False, timeout_s=60))


def test_lines_of_several_processes_do_not_mix(tmp_path: Path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write_many, args=(tmp_path, name)) for name in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    ids = {json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text().splitlines()}
    assert len(ids) == 150


def test_a_file_that_cannot_be_written_is_transient(tmp_path: Path):
    (tmp_path / "out.jsonl").mkdir()
    world = World(notifier=FileNotifier(Place(address="out.jsonl", options={}, root=tmp_path)), texts=list)
    with pytest.raises(DeliveryError, match=r"out\.jsonl") as caught:
        send(world, notice())
    assert caught.value.transient
