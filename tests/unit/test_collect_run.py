"""One `make collect` against an API of our own making, over real HTTP."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from candle_collector.answers import Status
from pydantic import TypeAdapter
from rich.console import Console

from background.places import Places
from background.progress import StackError
from cli.client import ApiRefusedError, Refusal
from cli.collect.display import PlainDisplay
from cli.collect.run import Stalled, collect, follow_retry
from tests.unit.fake_collector_api import RUN, FakeApi, status, symbol
from tests.unit.test_collect_arguments import parse


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = FakeApi()
    serving = threading.Thread(target=fake.server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()
    serving.join()


@pytest.fixture
def root(tmp_path: Path, api: FakeApi) -> Path:
    (tmp_path / ".local").mkdir()
    stack = {
        "api_url": api.url,
        "api_key": "a-key",
        "aws_endpoint_url": "http://127.0.0.1:1",
        "exchange_url": api.url,
        "exchange": "simulated",
        "state_dir": str(tmp_path / ".local" / "simulated"),
    }
    (tmp_path / ".local" / "stack.json").write_text(json.dumps(stack))
    return tmp_path


class Home:
    """Stands for a home that is up already, unless it is given what happens when it is brought up."""

    def __init__(self, bring_up: Callable[[], None] | None = None) -> None:
        self.saved = 0
        self.has_ended = False
        self._bring_up = bring_up

    def up(self, asked_exchange: str) -> None:  # noqa: ARG002 - the tests' homes have one exchange
        """Do what was given."""
        if self._bring_up is not None:
            self._bring_up()

    def save(self) -> None:
        """Count."""
        self.saved += 1

    def is_gone(self) -> bool:
        """Say what the test wants."""
        return self.has_ended


def do_not_wait(_seconds: float) -> None:
    """Look again at once."""


def ran(
    root: Path,
    *argv: str,
    home: Home | None = None,
    wait: Callable[[float], None] = do_not_wait,
) -> tuple[int, str]:
    screen = io.StringIO()
    places = Places(root / ".local", root / "logs", 1, 2, 3)
    code = collect(parse(list(argv)), places, Console(file=screen, width=120), home or Home(), wait)
    return code, screen.getvalue()


def test_a_run_that_ends_complete_is_reported_with_its_totals_and_how_to_read_it(root: Path, api: FakeApi) -> None:
    api.statuses = [
        (200, status(symbol("BTCUSDT", "running", 1000), symbol("ETHUSDT", "pending"), running=True)),
        (200, status(symbol("BTCUSDT", "complete", 2160, requests=3), symbol("ETHUSDT", "complete", 2160, requests=3))),
    ]
    code, screen = ran(root)
    assert code == 0
    assert "0/2 series (23%) | 1,000 candles | 2 requests | 1 running, 1 pending | about 3 s left" in screen
    assert "4,320 candles stored in 4 s (1,080 candles/s), the exchange counted 6 candle requests." in screen
    assert "They came from simulated and lie in the local DynamoDB (http://127.0.0.1:1), kept in" in screen
    assert f'curl -s "{api.url}/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=3"' in screen
    assert "make collect TOP=100 START=2025-01-01" in screen
    assert "See it in a browser: make dashboard" in screen
    assert "\x1b" not in screen
    assert "a-key" not in screen


def test_what_is_reported_was_saved_before(root: Path, api: FakeApi) -> None:
    api.statuses = [(200, status(symbol("BTCUSDT", "skipped")))]
    home = Home()
    assert ran(root, home=home)[0] == 0
    assert home.saved == 1


def test_the_default_days_are_those_of_the_exchanges_clock(root: Path, api: FakeApi) -> None:
    api.statuses = [(200, status(symbol("BTCUSDT", "skipped")))]
    ran(root)
    assert api.bodies_triggered() == [{"mode": "backward", "start_date": "2025-10-03", "top_n": 20}]


def test_what_the_api_took_otherwise_than_asked_is_reported(root: Path, api: FakeApi) -> None:
    api.trigger[1]["note"] = "end_date was cut at 2025-12-31T23:00:00Z, the last closed hour"
    api.statuses = [(200, status(symbol("BTCUSDT", "skipped")))]
    assert "end_date was cut" in ran(root, "--end", "2030-01-01")[1]


def test_every_call_of_the_api_carries_the_key(root: Path, api: FakeApi) -> None:
    api.statuses = [(200, status(symbol("BTCUSDT", "skipped")))]
    ran(root)
    assert {key for target, _, key in api.requested if "/api/admin/" in target} == {"a-key"}
    assert {key for target, _, key in api.requested if "/api/admin/" not in target} == {None}


def test_what_is_partial_or_failed_is_reported_with_reason_and_windows_and_ends_non_zero(
    root: Path, api: FakeApi
) -> None:
    gap = {"start": "2025-11-01T00:00:00Z", "end": "2025-11-01T05:00:00Z", "candles": 5}
    error = {"kind": "timeout", "message": "No answer.", "http_status": None, "exchange_code": None, "attempts": 4}
    api.statuses = [
        (
            200,
            status(
                symbol("BTCUSDT", "complete", 2160),
                symbol("ETHUSDT", "partial", 9, missing=[gap], missing_candles=7, error=error),
            ),
        )
    ]
    code, screen = ran(root)
    assert code == 1
    assert "No answer. [timeout, 4 attempts]" in screen
    assert "ETHUSDT 1h  2025-11-01 00:00 to 2025-11-01 04:00 (5 candles)" in screen
    assert "ETHUSDT 1h  and 2 more candles" in screen


def test_what_a_crypto_holds_is_shown_from_the_hour_of_its_first_candle(root: Path, api: FakeApi) -> None:
    held = {"first": "2025-11-01T09:00:00Z", "last": "2025-11-30T23:00:00Z"}
    api.statuses = [(200, status(symbol("NEWUSDT", "complete", 711, **held)))]
    _, screen = ran(root)
    assert "2025-11-01 09:00 to 2025-11-30 23:00" in screen


def test_a_run_that_was_ended_early_says_why(root: Path, api: FakeApi) -> None:
    ended = status(symbol("BTCUSDT", "failed"))
    ended["last_results"]["end_reason"] = "cancelled"
    api.statuses = [(200, ended)]
    code, screen = ran(root)
    assert code == 1
    assert "ended before it was done: cancelled." in screen


def test_a_run_of_many_lists_only_what_is_amiss(root: Path, api: FakeApi) -> None:
    fine = [symbol(f"C{number}USDT", "complete", 24) for number in range(99)]
    api.statuses = [(200, status(*fine, symbol("BADUSDT", "failed")))]
    _, screen = ran(root, "--top", "100")
    assert "BADUSDT" in screen
    assert "C98USDT" not in screen


def test_what_fails_for_one_reason_is_reported_once_and_not_for_every_crypto(root: Path, api: FakeApi) -> None:
    error = {"kind": "refused", "message": "Not from this region.", "http_status": 451, "attempts": 1}
    gap = {"start": "2025-11-01T00:00:00Z", "end": "2025-11-01T05:00:00Z", "candles": 5}
    api.statuses = [
        (
            200,
            status(
                *(
                    symbol(f"C{number}USDT", "failed", error=error, missing=[gap], missing_candles=5)
                    for number in range(100)
                )
            ),
        )
    ]
    _, screen = ran(root, "--top", "100")
    assert screen.count("100 failed: Not from this region. [refused, HTTP 451, 1 attempt]") == 1
    assert "and 75 more" in screen


def in_progress() -> tuple[int, Any]:
    return 409, {"error": {"code": "COLLECTION_IN_PROGRESS", "message": "A collection is running.", "run_id": "OTHER"}}


def test_a_run_starts_when_the_active_one_has_ended_and_reports_its_own_result(root: Path, api: FakeApi) -> None:
    started, api.trigger = api.trigger, in_progress()
    api.statuses = [
        (200, status(symbol("XUSDT", "failed"))),
        (200, status(symbol("BTCUSDT", "complete", 24))),
    ]

    def wait(_seconds: float) -> None:
        api.trigger = started

    code, screen = ran(root, wait=wait)
    assert code == 0
    assert "Run OTHER is active, and one runs at a time: yours starts when it has ended." in screen
    assert f"Run {RUN}: backward" in screen
    assert len(api.bodies_triggered()) == 2
    assert "XUSDT" not in screen.partition("Result")[2]


def test_an_active_run_that_is_not_written_down_yet_is_waited_for(root: Path, api: FakeApi) -> None:
    started, api.trigger = api.trigger, in_progress()
    api.statuses = [
        (404, {"error": {"code": "NOT_FOUND", "message": "There is no run OTHER."}}),
        (200, status(symbol("BTCUSDT", "complete", 24))),
    ]

    def wait(_seconds: float) -> None:
        api.trigger = started

    code, screen = ran(root, wait=wait)
    assert code == 0
    assert f"Run {RUN}: backward" in screen
    assert "OTHER" not in screen


def test_runs_that_are_active_all_the_time_end_with_2(root: Path, api: FakeApi) -> None:
    api.trigger = in_progress()
    api.statuses = [(200, status(symbol("BTCUSDT", "complete", 24)))]
    code, screen = ran(root)
    assert code == 2
    assert "yours was not started" in screen


def test_ctrl_c_while_another_run_is_active_says_that_nothing_was_started(root: Path, api: FakeApi) -> None:
    def press_ctrl_c(_seconds: float) -> None:
        raise KeyboardInterrupt

    api.trigger = in_progress()
    api.statuses = [(200, status(symbol("BTCUSDT", "running"), running=True))]
    code, screen = ran(root, wait=press_ctrl_c)
    assert code == 130
    assert "What you asked for was not started." in screen


def test_an_exchange_that_dies_in_mid_run_is_named() -> None:
    now = [0.0]
    looks: list[str | None] = []

    class Info:
        exchange = SimpleNamespace(reachable=False, base_url="http://127.0.0.1:1")
        health = SimpleNamespace(state="running", sentence="Running: 0 of 1 series done.", remedy=None)

    stalled = Stalled(SimpleNamespace(system_info=Info), clock=lambda: now[0])  # type: ignore[arg-type] # an API's part
    held = TypeAdapter(Status).validate_python(status(symbol("BTCUSDT", "running", 1), running=True))
    for now[0] in (0.0, 1.0, 2.0, 3.0, 4.0):
        looks.append(stalled.reason(held))
    assert looks[:3] == [None, None, None]
    assert str(looks[3]).startswith("The exchange at http://127.0.0.1:1 does not answer; nothing was stored since ")
    assert looks[4] == looks[3]
    moved = TypeAdapter(Status).validate_python(status(symbol("BTCUSDT", "running", 2), running=True))
    assert stalled.reason(moved) is None


@pytest.mark.parametrize("named", [RUN, None])
def test_a_retry_says_which_run_it_is_of(root: Path, api: FakeApi, named: str | None) -> None:
    api.statuses = [(200, status(symbol("BTCUSDT", "complete", 24)))]
    api.trigger[1]["note"] = f"a retry of {RUN}"
    screen, places = io.StringIO(), Places(root / ".local", root / "logs", 1, 2, 3)
    assert not isinstance(follow_retry(named, places, Console(file=screen, width=120), Home(), do_not_wait), int)
    assert f"a retry of {RUN}" in screen.getvalue()
    retried = [target for target, *_ in api.requested if target.endswith("/retry")]
    assert retried == [f"/api/admin/collect/runs/{named or 'newest'}/retry"]


FULL = "Needs you: nothing can be stored: database or disk is full."
ROOM = "Make room. It is tried again by itself, and what was stored is safe."


def no_room(*, refused: bool) -> Any:
    """Answer as an archive whose disk is full: by its first sentence, or by its refusal."""
    if refused:
        raise ApiRefusedError(503, Refusal("DATABASE_UNAVAILABLE", f"{FULL} {ROOM}"))
    return archive_that_says("needs_you", FULL, ROOM)


def archive_that_says(state: str, sentence: str, remedy: str | None = None, *, reachable: bool = True) -> Any:
    return SimpleNamespace(
        exchange=SimpleNamespace(reachable=reachable, base_url="http://127.0.0.1:1"),
        health=SimpleNamespace(state=state, sentence=sentence, remedy=remedy),
    )


@pytest.mark.parametrize("refused", [False, True])
def test_what_the_archive_needs_is_said_beside_a_run_that_stands_still_until_it_is_over(*, refused: bool) -> None:
    now = [0.0]
    running = archive_that_says("running", "Running: 0 of 1 series done.")
    does_not_answer = archive_that_says("running", "Running: 0 of 1 series done.", reachable=False)
    other = archive_that_says("needs_you", "Needs you: the exchange refuses us.", reachable=False)
    answers = [other, does_not_answer, running]

    def system_info() -> Any:
        return no_room(refused=refused) if now[0] < 9 else answers.pop(0)

    api = SimpleNamespace(system_info=system_info)
    stalled = Stalled(api, clock=lambda: now[0])  # type: ignore[arg-type] # an API's part
    held = TypeAdapter(Status).validate_python(status(symbol("BTCUSDT", "running", 1), running=True))
    looks: list[str | None] = [stalled.reason(held)]
    screen = io.StringIO()
    display = PlainDisplay(Console(file=screen, width=400), clock=lambda: now[0])
    for now[0] in (3.0, 4.0, 6.0, 9.0, 12.0, 15.0):
        looks.append(stalled.reason(held))
        display.show(held, looks[-1])
    assert looks[:5] == [None, *[f"{FULL} {ROOM}"] * 3, "Needs you: the exchange refuses us."]
    assert str(looks[5]).startswith("The exchange at http://127.0.0.1:1 does not answer")
    assert looks[6] is None
    assert screen.getvalue().count(FULL) == 1
    assert FULL not in screen.getvalue().splitlines()[-1]


def test_an_exchange_that_keeps_no_count_leaves_the_workers_count(root: Path, api: FakeApi) -> None:
    api.klines_counts = []
    api.statuses = [(200, status(symbol("BTCUSDT", "complete", 24)))]
    assert "1 candle request by the workers' count" in ran(root)[1]


@pytest.mark.parametrize(
    ("http_status", "answer", "reported"),
    [
        (401, {"error": {"code": "MISSING_API_KEY", "message": "No key."}}, "MISSING_API_KEY: No key."),
        (403, {"error": {"code": "INVALID_API_KEY", "message": "Not a key."}}, "`make up`"),
        (
            400,
            {"error": {"code": "INVALID_REQUEST", "message": "start_date: in the future", "field": "start_date"}},
            "Correct START",
        ),
        (503, {"error": {"code": "EXCHANGE_UNAVAILABLE", "message": "Down."}}, "EXCHANGE=simulated"),
        (409, {"error": {"code": "OTHER", "message": "Names no run."}}, "Names no run."),
        (409, {"error": {"code": "NOTHING_TO_RETRY", "message": "All is there.", "run_id": RUN}}, "All is there."),
        (502, b"<html>", "logs/"),
        (202, b"<html>", "logs/"),
    ],
)
def test_a_trigger_that_is_refused_is_reported_with_a_remedy_and_ends_with_2(
    root: Path, api: FakeApi, http_status: int, answer: Any, reported: str
) -> None:
    api.trigger = (http_status, answer)
    code, screen = ran(root)
    assert code == 2
    assert reported in screen


def test_an_api_that_is_not_there_is_reported_with_make_up(root: Path, api: FakeApi) -> None:
    api.server.server_close()
    stack = json.loads((root / ".local" / "stack.json").read_text())
    code, screen = ran(root)
    assert code == 2
    assert f"nothing listens at {stack['api_url']}" in screen
    assert "make up" in screen


def test_a_stack_that_does_not_come_up_starts_nothing(root: Path, api: FakeApi) -> None:
    def fail() -> None:
        raise StackError("The local stack is not up.")

    code, screen = ran(root, home=Home(fail))
    assert (code, screen.strip()) == (2, "The local stack is not up.")
    assert api.requested == []


def test_a_stack_file_that_is_missing_is_reported_with_make_up(root: Path) -> None:
    (root / ".local" / "stack.json").unlink()
    code, screen = ran(root)
    assert code == 2
    assert "`make up`" in screen


def test_an_api_that_is_away_for_a_while_does_not_end_the_display(root: Path, api: FakeApi) -> None:
    api.statuses = [
        (500, {"message": "Internal server error"}),
        (429, {"message": "Too Many Requests"}),
        (200, b"half an ans"),
        (200, status(symbol("BTCUSDT", "complete", 24))),
    ]
    code, screen = ran(root)
    assert code == 0
    assert screen.count("looking again") == 1


def test_an_api_that_stays_away_ends_the_display_and_says_that_the_run_may_go_on(root: Path, api: FakeApi) -> None:
    api.statuses = [(500, {"message": "Internal server error"})]
    code, screen = ran(root)
    assert code == 2
    assert f"run {RUN} may go on" in screen
    assert [f"No status for {seconds} s (500: Internal server error)" in screen for seconds in range(10, 90, 10)] == [
        True
    ] * 8
    assert screen.count("looking again") == 9


def test_a_server_that_was_killed_is_known_at_once_with_what_to_do(root: Path, api: FakeApi) -> None:
    home, waits = Home(), []

    def kill(seconds: float) -> None:
        waits.append(seconds)
        api.server.shutdown()
        api.server.server_close()
        home.has_ended = True

    api.statuses = [(200, status(symbol("BTCUSDT", "running", 1), running=True))]
    code, screen = ran(root, home=home, wait=kill)
    assert (code, len(waits)) == (2, 1), "nothing is waited for after it is gone"
    assert f"What collects has ended before run {RUN} did (nothing listens at {api.url})." in screen
    assert "`make up` starts it again, and `make status` shows the run." in screen


@pytest.mark.parametrize("is_killed", [True, False])
def test_a_server_that_is_gone_while_another_run_is_waited_for_leaves_the_own_one_not_started(
    *, is_killed: bool, root: Path, api: FakeApi
) -> None:
    home = Home()

    def end(_seconds: float) -> None:
        api.server.shutdown()
        api.server.server_close()
        home.has_ended = is_killed

    api.trigger = in_progress()
    api.statuses = [(200, status(symbol("BTCUSDT", "running", 1), running=True))]
    code, screen = ran(root, home=home, wait=end)
    assert code == 2
    assert "What you asked for was not started: ask again afterwards." in screen


def test_ctrl_c_leaves_the_run_going_and_says_how_to_look_at_it(root: Path, api: FakeApi) -> None:
    def press_ctrl_c(_seconds: float) -> None:
        raise KeyboardInterrupt

    api.statuses = [(200, status(symbol("BTCUSDT", "running", 1), running=True))]
    code, screen = ran(root, wait=press_ctrl_c)
    assert code == 130
    assert f"Run {RUN} goes on" in screen
    assert "make cancel" in screen
    assert "make retry" in screen
    assert f"{api.url}/api/admin/collect/status?run_id={RUN}" in screen


def test_ctrl_c_before_the_trigger_says_that_nothing_was_started(root: Path, api: FakeApi) -> None:
    def press_ctrl_c() -> None:
        raise KeyboardInterrupt

    code, screen = ran(root, home=Home(press_ctrl_c))
    assert code == 130
    assert "before anything was started" in screen
    assert api.requested == []


def test_a_run_without_results_is_not_a_success(root: Path, api: FakeApi) -> None:
    ended = status(symbol("BTCUSDT", "complete"))
    ended["last_results"] = None
    api.statuses = [(200, ended)]
    code, screen = ran(root)
    assert code == 1
    assert "ended without results" in screen


def test_workers_that_started_cold_during_the_run_are_counted_by_invocation(root: Path, api: FakeApi) -> None:
    def line(request: str, moment: str, *, cold: bool) -> str:
        return json.dumps({"function_request_id": request, "timestamp": moment, "cold_start": cold}) + "\n"

    (root / "logs").mkdir()
    (root / "logs" / "archive-local-worker.log.1").write_text(
        line("before", "2026-11-23 09:59:59,000+0000", cold=True)
        + line("one", "2026-11-23 10:00:01,000+0000", cold=True)
    )
    (root / "logs" / "archive-local-worker.log").write_text(
        line("one", "2026-11-23 10:00:02,000+0000", cold=True)
        + line("two", "2026-11-23 10:00:02,000+0000", cold=True)
        + line("three", "2026-11-23 10:00:03,000+0000", cold=False)
        + "START RequestId: four\n"
    )
    (root / "logs" / "archive-local-status.log").write_text(line("five", "2026-11-23 10:00:03,000+0000", cold=True))
    api.statuses = [(200, status(symbol("BTCUSDT", "complete", 24)))]
    assert "2 workers started cold." in ran(root)[1]
