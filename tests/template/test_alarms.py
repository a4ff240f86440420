"""Every alarm fires on what it is about, and clears when that is over, by CloudWatch's rules and by emitted lines."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout
from datetime import timedelta
from itertools import groupby
from typing import Any

import pytest
from candle_collector import bootstrap
from candle_collector.bootstrap import Container
from candle_collector.domain.health import OVERDUE, STALE_LEAST_HOURS
from candle_collector.domain.run import Failure
from candle_collector.domain.series import Series
from candle_collector.errors import (
    CollectorError,
    ExchangeRefusedError,
    ExchangeUnavailableError,
    InvalidKeyError,
    MarketUnavailableError,
)
from candle_collector.reading.report_health import Schedules, look, report_health
from candle_collector.settings import Settings

from functions.authorizer import app as authorizer
from tests.cloudwatch import Alarm, State
from tests.emf import emitted
from tests.fakes.exchange import Asked
from tests.fakes.watched import WatchedWorld
from tests.hourly import first_hour_of, ms_of_hour
from tests.template.stack import PROJECT, Stack

OK, ALARM, UNKNOWN = State.OK, State.ALARM, State.UNKNOWN
NOW = first_hour_of("2025-06-01") + 12
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT")

PROD = Stack(Stage="prod", AlarmEmail="someone@example.org")
PROPERTIES: dict[str, dict[str, Any]] = {
    found["Properties"]["AlarmName"].removeprefix("candles-"): found["Properties"]
    for found in PROD.of_type("AWS::CloudWatch::Alarm").values()
}
ALARMS = {name: Alarm.of(properties) for name, properties in PROPERTIES.items()}


@pytest.fixture(autouse=True)
def _stack_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "candles")


@pytest.fixture
def system() -> WatchedWorld:
    """Return an archive that has collected by its schedule for a day; the next start is due now, six hours later."""
    hours = range(NOW - 48, NOW + 400)
    watched = WatchedWorld(dict.fromkeys(SYMBOLS, hours))
    watched.defaults = watched.defaults.__class__(
        **{**vars(watched.defaults), "collection_start": ms_of_hour(NOW - 48), "top_n": len(SYMBOLS)}
    )
    watched.pass_hours(24)
    return watched


def states(system: WatchedWorld, name: str) -> list[State]:
    """Return the states that an alarm had so far, each as often as it came to it."""
    history = ALARMS[name].history(system.values, system.began, system.now)
    return [state for state, _ in groupby(state for _, state in history)]


def in_alarm(system: WatchedWorld) -> set[str]:
    """Return the alarms that are in alarm now."""
    return {name for name in ALARMS if states(system, name)[-1] is ALARM}


def refuse(system: WatchedWorld, failure: Failure | None) -> None:
    """Let the exchange refuse everything, or nothing."""

    def answer(_: Asked) -> None:
        if failure:
            raise ExchangeRefusedError(failure)

    system.exchange.before = answer
    system.exchange.market_error = ExchangeRefusedError(failure) if failure else None


def test_a_healthy_archive_is_quiet(system: WatchedWorld) -> None:
    assert in_alarm(system) == set()
    assert {name: states(system, name) for name in ("stale", "run-degraded", "run-overdue", "exchange-blocked")} == {
        "stale": [OK],
        "run-degraded": [OK],
        "run-overdue": [OK],
        "exchange-blocked": [OK],
    }


def test_thirteen_hours_without_a_new_candle(system: WatchedWorld) -> None:
    system.starting = False
    system.pass_hours(7)
    assert in_alarm(system) == set()
    system.pass_hours(1.5)
    assert in_alarm(system) == {"stale"}
    system.starting = True
    system.pass_hours(7)
    assert states(system, "stale") == [OK, ALARM, OK]


def test_after_a_first_run_that_ends_yesterday_the_schedules_have_time() -> None:
    late = WatchedWorld(dict.fromkeys(SYMBOLS, range(NOW - 48, NOW + 400)))
    late.starting = False
    late.pass_hours(9)
    late.collect(start=NOW - 48, end=NOW - 12)
    late.pass_hours(12.5)
    assert lag_emitted(late) == pytest.approx(12.4, abs=0.2), "the newest candle is 33 hours behind"
    assert (states(late, "stale"), is_said_to_be_stale(late)) == ([OK], False)
    late.pass_hours(1)
    assert lag_emitted(late) == pytest.approx(13.4, abs=0.2)
    assert (in_alarm(late), is_said_to_be_stale(late)) == ({"stale"}, True)


def lag_emitted(system: WatchedWorld) -> float:
    """Return the figure that the alarm is on."""
    values: list[float] = [value.value for value in system.recorded.values if value.name == "LagHours"]
    return values[-1]


def is_said_to_be_stale(system: WatchedWorld) -> bool:
    """Return whether the first sentence says it."""
    schedules = Schedules("cron(5 0/6 * * ? *)", None, STALE_LEAST_HOURS)
    return report_health(look(system, schedules), system.runs).cause == "stale"


def test_a_reconciler_that_is_silent_is_an_alarm_of_two_kinds(system: WatchedWorld) -> None:
    system.reconciling = False
    system.pass_hours(0.25)
    assert in_alarm(system) == set()
    system.pass_hours(1)
    assert in_alarm(system) == {"stale", "run-overdue"}
    system.reconciling = True
    system.pass_hours(1)
    assert in_alarm(system) == set()


@pytest.mark.parametrize("minutes", [5, 10, 15])
def test_the_slowest_rounds_that_the_template_takes_do_not_count_as_silence(
    minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fakes.watched.ROUND_SECONDS", minutes * 60)
    system = WatchedWorld({"BTCUSDT": range(NOW - 48, NOW + 400)})
    system.pass_hours(24)
    assert {name: states(system, name)[-1] for name in ("stale", "run-overdue")} == {"stale": OK, "run-overdue": OK}
    assert ALARM not in states(system, "stale")[1:]


def fail_symbols(system: WatchedWorld, *symbols: str) -> None:
    def fail(requested: Asked) -> None:
        if requested.symbol in symbols:
            raise ExchangeUnavailableError(Failure("unavailable", "503", 503, attempts=2))

    system.exchange.before = fail


def test_a_run_of_which_a_fifth_failed_is_an_alarm_until_a_good_one(system: WatchedWorld) -> None:
    fail_symbols(system, "SOLUSDT")
    system.pass_hours(6)
    assert in_alarm(system) == {"run-degraded"}
    system.starting = False
    system.pass_hours(5)
    assert in_alarm(system) == {"run-degraded"}, "it stays while nothing is reported"
    system.starting = True
    fail_symbols(system)
    system.pass_hours(7)
    assert states(system, "run-degraded") == [OK, ALARM, OK]


def test_a_run_that_nobody_ends(system: WatchedWorld) -> None:
    system.working = system.tending = False
    system.pass_hours(5.5)
    assert "run-overdue" not in in_alarm(system)
    system.pass_hours(1.5)
    assert "run-overdue" in in_alarm(system)
    system.working = system.tending = True
    system.pass_hours(1)
    assert states(system, "run-overdue") == [OK, ALARM, OK]


def test_a_message_that_failed_five_times(system: WatchedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    get = system.series.get

    def fail(series: Series) -> Any:
        if series.symbol == "SOLUSDT":
            raise CollectorError("the table refuses it")
        return get(series)

    monkeypatch.setattr(system.series, "get", fail)
    system.pass_hours(1)
    assert "dead-letters" in in_alarm(system)
    monkeypatch.undo()
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "candles")
    system.queue.redrive()
    system.pass_hours(1)
    assert "dead-letters" not in in_alarm(system)


def test_an_exchange_that_wants_no_requests_for_an_hour(system: WatchedWorld) -> None:
    system.rate_limiter.block(600, Failure("blocked", "429"), now=system.clock.now(), seen=None)
    system.pass_hours(0.5)
    assert states(system, "exchange-blocked") == [OK], "ten minutes are nothing to wake somebody for"
    blocked = system.rate_limiter.state().block_id
    system.rate_limiter.block(3600, Failure("blocked", "418"), now=system.clock.now(), seen=blocked)
    system.pass_hours(0.5)
    assert "exchange-blocked" in in_alarm(system)
    system.pass_hours(2)
    assert states(system, "exchange-blocked") == [OK, ALARM, OK]


def test_a_region_that_is_refused_at_a_scheduled_start(system: WatchedWorld) -> None:
    refuse(system, Failure("refused", "the exchange refuses this region: choose another ExchangeBaseUrl", 451))
    system.pass_hours(0.2)
    assert in_alarm(system) == {"trigger-errors"}
    system.pass_hours(14.8)
    assert in_alarm(system) == {"stale"}, "a single failed start clears by itself; that nothing comes does not"
    refuse(system, None)
    system.pass_hours(7)
    assert in_alarm(system) == set()
    assert states(system, "trigger-errors")[:3] == [OK, ALARM, OK]


def test_an_exchange_that_is_down_at_a_scheduled_start(system: WatchedWorld) -> None:
    system.exchange.market_error = ExchangeUnavailableError(Failure("unavailable", "503", 503, attempts=5))
    with pytest.raises(MarketUnavailableError):
        system.start("forward")
    system.pass_hours(0.2)
    assert in_alarm(system) == {"trigger-errors"}


def test_a_round_of_the_reconciler_that_fails(system: WatchedWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise CollectorError("the role lacks a right")

    system.working = False
    system.pass_hours(0.5)
    with monkeypatch.context() as patch:
        patch.setattr(system.runs, "symbols", fail)
        system.pass_hours(0.25)
        assert in_alarm(system) == {"reconciler-errors"}
    system.working = True
    system.pass_hours(0.5)
    assert states(system, "reconciler-errors") == [OK, ALARM, OK]


def refuse_callers(system: WatchedWorld, calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Call the authorizer so often with a key that is not valid."""

    def decide(*_: object, **__: object) -> None:
        raise InvalidKeyError("The API key is not valid.")

    monkeypatch.setattr(bootstrap, "authorizer", lambda: decide)
    monkeypatch.setattr(bootstrap, "container", lambda: Container(Settings({})))
    event = json.loads((PROJECT / "events" / "authorizer.json").read_text())
    with redirect_stdout(io.StringIO()) as printed:
        for _ in range(calls):
            authorizer.handler(event, None)
    system.recorded.values += [value._replace(at=system.now) for value in emitted(printed.getvalue())]


