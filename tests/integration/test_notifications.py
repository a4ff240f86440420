"""Notices of an archive at home, taken by a real web server and a real mail server on this machine."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from candle_collector.adapters.log_events import LogEvents
from candle_collector.adapters.notifications.channels import Channels, within
from candle_collector.adapters.notifications.mail import Mail as MailByAddress
from candle_collector.adapters.notifications.webhook import Webhook as WebhookByAddress
from candle_collector.adapters.notifying_events import TRIED_FOR, NotifyingEvents
from candle_collector.domain.health import Health
from candle_collector.domain.notice import Notice
from candle_collector.domain.notify_addresses import MailAddress, mail_address, webhook_address
from candle_collector.domain.run import Run
from candle_collector.errors import CollectorError, SettingError
from candle_collector.settings import Settings

from tests.fakes.world import World
from tests.hourly import hour_of
from tests.receivers import MailReceiver, WebhookReceiver, mail_receiver, webhook_receiver

# aiosmtpd leaves the end of a connection to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

HEALTH = Health("needs_you", "Needs you: 966 hours are missing in 6 cryptos.", "Run gap_fill.", "incomplete")
NOTICE = Notice("n1", "A subject", {"text": "Zwölf candles — 币安", "run_id": "1"})
SECRET = "Bearer s3cret-token"  # noqa: S105 - guards nothing


def webhook(url: str, authorization: str = "") -> WebhookByAddress:
    return WebhookByAddress(webhook_address(url, authorization))


def mail_by(url: str, recipient: str) -> MailByAddress:
    return MailByAddress(mail_address(url, recipient))


@pytest.fixture
def hook() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as receiver:
        yield receiver


@pytest.fixture
def post() -> Iterator[MailReceiver]:
    with mail_receiver("p@ss:word/") as receiver:
        yield receiver


def test_a_webhook_gets_json_with_its_secret_in_a_header_alone(hook: WebhookReceiver) -> None:
    webhook(hook.url, SECRET).send(NOTICE)
    webhook(hook.url).send(NOTICE)
    (first, second) = hook.posted
    assert (first.path, first.headers["Authorization"], first.body) == ("/T0KEN/hook", SECRET, dict(NOTICE.body))
    assert first.headers["Content-Type"] == "application/json"
    assert "Authorization" not in second.headers


def test_a_redirect_and_an_error_are_not_taken_for_an_answer(hook: WebhookReceiver) -> None:
    for status in (302, 307, 404, 500):
        hook.statuses = [status]
        with pytest.raises(CollectorError, match=f"it answered {status}"):
            webhook(hook.url, SECRET).send(NOTICE)
    assert {posted.path for posted in hook.posted} == {"/T0KEN/hook"}


def test_a_proxy_or_a_netrc_of_the_environment_changes_nothing(
    hook: WebhookReceiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    webhook(hook.url, SECRET).send(NOTICE)
    assert hook.posted[0].headers["Authorization"] == SECRET


def test_nothing_that_is_said_of_a_webhook_holds_its_address(hook: WebhookReceiver) -> None:
    hook.close()
    way = webhook(hook.url, SECRET)
    with pytest.raises(CollectorError) as raised:
        way.send(NOTICE)
    for text in (str(raised.value), way.name):
        assert "T0KEN" not in text
        assert "s3cret" not in text
    assert way.name == "the webhook at 127.0.0.1"


def test_a_mail_is_sent_after_a_login(post: MailReceiver) -> None:
    mail = mail_by(f"smtp://me%40example.org:p%40ss%3Aword%2F@127.0.0.1:{post.port}", "you@example.org")
    mail.send(NOTICE)
    ((sender, recipients, message),) = post.mails
    assert (sender, recipients) == ("me@example.org", ["you@example.org"])
    assert (message["Subject"], message["To"], message["From"]) == ("A subject", "you@example.org", "me@example.org")
    assert message.get_content().strip() == NOTICE.text
    assert message["Date"]
    assert post.logins == [("me@example.org", "p@ss:word/")]


def test_a_sender_may_be_named_and_a_server_may_need_no_login() -> None:
    with mail_receiver() as receiver:
        url = f"smtp://127.0.0.1:{receiver.port}"
        mail_by(f"{url}?from=archive@example.org", "you@example.org").send(NOTICE)
        mail_by(url, "you@example.org").send(NOTICE)
        assert [sender for sender, _, _ in receiver.mails] == ["archive@example.org", "you@example.org"]


def test_a_mail_that_is_refused_says_so_without_a_password(post: MailReceiver) -> None:
    with pytest.raises(CollectorError, match="it answered 535") as raised:
        mail_by(f"smtp://me:wr0ng@127.0.0.1:{post.port}", "you@example.org").send(NOTICE)
    assert "wr0ng" not in str(raised.value)
    post.refuses_with = "554 no thanks"
    with pytest.raises(CollectorError, match="it answered 554"):
        mail_by(f"smtp://me:p%40ss%3Aword%2F@127.0.0.1:{post.port}", "you@example.org").send(NOTICE)


def test_a_mail_server_that_is_gone_is_named() -> None:
    with mail_receiver() as receiver:
        mail = mail_by(f"smtp://127.0.0.1:{receiver.port}", "you@example.org")
    with pytest.raises(CollectorError, match=r"did not take the mail \(ConnectionRefusedError\)"):
        mail.send(NOTICE)


def test_a_password_is_not_sent_to_another_machine_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_receiver() as receiver:
        mail = mail_by(f"smtp://me:word@127.0.0.1:{receiver.port}", "you@example.org")
        monkeypatch.setattr("candle_collector.adapters.notifications.mail.LOOPBACK", frozenset())
        with pytest.raises(CollectorError, match="SMTPNotSupportedError"):
            mail.send(NOTICE)
        assert receiver.logins == []


def test_a_server_that_answers_a_letter_at_a_time_is_left_after_seconds(hook: WebhookReceiver) -> None:
    hook.drips = True
    began = time.monotonic()
    with pytest.raises(CollectorError, match=r"the webhook at 127.0.0.1 did not take it: no answer in 1 s"):
        Channels([webhook(hook.url)], seconds=1).send(NOTICE)
    assert time.monotonic() - began < 3


def test_each_way_gets_a_notice_once_however_often_another_fails(hook: WebhookReceiver) -> None:
    with mail_receiver() as receiver:
        ways = Channels([webhook(hook.url), mail_by(f"smtp://127.0.0.1:{receiver.port}", "you@example.org")])
        hook.statuses = [503, 503]
        for _ in range(2):
            with pytest.raises(CollectorError, match="it answered 503"):
                ways.send(NOTICE)
        ways.send(NOTICE)
        ways.send(NOTICE)
        assert (len(hook.posted), len(receiver.mails)) == (3, 1)
        ways.send(replace(NOTICE, name="n2"))
        assert (len(hook.posted), len(receiver.mails)) == (4, 2)


def test_what_a_step_raises_is_raised_to_who_waits() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        within(5, fail)


def test_settings_name_the_ways(tmp_path: Path) -> None:
    nothing = Settings({})
    assert (nothing.notify_webhook, nothing.notify_mail) == (None, None)
    (tmp_path / "secret").write_text("Bearer x\n")
    (tmp_path / "smtp").write_text("smtps://me:word@mail.example.org\n")
    named = Settings(
        {
            "NOTIFY_WEBHOOK_URL": "https://hooks.example.org/a",
            "NOTIFY_WEBHOOK_SECRET_FILE": str(tmp_path / "secret"),
            "NOTIFY_EMAIL": "you@example.org",
            "NOTIFY_SMTP_URL_FILE": str(tmp_path / "smtp"),
        }
    )
    assert named.notify_webhook is not None
    assert (named.notify_webhook.host, named.notify_webhook.authorization) == ("hooks.example.org", "Bearer x")
    assert named.notify_mail == MailAddress(
        "you@example.org", "you@example.org", "mail.example.org", 465, is_tls=True, user="me", password="word"
    )
    for secret in ("Bearer", "/a", "word"):
        assert secret not in repr((named.notify_webhook, named.notify_mail))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"NOTIFY_WEBHOOK_URL": "ftp://t0ken@host/"}, "NOTIFY_WEBHOOK_URL cannot be used"),
        ({"NOTIFY_WEBHOOK_URL": "https://user:t0ken@host/"}, "NOTIFY_WEBHOOK_URL cannot be used"),
        ({"NOTIFY_WEBHOOK_URL": "https://host:t0ken/"}, "NOTIFY_WEBHOOK_URL cannot be used"),
        ({"NOTIFY_WEBHOOK_URL": "t0ken"}, "NOTIFY_WEBHOOK_URL cannot be used"),
        ({"NOTIFY_WEBHOOK_SECRET": "t0ken"}, "NOTIFY_WEBHOOK_URL is not"),
        ({"NOTIFY_WEBHOOK_URL": "http://example.org/", "NOTIFY_WEBHOOK_SECRET": "t0ken"}, "use https"),
        ({"NOTIFY_WEBHOOK_URL": "https://example.org/", "NOTIFY_WEBHOOK_SECRET": "t0ken\r\nX: y"}, "one line"),
        ({"NOTIFY_WEBHOOK_SECRET": "t0ken", "NOTIFY_WEBHOOK_SECRET_FILE": "/x"}, "both set"),
        ({"NOTIFY_WEBHOOK_SECRET_FILE": "/nowhere/secret"}, "cannot be read: FileNotFoundError"),
        ({"NOTIFY_EMAIL": "you@example.org"}, "both set, or neither"),
        ({"NOTIFY_SMTP_URL": "smtp://:t0ken@host"}, "both set, or neither"),
        ({"NOTIFY_EMAIL": "a@b", "NOTIFY_SMTP_URL": "http://:t0ken@host"}, "NOTIFY_SMTP_URL cannot be used"),
        ({"NOTIFY_EMAIL": "a@b", "NOTIFY_SMTP_URL": "smtp://t0ken:x:y@ho[st"}, "NOTIFY_SMTP_URL cannot be used"),
        ({"NOTIFY_EMAIL": "a@b", "NOTIFY_SMTP_URL": "smtp://host?from=t0ken"}, "not a mail address"),
    ],
)
def test_settings_that_cannot_be_used_are_named_without_their_secret(settings: dict[str, str], said: str) -> None:
    with pytest.raises(SettingError, match=said) as raised:
        _ = Settings(settings).notify_webhook, Settings(settings).notify_mail
    assert "t0ken" not in str(raised.value)


def events(world: World, hook: WebhookReceiver, wanted: str = "all") -> NotifyingEvents:
    return NotifyingEvents(
        LogEvents("local"),
        Channels([webhook(hook.url)], seconds=5),
        stage="local",
        wanted=wanted,
        health=lambda: HEALTH,
        clock=world.clock,
    )


def collect(world: World) -> Run:
    now = hour_of(world.clock.now())
    return world.collect(start=now - 48, end=now)


@pytest.fixture
def world() -> World:
    now = hour_of(World({}).clock.now())
    return World({"BTCUSDT": range(now - 72, now + 1)})


def test_the_end_of_a_run_is_the_events_detail_and_the_sentence(world: World, hook: WebhookReceiver) -> None:
    world.events = events(world, hook)  # type: ignore[assignment] # another event bus
    run = collect(world)
    ((_, _, body),) = hook.posted
    latest = body.pop("latest_candle")
    assert latest.endswith(":00:00Z")
    counts = {"complete": 1, "partial": 0, "failed": 0, "skipped": 0, "records": 48}
    summary = "1 complete, 0 partial, 0 failed, 0 skipped; 48 candles stored"
    assert body == {
        "run_id": run.run_id,
        "stage": "local",
        "mode": "backward",
        "outcome": "complete",
        "summary": summary,
        "counts": counts,
        "state": "needs_you",
        "sentence": HEALTH.sentence,
        "remedy": HEALTH.remedy,
        "text": f"candle-collector local: the backward run {run.run_id} ended complete: {summary}.\n"
        f"{HEALTH.sentence}\n{HEALTH.remedy}",
    }
    assert world.runs.open_runs() == []


@pytest.mark.parametrize(
    ("wanted", "counts", "sent"),
    [
        ("failed", {"failed": 1}, True),
        ("failed", {"partial": 1}, False),
        ("partial", {"failed": 1}, True),
        ("partial", {"partial": 1}, True),
        ("partial", {"complete": 1}, False),
        ("all", {"complete": 1}, True),
        ("all", {"skipped": 3}, True),
    ],
)
def test_the_runs_that_were_asked_for_are_notified_of(
    world: World, hook: WebhookReceiver, wanted: str, counts: dict[str, int], *, sent: bool
) -> None:
    events(world, hook, wanted).collection_ended(collect(world), counts, None)
    assert bool(hook.posted) is sent


def test_a_webhook_that_fails_holds_up_no_run_and_is_tried_again(world: World, hook: WebhookReceiver) -> None:
    world.events = events(world, hook)  # type: ignore[assignment] # another event bus
    hook.statuses = [500, 500]
    now = hour_of(world.clock.now())
    run = world.start(start=now - 48, end=now)
    while world.deliver():
        pass
    assert world.ended(run.run_id)
    assert world.runs.open_runs() == [run.run_id]
    assert world.start(start=now - 50, end=now).run_id != run.run_id  # the next may begin
    for _ in range(2):
        world.clock.advance(60)
        world.tend()
    assert run.run_id not in world.runs.open_runs()
    assert [posted.body["run_id"] for posted in hook.posted].count(run.run_id) == 3


def test_a_webhook_that_fails_for_an_hour_is_given_up_and_the_log_says_so(
    world: World, hook: WebhookReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    world.events = events(world, hook)  # type: ignore[assignment] # another event bus
    hook.statuses = 100 * [500]
    now = hour_of(world.clock.now())
    run = world.start(start=now - 48, end=now)
    while world.deliver():
        pass
    world.clock.advance((TRIED_FOR - timedelta(minutes=1)).total_seconds())
    world.tend()
    assert world.runs.open_runs() == [run.run_id]
    world.clock.advance(60)
    with caplog.at_level(logging.INFO):
        world.tend()
    assert world.runs.open_runs() == []
    assert {"a notice is given up", "collection ended"} <= {record.message for record in caplog.records}
    assert "T0KEN" not in caplog.text


def test_an_archive_that_cannot_say_how_it_stands_is_notified_of_as_such(world: World, hook: WebhookReceiver) -> None:
    def fail() -> Health:
        raise CollectorError("the database is gone")

    settings: dict[str, Any] = {"stage": "local", "wanted": "all", "health": fail, "clock": world.clock}
    bus = NotifyingEvents(LogEvents("local"), Channels([webhook(hook.url)]), **settings)
    bus.collection_ended(collect(world), {"complete": 1}, None)
    assert "does not say how it stands: the database is gone" in hook.posted[0].body["sentence"]
