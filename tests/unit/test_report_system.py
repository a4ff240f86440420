"""How the whole stands, as system/info says it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.answers import SettingsInForce
from candle_collector.api.limits import REPORTED
from candle_collector.domain.run import Failure
from candle_collector.reading.report_system import SystemPorts, report_system

from tests.fakes.world import World
from tests.hourly import format_hour, hour_of
from tests.unit.json_answers import as_json

FORWARD = "cron(5 0/6 * * ? *)"


class Probe:
    """An exchange that answers or not, and counts how often it was asked."""

    def __init__(self, *, answers: bool = True) -> None:
        self.requested = 0
        self._answers = answers

    def answers(self) -> bool:
        self.requested += 1
        return self._answers


def deployed(**settings: Any) -> SettingsInForce:
    """Return the settings of a deployment, its schedules on where nothing else is said."""
    schedules = {
        "collection_schedule": FORWARD,
        "gap_fill_schedule": None,
        "schedules_enabled": True,
        "intervals": ["1h"],
    }
    numbers = {"exchange_weight_share_percent": 80, "top_n_cryptos": 20, "batch_size": 1000, "max_retries": 3}
    times = {"intervals": ["1h"], "collection_start_date": "2025-01-01", "worker_timeout": 60, "run_deadline_hours": 5}
    others = {"exchange_base_url": "https://data-api.binance.vision", "api_key_required": True, "public_reads": False}
    others |= {"quote_assets": ("USDT",), "intervals": ("1h",)}
    return SettingsInForce(**{**schedules, **numbers, **times, **others, **settings})


def report(world: World, probe: Probe, settings: SettingsInForce | None = None) -> dict[str, Any]:
    ports = SystemPorts(
        market=BINANCE,
        runs=world.runs,
        leases=world.leases,
        series=world.series,
        failed_starts=world.failed_starts,
        rate_limiter=world.rate_limiter,
        probe=probe,
        clock=world.clock,
    )
    settings = settings or deployed()
    system = report_system(version="1.2.3", stage="dev", settings=settings, limits=REPORTED, ports=ports)
    reported: dict[str, Any] = as_json(system)
    return reported


@pytest.fixture
def world() -> World:
    """Return a world whose exchange has three days of candles up to the last closed hour."""
    empty = World({})
    now = hour_of(empty.clock.now())
    return World({"BTCUSDT": range(now - 72, now + 1)})


def test_an_empty_stack_says_that_it_is_idle_and_holds_nothing(world: World) -> None:
    reported = report(world, Probe())
    assert reported["store"] == {
        "symbols": 0,
        "series": 0,
        "candles": 0,
        "first_candle": None,
        "latest_candle": None,
        "lag_hours": None,
    }
    assert reported["collection"]["state"] == "idle"
    assert reported["collection"]["last_run"] is None
    assert (reported["service"], reported["version"], reported["stage"]) == ("candle-collector", "1.2.3", "dev")


def test_what_was_collected_is_counted_and_its_lag_reported_in_hours(world: World) -> None:
    now = hour_of(world.clock.now())
    world.collect(start=now - 48, end=now - 6, symbols=("BTCUSDT",))
    reported = report(world, Probe())["store"]
    assert (reported["symbols"], reported["series"], reported["candles"]) == (1, 1, 42)
    assert reported["first_candle"] == format_hour(now - 48)
    assert reported["latest_candle"] == format_hour(now - 7)
    assert reported["lag_hours"] == 6


def test_an_exchange_that_wants_to_be_left_alone_is_not_asked_whether_it_answers(world: World) -> None:
    until = world.clock.now() + timedelta(minutes=2)
    failure = Failure("blocked", "the exchange asked us to wait", 429)
    world.rate_limiter.block(120, failure, now=world.clock.now(), seen=None)
    probe = Probe()
    reported = report(world, probe)["exchange"]
    assert probe.requested == 0
    assert reported["reachable"] is False
    assert reported["blocked_until"] == f"{until:%Y-%m-%dT%H:%M:%SZ}"
    assert reported["blocked_reason"] == "the exchange asked us to wait"
    world.clock.advance(121)
    reported = report(world, probe)["exchange"]
    assert (reported["reachable"], reported["blocked_until"], reported["blocked_reason"]) == (True, None, None)


def test_an_exchange_that_does_not_answer_is_reported_as_such(world: World) -> None:
    assert report(world, Probe(answers=False))["exchange"]["reachable"] is False


def test_the_used_weight_is_that_of_the_minute_at_hand(world: World) -> None:
    now = world.clock.now()
    period = round(now.timestamp() * 1000) // 60_000
    world.rate_limiter.reserve(40, period=period, period_seconds=60, budget=4800, now=now)
    assert report(world, Probe())["exchange"]["used_weight"] == 40
    world.clock.advance(60)
    assert report(world, Probe())["exchange"]["used_weight"] == 0


def test_the_next_start_is_reported_where_schedules_are_on(world: World) -> None:
    on = deployed(gap_fill_schedule="cron(35 3 ? * SUN *)")
    reported = report(world, Probe(), on)["collection"]
    assert reported["next_scheduled"] is not None
    assert reported["next_scheduled"] < reported["next_gap_fill"]
    off = report(world, Probe(), deployed(schedules_enabled=False))["collection"]
    assert (off["next_scheduled"], off["next_gap_fill"]) == (None, None)


def test_no_candle_and_no_coverage_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.collect(start=hour_of(world.clock.now()) - 48, symbols=("BTCUSDT",))

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the table of candles was read")

    for method in ("candles", "coverage"):
        monkeypatch.setattr(world.candles, method, refuse)
    report(world, Probe())