@pytest.mark.parametrize(("calls", "fires"), [(20, False), (21, True)])
def test_callers_that_try_keys(
    system: WatchedWorld, calls: int, *, fires: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_callers(system, calls, monkeypatch)
    system.pass_hours(0.1)
    assert ("keys-refused" in in_alarm(system)) is fires
    system.pass_hours(0.5)
    assert in_alarm(system) == set()


@pytest.mark.parametrize(
    ("alarm", "metric", "dimensions", "most"),
    [
        ("api-errors", "AWS/ApiGateway 5XXError", {"ApiName": "candles", "Stage": "live"}, 2),
        ("worker-errors", "AWS/Lambda Errors", {"FunctionName": "{'Ref': 'WorkerFunction'}"}, 0),
    ],
)
def test_what_aws_counts_of_itself(
    system: WatchedWorld, alarm: str, metric: str, dimensions: dict[str, str], most: int
) -> None:
    namespace, name = metric.split()
    for _ in range(most):
        system.publish(namespace, name, 1, **dimensions)
    system.pass_hours(0.5)
    assert alarm not in in_alarm(system)
    for _ in range(most + 1):
        system.publish(namespace, name, 1, **dimensions)
    system.pass_hours(0.1)
    assert in_alarm(system) == {alarm}
    system.pass_hours(0.5)
    assert states(system, alarm)[-2:] == [ALARM, OK]


def test_calls_beyond_what_an_hour_was_expected_to_bring(system: WatchedWorld) -> None:
    most = int(ALARMS["calls"].threshold)
    calls = {"ApiName": "candles", "Stage": "live"}
    system.publish("AWS/ApiGateway", "Count", most, **calls)
    system.pass_hours(2)
    assert "calls" not in in_alarm(system)
    system.publish("AWS/ApiGateway", "Count", most + 1, **calls)
    system.pass_hours(1)
    assert in_alarm(system) == {"calls"}
    system.pass_hours(5)
    assert states(system, "calls")[-2:] == [ALARM, OK]


def test_functions_that_wait_for_each_other_for_a_quarter_of_an_hour(system: WatchedWorld) -> None:
    def throttled(minutes: int) -> None:
        for _ in range(minutes // 5):
            system.publish("AWS/Lambda", "Throttles", 3)
            system.publish("AWS/Lambda", "Throttles", 3, FunctionName="candles-worker")  # a metric of its own
            system.pass_hours(1 / 12)

    throttled(10)
    system.pass_hours(0.5)
    assert "throttles" not in in_alarm(system)
    throttled(20)
    assert in_alarm(system) == {"throttles"}
    system.pass_hours(0.5)
    assert states(system, "throttles")[-2:] == [ALARM, OK]


# What the alarms are, and whom they reach


def test_the_alarms_are_these() -> None:
    assert ALARMS.keys() == {
        *("stale", "run-degraded", "run-overdue", "dead-letters", "exchange-blocked", "keys-refused"),
        *("api-errors", "worker-errors", "reconciler-errors", "trigger-errors", "calls", "throttles"),
    }
    off = Stack(Stage="prod", SchedulesEnabled="false").of_type("AWS::CloudWatch::Alarm")
    assert {f"candles-{name}" for name in ALARMS.keys() - {"stale"}} == {
        found["Properties"]["AlarmName"] for found in off.values()
    }


@pytest.mark.parametrize("name", PROPERTIES)
def test_an_alarm_and_its_end_reach_the_topic(name: str) -> None:
    assert PROPERTIES[name]["AlarmActions"] == PROPERTIES[name]["OKActions"] == [{"Ref": "AlarmTopic"}]


def test_the_topic_reaches_whoever_asked_for_it() -> None:
    assert PROD.properties("AlarmSubscription")["Endpoint"] == "someone@example.org"
    assert Stack(Stage="prod").of_type("AWS::SNS::Subscription") == {}


def test_the_local_stack_has_the_alarms_of_prod() -> None:
    local = Stack(Stage="local").of_type("AWS::CloudWatch::Alarm")
    assert local.keys() == PROD.of_type("AWS::CloudWatch::Alarm").keys()


def test_the_sentence_takes_the_alarms_bound() -> None:
    function = Stack(Stage="prod", StaleAfterHours="49").properties("StatusFunction")
    assert function["Environment"]["Variables"]["STALE_AFTER_HOURS"] == "49"


def test_the_staleness_is_a_setting() -> None:
    stale = Stack(Stage="prod", StaleAfterHours="49").properties("StaleAlarm")
    assert (stale["Threshold"], stale["MetricName"]) == ("49", "LagHours")


@pytest.mark.parametrize("name", PROPERTIES)
def test_an_alarm_names_its_section_of_the_documentation(name: str) -> None:
    assert PROPERTIES[name]["AlarmDescription"].endswith(f" See {name} in docs/operations.md.")
    sections = re.findall(r"^### (\S+)$", (PROJECT / "docs" / "operations.md").read_text(), re.MULTILINE)
    assert sections.count(name) == 1


def test_no_section_is_about_an_alarm_that_is_gone() -> None:
    documented = (PROJECT / "docs" / "operations.md").read_text().partition("## Alarms")[2].partition("\n## ")[0]
    assert set(re.findall(r"^### (\S+)$", documented, re.MULTILINE)) == ALARMS.keys()


def test_an_alarm_and_the_sentence_on_the_archives_health_have_the_same_bounds() -> None:
    assert ALARMS["stale"].threshold == STALE_LEAST_HOURS
    assert timedelta(seconds=ALARMS["run-overdue"].threshold) == OVERDUE
