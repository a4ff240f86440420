"""The facts of the first sentence, as they are read from what runs leave behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from candle_collector.collecting.control_run import cancel_run, retry_run, run_to_retry
from candle_collector.collecting.failed_turn import keep_failed_turn
from candle_collector.collecting.scheduled_start import keeping_failure
from candle_collector.domain import windows
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.interval import moment_at
from candle_collector.domain.run import Failure
from candle_collector.domain.series_message import SeriesMessage
from candle_collector.errors import (
    CollectionInProgressError,
    CollectorError,
    MarketUnavailableError,
    NotFoundError,
    NothingToRetryError,
)
from candle_collector.reading.report_health import Schedules, look, report_health

from tests.fakes.exchange import synthetic_candle
from tests.fakes.world import World
from tests.hourly import hour_of, hourly
from tests.unit.test_report_system import Probe, deployed, report

REGION = "The exchange refuses this region (451). Use another place."


@pytest.fixture
def world() -> World:
    """Return a world whose exchange has three days of candles up to the last closed hour."""
    empty = World({})
    now = hour_of(empty.clock.now())
    return World({"BTCUSDT": range(now - 72, now + 1), "ETHUSDT": range(now - 72, now + 1)})


def health(world: World, **settings: Any) -> dict[str, str | None]:
    reported: dict[str, str | None] = report(world, Probe(), deployed(**settings))["health"]
    return reported


def collect(world: World, hours: int = 48) -> None:
    world.collect(start=hour_of(world.clock.now()) - hours)


def test_from_empty_to_complete(world: World) -> None:
    assert health(world)["state"] == "empty"
    run = world.start(start=hour_of(world.clock.now()) - 48)
    running = health(world)
    assert (running["state"], running["remedy"]) == ("running", None)
    assert "0 of 2 series done by the backward run" in str(running["sentence"])
    world.deliver()
    assert "1 of 2 series done" in str(health(world)["sentence"])
    world.settle()
    assert world.ended(run.run_id)
    ended = health(world)
    assert (ended["state"], ended["remedy"]) == ("ok", None)
    assert "2 cryptos stored" in str(ended["sentence"])


def test_an_active_run_waits_while_the_exchange_wants_no_requests(world: World) -> None:
    world.start(start=hour_of(world.clock.now()) - 48)
    failure = Failure("blocked", "the exchange asked us to wait", 429)
    world.rate_limiter.block(120, failure, now=world.clock.now(), seen=None)
    assert health(world)["state"] == "waiting"
    world.clock.advance(121)
    assert health(world)["state"] == "running"


def test_a_block_is_over_by_our_clock_not_by_the_exchange_s(world: World) -> None:
    world.start(start=hour_of(world.clock.now()) - 48)
    failure = Failure("blocked", "the exchange asked us to wait", 429)
    world.rate_limiter.note_clock(60_000)
    world.rate_limiter.block(120, failure, now=world.clock.now(), seen=None)
    world.clock.advance(61)
    assert health(world)["state"] == "running"


def test_a_refusal_needs_somebody_until_it_is_over(world: World) -> None:
    collect(world)
    world.rate_limiter.refuse(world.clock.now() + timedelta(hours=1), Failure("refused", REGION, 451))
    refused = health(world)
    assert refused == {
        "state": "needs_you",
        "sentence": "Needs you: The exchange refuses this region (451).",
        "remedy": "Use another place.",
    }
    world.clock.advance(3600 + 1)
    assert health(world)["state"] == "ok"


def test_a_run_that_was_ended_by_its_deadline_left_candles_out_until_another_gets_them(world: World) -> None:
    now = hour_of(world.clock.now())
    run = world.start(start=now - 48, end=now)
    world.deliver()
    world.clock.advance(6 * 3600)
    world.tend()  # past its deadline
    world.ended(run.run_id)
    late = health(world)
    assert late["state"] == "needs_you"
    assert "Needs you: 48 candles are missing in 1 crypto after the backward run" in str(late["sentence"])
    assert "the run was over its time" in str(late["sentence"])
    world.collect(start=now - 48, end=now)
    assert health(world)["state"] == "ok"


def test_candles_that_failed_are_remembered_when_a_later_run_did_not_ask_for_them(world: World) -> None:
    now = hour_of(world.clock.now())
    world.collect(start=now - 48, end=now - 20, symbols=("BTCUSDT",))
    series = world.series.get(hourly("BTCUSDT"))
    failed = (FailedWindow(windows.Window(now - 20, now - 17), 4, "no answer"),)
    world.series.put(replace(series, failed_windows=failed))
    remembered = health(world, gap_fill_schedule="cron(35 3 ? * SUN *)", collection_schedule="rate(6 hours)")
    assert "3 candles that earlier runs did not get" in str(remembered["sentence"])
    world.collect(start=now - 16, end=now, symbols=("BTCUSDT",))
    remembered = health(world, gap_fill_schedule="cron(35 3 ? * SUN *)")
    assert remembered["sentence"] == "Needs you: 3 candles that earlier runs did not get are missing in 1 crypto."
    assert str(remembered["remedy"]).startswith("Run gap_fill, or wait for the schedule: ")


def later_runs(world: World) -> dict[str, Callable[[], object]]:
    """Return the runs that may follow one that was ended before it asked for a symbol."""
    now = hour_of(world.clock.now())
    return {
        "forward": lambda: world.collect("forward", symbols=("BTCUSDT",)),
        "gap_fill": lambda: world.collect("gap_fill"),
        "verify": lambda: world.collect("verify"),
        "short": lambda: world.collect(start=now - 30, end=now - 29, symbols=("ETHUSDT",)),
    }


@pytest.mark.parametrize(
    ("later", "missing"), [("forward", 48), ("gap_fill", 48), ("verify", 48), ("short", 47)], ids=str
)
@pytest.mark.parametrize("ends", ["cancel", "deadline"])
def test_what_a_run_never_asked_for_is_hidden_by_no_later_run(
    world: World, ends: str, later: str, missing: int
) -> None:
    now = hour_of(world.clock.now())
    run = world.start(start=now - 48, end=now)
    world.deliver()
    follow = later_runs(world)[later]
    if ends == "cancel":
        cancel_run(run.run_id, world.closing_ports())
    else:
        world.clock.advance(6 * 3600)
        world.tend()
    world.ended(run.run_id)
    assert health(world)["remedy"] == "Retry that run."
    printed = range(now - 72, hour_of(world.clock.now()) + 1)
    world.exchange.printed |= dict.fromkeys(("BTCUSDT", "ETHUSDT"), frozenset(printed))
    world.clock.advance(60)
    follow()
    hidden = health(world)
    assert hidden["sentence"] == f"Needs you: {missing} candles that earlier runs did not get are missing in 1 crypto."
    day = moment_at(hourly("BTCUSDT").interval.open_ms(now - 48))
    assert hidden["remedy"] == f"Retry the run that left them, or collect backward from {day:%Y-%m-%d}."
    assert run_to_retry(world.run_ports()) == run.run_id
    world.clock.advance(60)
    retry_run(run.run_id, world.defaults, world.run_ports())
    world.settle()
    assert health(world, schedules_enabled=False)["state"] == "ok"
    with pytest.raises(NothingToRetryError, match="nothing that an earlier run left is still missing"):
        run_to_retry(world.run_ports())


def test_what_a_worker_in_the_middle_of_a_cancelled_symbol_never_asked_for_is_noted_too(world: World) -> None:
    world.defaults = replace(world.defaults, batch_size=24)
    now = hour_of(world.clock.now())
    run = world.start(start=now - 48, end=now, symbols=("BTCUSDT",))
    world.exchange.before = lambda _: (None, cancel_run(run.run_id, world.closing_ports()))[0]
    world.deliver()
    world.exchange.before = None
    world.ended(run.run_id)
    (failed,) = world.series.get(hourly("BTCUSDT")).failed_windows
    assert (failed.window.slots, failed.attempts) == (world.record(run).missing_slots, 0)
    assert failed.window.end == now


def test_a_gap_is_for_gap_fill_and_what_lies_outside_is_not(world: World) -> None:
    now = hour_of(world.clock.now())
    world.collect(start=now - 10, end=now - 9, symbols=("BTCUSDT",))
    world.collect(start=now - 48, end=now - 47, symbols=("BTCUSDT",))
    world.clock.advance(60)
    run = world.start(start=now - 48, end=now - 9, symbols=("BTCUSDT",))
    cancel_run(run.run_id, world.closing_ports())
    assert health(world)["remedy"] == "Retry that run, or run gap_fill."
    world.clock.advance(60)
    world.collect(start=now - 5, end=now - 4, symbols=("ETHUSDT",))
    assert health(world)["remedy"] == "Run gap_fill."
    world.clock.advance(60)
    world.collect("gap_fill")
    assert health(world)["state"] == "ok"


@pytest.mark.parametrize("repair", [False, True])
def test_candles_that_the_exchange_has_no_more_need_nobody(world: World, *, repair: bool) -> None:
    now = hour_of(world.clock.now())
    world.collect(start=now - 48, end=now)
    world.exchange.printed["BTCUSDT"] -= {now - 20, now - 21}
    world.clock.advance(60)
    run = world.collect("verify", repair=repair)
    failure = world.record(run).failure
    assert failure is not None
    assert "it has no candle there, and what is stored is never deleted" in failure.message
    assert "with repair" not in failure.message
    said = health(world)
    assert (said["state"], said["remedy"]) == ("ok", None)
    assert "2 candles that the exchange no longer has are kept" in str(said["sentence"])
    with pytest.raises(NothingToRetryError):
        run_to_retry(world.run_ports())


def test_repair_is_advised_for_what_it_replaces_and_does_it(world: World) -> None:
    now = hour_of(world.clock.now())
    world.collect(start=now - 48, end=now)
    world.exchange.printed["BTCUSDT"] -= {now - 20}
    candle = synthetic_candle("BTCUSDT", now - 30)
    world.candles.lines[hourly("BTCUSDT"), now - 30] = candle._replace(close="1").line()
    world.clock.advance(60)
    run = world.collect("verify")
    failure = world.record(run).failure
    assert failure is not None
    assert "verify with repair replaces 1 of them, and of 1 it has no candle" in failure.message
    assert health(world)["remedy"] == "Verify again with repair."
    world.clock.advance(60)
    world.collect("verify", repair=True)
    assert health(world)["state"] == "ok"


def test_nothing_is_retried_before_a_run_has_ended(world: World) -> None:
    with pytest.raises(NotFoundError):
        run_to_retry(world.run_ports())


def test_how_old_the_newest_candle_may_be_depends_on_the_schedule(world: World) -> None:
    collect(world)
    world.clock.advance(14 * 3600)
    assert health(world)["state"] == "needs_you"
    assert health(world, collection_schedule="cron(5 12 * * ? *)")["state"] == "ok"
    assert health(world, schedules_enabled=False)["state"] == "ok"
    world.clock.advance(16 * 3600)
    assert health(world, collection_schedule="cron(5 12 * * ? *)")["state"] == "ok"
    world.clock.advance(20 * 3600)
    assert health(world, collection_schedule="cron(5 12 * * ? *)")["state"] == "needs_you"


def test_a_bound_that_is_set_comes_before_the_schedule_s(world: World) -> None:
    collect(world)
    world.clock.advance(5 * 3600)
    for hours, cause in ((0, None), (4, "stale"), (13, None)):
        known = look(world, Schedules("cron(5 0/6 * * ? *)", None, hours))
        assert report_health(known, world.runs).cause == cause


def keep(world: World, error: Exception, due: str = "2025-06-01T06:05:00Z") -> None:
    with pytest.raises(type(error)), keeping_failure("forward", due, world.failed_starts, world.clock):
        raise error


def test_a_scheduled_start_that_is_refused_is_kept_and_said(world: World) -> None:
    keep(world, MarketUnavailableError(REGION))
    refused = health(world)
    assert refused["state"] == "needs_you"
    assert refused["sentence"] == (
        "Needs you: the forward run of 2025-06-01 06:05 UTC did not start: The exchange refuses this region (451)."
    )
    world.clock.advance(1)
    collect(world)
    assert health(world)["state"] == "ok"


def test_a_start_that_a_bug_ends_is_kept_by_the_name_of_its_error(world: World) -> None:
    keep(world, KeyError("x"), due="at noon")
    kept = world.failed_starts.get()
    assert kept is not None
    assert (kept.reason, kept.due) == ("KeyError: 'x'", world.clock.now())


def test_a_start_that_meets_an_active_run_has_not_failed(world: World) -> None:
    keep(world, CollectionInProgressError("01KBSM0000ABCDEFGHJKMNPQRS"))
    assert world.failed_starts.get() is None


def test_a_failure_that_cannot_be_kept_is_still_the_one_that_is_raised(world: World) -> None:
    class Full:
        def get(self) -> None: ...

        def put(self, _start: object) -> None:
            raise CollectorError("no room")

        def turn(self) -> None: ...

        def put_turn(self, _turn: object) -> None: ...

    with pytest.raises(MarketUnavailableError), keeping_failure("forward", "", Full(), world.clock):
        raise MarketUnavailableError(REGION)


def fail_turn(world: World, run_id: str, *, receives: int = 2, symbol: str = "BTCUSDT") -> None:
    error = CollectorError("the candle table refused it")
    message = SeriesMessage(run_id, hourly(symbol), 1)
    keep_failed_turn(message, error, world.failed_starts, world.clock, receives=receives)


def test_a_turn_that_fails_again_is_said_until_something_was_done_for_its_symbol(world: World) -> None:
    run = world.start(start=hour_of(world.clock.now()) - 48)
    fail_turn(world, run.run_id, receives=1)
    assert health(world)["state"] == "running", "the first time may pass by itself"
    world.clock.advance(360)
    fail_turn(world, run.run_id)
    failing = health(world)
    assert failing["state"] == "needs_you"
    assert "Needs you: BTCUSDT of the backward run" in str(failing["sentence"])
    assert str(failing["sentence"]).endswith(": the candle table refused it.")
    world.clock.advance(1)
    world.settle()
    assert health(world)["state"] == "ok"


def test_a_turn_of_another_run_is_not_said(world: World) -> None:
    world.start(start=hour_of(world.clock.now()) - 48)
    fail_turn(world, "01KBSM0000ABCDEFGHJKMNPQRS")
    assert health(world)["state"] == "running"


def test_a_failed_turn_that_cannot_be_kept_raises_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise CollectorError("no room")

    monkeypatch.setattr(world.failed_starts, "put_turn", refuse)
    fail_turn(world, "01KBSM0000ABCDEFGHJKMNPQRS")
    assert world.failed_starts.turn() is None


def test_a_bug_is_kept_by_the_name_of_its_error(world: World) -> None:
    message = SeriesMessage("01KBSM0000ABCDEFGHJKMNPQRS", hourly("BTCUSDT"), 1)
    keep_failed_turn(message, KeyError("x"), world.failed_starts, world.clock, receives=5)
    kept = world.failed_starts.turn()
    assert kept is not None
    assert kept.reason == "KeyError: 'x'"
