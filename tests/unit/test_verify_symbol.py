"""Stored candles beside the exchange's: what differs by two answers is named, and repaired where that is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from candle_collector.collecting.control_run import cancel_run, retry_run
from candle_collector.collecting.plan_run import plan_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.domain.candle import Candle
from candle_collector.domain.comparison import Comparison, Difference
from candle_collector.domain.interval import Interval
from candle_collector.domain.progress import Revision
from candle_collector.domain.run import Failure, Outcome, Run
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from candle_collector.errors import ExchangeUnavailableError, InvalidRequestError, NothingToRetryError
from candle_collector.ports import FetchedCandles, Revised

from tests.fakes.exchange import Asked, FakeExchange, listing, synthetic_candle
from tests.fakes.world import Crash, World
from tests.hourly import first_hour_of, hourly
from tests.unit.json_answers import as_json

SYMBOL = "BTCUSDT"
START = first_hour_of("2025-01-01")
END = START + 500
NOW = first_hour_of("2025-06-01") + 12
OUTAGE = frozenset({START + 120, START + 121})


def collected(printed: Iterable[int] = range(START - 50, NOW + 1), **changes: Any) -> World:
    """Return a world whose range is stored, and whose requests so far are forgotten."""
    system = World({SYMBOL: frozenset(printed) - OUTAGE}, **changes)
    system.defaults = replace(system.defaults, batch_size=100)
    run = system.collect(start=START, end=END)
    assert system.record(run).outcome is Outcome.COMPLETE
    system.exchange.requested.clear()
    return system


def wrong(hour: int, symbol: str = SYMBOL) -> Candle:
    return synthetic_candle(symbol, hour)._replace(close="1", volume="3")


def corrupt(system: World, *hours: int) -> list[Difference]:
    """Store other candles, and return what is then to be found."""
    for hour in hours:
        system.candles.lines[hourly(SYMBOL), hour] = wrong(hour).line()
    return [Difference(hour, wrong(hour).line(), synthetic_candle(SYMBOL, hour).line()) for hour in hours]


def found(system: World, run: Run) -> Comparison:
    comparison = system.record(run).comparison
    assert comparison is not None
    return comparison


def answers_once(system: World, otherwise: Mapping[int, FetchedCandles]) -> None:
    """Answer some requests, counted from the first, otherwise than the exchange would."""

    class Answering(FakeExchange):
        def fetch_candles(self, *arguments: object, **options: object) -> FetchedCandles:
            answer = FakeExchange.fetch_candles(self, *arguments, **options)  # type: ignore[arg-type] # passed through
            return otherwise.get(len(self.requested) - 1, answer)

    system.exchange = Answering(system.clock, system.exchange.printed, listings=system.exchange.listings)


def answer(hours: Iterable[int], candle: object = None) -> FetchedCandles:
    candles = tuple(synthetic_candle(SYMBOL, hour) if candle is None else candle(hour) for hour in hours)  # type: ignore[operator] # a function
    return FetchedCandles(candles, tuple(item.slot for item in candles), NOW)


def test_what_is_stored_as_the_exchange_has_it_is_compared_window_by_window_and_nothing_is_written() -> None:
    system = collected()
    before, writes = dict(system.candles.lines), list(system.candles.writes)
    series = system.series.get(hourly(SYMBOL))
    run = system.collect("verify")
    record = system.record(run)
    assert (record.outcome, record.failure, record.records, record.missing) == (Outcome.COMPLETE, None, 0, ())
    assert found(system, run) == Comparison(compared=498)
    assert system.exchange.requested == [Asked(SYMBOL, START + step, 100) for step in range(0, 500, 100)]
    assert (system.candles.lines, system.candles.writes) == (before, writes)
    assert system.series.get(hourly(SYMBOL)).revision == series.revision
    assert (record.requests, record.first, record.last) == (5, START, END - 1)


def test_what_differs_is_named_once_it_was_heard_twice_and_stays_without_repair() -> None:
    system = collected()
    expected = corrupt(system, START + 5, START + 250)
    before = dict(system.candles.lines)
    run = system.collect("verify")
    record = system.record(run)
    assert record.outcome is Outcome.PARTIAL
    assert record.failure == Failure(
        "differs",
        "2 of 498 compared candles differ from the exchange's, the first at 2025-01-01T05:00; "
        "verify with repair replaces them",
    )
    comparison = found(system, run)
    assert (comparison.compared, comparison.different, comparison.repaired) == (498, 2, 0)
    assert list(comparison.differences) == expected
    assert system.candles.lines == before
    assert len(system.exchange.requested) == 7
    assert system.candles.revised(hourly(SYMBOL)) == []


def test_repair_replaces_and_keeps_both_values_the_time_and_the_run() -> None:
    system = collected()
    expected = corrupt(system, START + 5, START + 6, START + 250)
    run = system.collect("verify", repair=True)
    record = system.record(run)
    assert (record.outcome, record.failure, record.records) == (Outcome.COMPLETE, None, 3)
    assert run.counts is not None
    assert run.counts["records"] == 3
    assert found(system, run) == Comparison(498, replaced=3, differences=tuple(expected))
    system.assert_exact()
    kept = system.candles.revised(hourly(SYMBOL))
    assert kept == [
        Revised(Revision(wrong(item.slot), synthetic_candle(SYMBOL, item.slot)), run.run_id, system.clock.now())
        for item in expected
    ]
    again = system.collect("verify", repair=True)
    assert found(system, again) == Comparison(498)
    assert system.candles.revised(hourly(SYMBOL)) == kept


def test_a_candle_with_fewer_trades_is_taken_too() -> None:
    system = collected()
    system.candles.lines[hourly(SYMBOL), START + 5] = (
        synthetic_candle(SYMBOL, START + 5)._replace(trade_count=900).line()
    )
    assert system.record(system.collect("verify", repair=True)).records == 1
    system.assert_exact()


def test_what_the_exchange_alone_has_is_added_also_where_it_was_called_never_printed() -> None:
    system = collected()
    system.exchange.print_also(SYMBOL, OUTAGE)
    system.candles.remove(hourly(SYMBOL), (Window(START + 300, START + 303),))
    expected = [START + 120, START + 121, START + 300, START + 301, START + 302]
    assert [item.slot for item in found(system, system.collect("verify")).differences] == expected
    run = system.collect("verify", repair=True)
    assert system.candles.unfinished == set()
    comparison = found(system, run)
    assert (comparison.compared, comparison.added, comparison.replaced, comparison.left) == (500, 5, 0, 0)
    assert {item.stored for item in comparison.differences} == {""}
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START, END),)
    assert system.series.get(hourly(SYMBOL)).years == {2025: 500}
    system.assert_exact()


def test_a_candle_that_the_exchange_does_not_have_is_named_and_stays() -> None:
    system = collected()
    system.exchange.printed[SYMBOL] -= {START + 7, START + 8, START + 200}
    before = dict(system.candles.lines)
    run = system.collect("verify", repair=True)
    record = system.record(run)
    assert record.outcome is Outcome.PARTIAL
    assert record.failure is not None
    assert record.failure.message.startswith("3 of 498 compared candles differ still")
    assert "never deleted" in record.failure.message
    assert {item.offered for item in found(system, run).differences} == {""}
    assert system.candles.lines == before
    assert system.series.get(hourly(SYMBOL)).denied == (Window(START + 7, START + 9), Window(START + 200, START + 201))
    system.exchange.print_also(SYMBOL, {START + 7, START + 8, START + 200})
    system.collect("verify", repair=True)
    assert system.series.get(hourly(SYMBOL)).denied == ()


def test_candles_that_the_exchange_does_not_have_keep_nothing_from_being_collected() -> None:
    system = collected()
    system.exchange.printed[SYMBOL] -= {END - 3, END - 2}
    system.candles.remove(hourly(SYMBOL), (Window(END - 1, END),))
    system.series.overwrite(replace(system.series.get(hourly(SYMBOL)), last=END - 2))
    refused = system.record(system.collect(start=START, end=END + 5))
    assert refused.failure is not None
    assert refused.failure.kind == "differs"
    system.collect("verify", repair=True, end=END + 5)
    run = system.collect(start=START, end=END + 5)
    assert system.record(run).outcome is Outcome.COMPLETE


def test_a_symbol_that_two_runs_heard_nothing_of_is_stored_when_it_has_candles_after_all() -> None:
    system = World({SYMBOL: ()}, listings=(listing(SYMBOL, "BREAK"),))
    for _ in range(2):
        system.collect(start=START + 100, end=END, symbols=(SYMBOL,))
        system.clock.advance(3600)
    assert system.series.get(hourly(SYMBOL)).absent is not None
    system.exchange.print_also(SYMBOL, range(START + 150, START + 300))
    for _ in range(2):
        system.collect(start=START, end=END, symbols=(SYMBOL,))
        system.clock.advance(3600)
    assert system.candles.slots(hourly(SYMBOL)) == (Window(START + 150, START + 300),)


@pytest.mark.parametrize(
    "first",
    [
        answer(range(START, START + 50)),  # cut at its tail
        answer(range(START + 50, START + 100)),  # at its head
        answer([*range(START, START + 20), *range(START + 30, START + 100)]),
        answer(range(START, START + 100), wrong),  # about something else
        answer([]),
    ],
)
def test_one_answer_alone_makes_no_difference(first: FetchedCandles) -> None:
    system = collected()
    answers_once(system, {0: first})
    run = system.collect("verify", repair=True)
    assert (system.record(run).outcome, found(system, run)) == (Outcome.COMPLETE, Comparison(498))
    system.assert_exact()


def test_only_what_both_answers_say_alike_is_a_difference() -> None:
    system = collected()
    corrupt(system, START + 5)
    answers_once(system, {0: answer(range(START, START + 100), lambda hour: wrong(hour, "OTHERUSDT"))})
    run = system.collect("verify", repair=True)
    assert system.candles.revised(hourly(SYMBOL)) == []
    record = system.record(run)
    assert (record.outcome, record.missing) == (Outcome.PARTIAL, (Window(START + 5, START + 6),))
    assert record.failure is not None
    assert record.failure.kind == "invalid_answer"


def test_a_window_that_two_answers_say_nothing_of_is_not_compared_and_the_others_are() -> None:
    system = collected()
    answers_once(system, {1: answer([]), 2: answer([])})
    record = system.record(system.collect("verify", repair=True))
    assert (record.outcome, record.missing) == (Outcome.PARTIAL, (Window(START + 100, START + 200),))
    assert record.failure is not None
    assert record.failure.kind == "short_answer"
    assert record.comparison == Comparison(400)


def test_a_row_that_is_wrong_does_not_count() -> None:
    system = collected()
    system.exchange.wrong_rows = {SYMBOL: {START + 5: "its high is below its low"}}
    run = system.collect("verify", repair=True)
    assert (system.record(run).outcome, found(system, run)) == (Outcome.COMPLETE, Comparison(497))


def test_an_exchange_that_never_answers_leaves_a_failure_with_its_reason() -> None:
    system = collected()

    def fail(_: Asked) -> None:
        raise ExchangeUnavailableError(Failure("unavailable", "503", 503, attempts=4))

    system.exchange.before = fail
    record = system.record(system.collect("verify"))
    assert (record.outcome, record.missing_slots) == (Outcome.FAILED, 500)
    assert record.failure is not None
    assert record.failure.kind == "unavailable"


def test_a_window_that_differs_for_the_most_part_is_repaired_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    system = collected()
    corrupt(system, *range(START + 130, START + 190))
    run = system.collect("verify", repair=True)
    assert found(system, run).repaired == 60
    assert len(found(system, run).differences) == 20
    assert [line.message for line in caplog.records if "another symbol" in line.message]
    system.assert_exact()


def test_the_range_and_what_is_not_stored_are_not_asked_for() -> None:
    system = collected()
    system.collect(start=NOW - 100, end=NOW)
    system.exchange.requested.clear()
    run = system.collect("verify", start=START + 40, end=NOW - 60)
    assert system.record(run).range == Window(START + 40, NOW - 60)
    asked_for = {request.start for request in system.exchange.requested}
    assert len(asked_for) < 8
    assert min(asked_for) == START + 40
    comparison = found(system, run)
    assert comparison.compared - comparison.left == 500 - 40 - 2 + 40
    assert comparison.differences[0].slot == END, "what is missing in a window that is asked for differs too"


def test_symbols_without_a_stored_candle_in_the_range_are_skipped() -> None:
    system = World({SYMBOL: range(START, NOW), "ETHUSDT": range(START, NOW)})
    system.collect(start=START, end=END, symbols=(SYMBOL,))
    run = system.collect("verify", symbols=(SYMBOL, "ETHUSDT"), start=END + 100)
    assert {item.outcome for item in system.runs.symbols(run.run_id)} == {Outcome.SKIPPED}


def test_all_that_is_stored_is_verified_whatever_the_exchange_lists() -> None:
    names = ("AUSDT", "BUSDT", "CUSDT")
    system = World(dict.fromkeys(names, range(START, NOW)))
    system.collect(start=START, end=END)
    system.exchange.listings = (listing("AUSDT"), listing("BUSDT", "BREAK"), listing("DUSDT"))
    system.clock.advance(61)  # by then nobody takes the listings of before for new
    volumes = system.exchange.volumes_asked
    run = system.collect("verify")
    assert [(item.series, item.trading) for item in run.series] == [
        (hourly("AUSDT"), True),
        (hourly("BUSDT"), False),
        (hourly("CUSDT"), False),
    ]
    assert {item.outcome for item in system.runs.symbols(run.run_id)} == {Outcome.COMPLETE}
    assert system.exchange.volumes_asked == volumes
    assert system.collect("verify", symbols=("CUSDT",)).symbols == ("CUSDT",)
    with pytest.raises(InvalidRequestError, match="symbols: nothing is stored of EUSDT"):
        system.start("verify", symbols=("CUSDT", "DUSDT", "EUSDT"))


def test_where_nothing_is_stored_nothing_can_be_verified() -> None:
    with pytest.raises(InvalidRequestError, match="nothing is stored"):
        World({SYMBOL: range(START, NOW)}).start("verify")
    with pytest.raises(InvalidRequestError, match="intervals: nothing is stored of 1m, 5m"):
        collected().start("verify", intervals=(Interval.MINUTES_5, Interval.MINUTE))


def test_a_sample_takes_some_of_the_windows_and_at_least_one() -> None:
    system = collected()
    system.collect(start=START, end=START + 2000)
    for sample, expected in ((1, 1), (10, 2), (50, 10), (100, 20)):
        system.exchange.requested.clear()
        run = system.collect("verify", sample=sample)
        assert len(system.exchange.requested) == expected
        plan = plan_run(RunRequest("verify", sample=sample), system.defaults, system.run_ports(), system.candles)
        assert plan.requests == expected
        assert system.record(run).outcome is Outcome.COMPLETE
    starts = set()
    for _ in range(5):
        system.exchange.requested.clear()
        system.collect("verify", sample=10)
        starts.add(tuple(request.start for request in system.exchange.requested))
    assert len(starts) > 1, "each run draws its own"


def test_a_plan_says_what_a_verification_asks_for() -> None:
    system = collected()
    plan = as_json(plan_run(RunRequest("verify"), system.defaults, system.run_ports(), system.candles))
    assert (plan["missing_candles"], plan["requests"], plan["weight"]) == (0, 5, 5 * 2 + 20)
    assert plan["symbols"][0]["windows"][0] == {
        "start": "2025-01-01T00:00:00Z",
        "end": "2025-01-05T04:00:00Z",
        "candles": 100,
    }
    assert system.exchange.requested == []


def test_a_turn_whose_time_is_over_goes_on_where_it_was() -> None:
    system = collected()
    expected = corrupt(system, START + 5, START + 250, START + 420)
    system.exchange.seconds = 4
    system.worker_seconds = 9
    run = system.collect("verify", repair=True)
    record = system.record(run)
    assert record.turn > 1
    assert found(system, run) == Comparison(498, replaced=3, differences=tuple(expected))
    assert system.series.get(hourly(SYMBOL)).denied == ()


def test_a_window_in_which_much_differs_is_repaired_in_parts_as_time_allows() -> None:
    system = collected()
    corrupt(system, *range(START + 200, START + 298))
    revise = system.candles.revise
    batches = []

    def slow(symbol: str, revisions: list[Revision], **options: object) -> None:
        batches.append(len(revisions))
        system.clock.advance(30)
        revise(symbol, revisions, **options)  # type: ignore[arg-type] # passed through

    system.candles.revise = slow  # type: ignore[assignment, method-assign] # the same with a delay
    run = system.collect("verify", repair=True)
    assert batches == [50, 48]
    assert (found(system, run).repaired, found(system, run).compared) == (98, 498)
    system.assert_exact()


def test_parts_of_a_window_that_fit_into_a_turn_are_repaired_by_one_request_pair() -> None:
    system = collected()
    corrupt(system, *range(START + 200, START + 298))
    run = system.collect("verify", repair=True)
    assert (system.record(run).turn, found(system, run).repaired) == (1, 98)


BEFORE, AFTER = 0, 1


@pytest.mark.parametrize(
    ("repair", "moment", "lost"),  # each with each of another
    [(True, BEFORE, False), (True, AFTER, True), (False, AFTER, False), (False, BEFORE, True)],
    ids=str,
)
def test_a_worker_that_dies_at_any_step_changes_nothing_in_the_end(moment: int, *, repair: bool, lost: bool) -> None:
    def scene() -> tuple[World, Run]:
        system = collected()
        system.exchange.print_also(SYMBOL, OUTAGE)
        system.exchange.printed[SYMBOL] -= {START + 260}
        corrupt(system, START + 5, START + 118, START + 250)
        return system, system.start("verify", repair=repair)

    def ended(system: World, run: Run) -> tuple[object, ...]:
        record = system.record(run)
        revised = [(item.revision, item.run_id == run.run_id) for item in system.candles.revised(hourly(SYMBOL))]
        series = system.series.get(hourly(SYMBOL))
        return (
            dict(system.candles.lines),
            revised,
            (series.first, series.last, series.years, series.denied),
            record.comparison,
            (record.outcome, record.records, record.missing, record.failure),
            system.ended(run.run_id).counts,
        )

    system, run = scene()
    system.settle()
    expected = ended(system, run)
    assert found(system, run).different == 6
    for step in count(1):
        system, run = scene()
        try:
            while system.deliver(countdown=[step, moment]):
                pass
        except Crash:
            if lost:
                system.queue.entries.clear()
            system.settle()
            assert ended(system, run) == expected, f"step {step}"
        else:
            assert step > 15
            return


def test_two_runs_after_each_other_count_their_own() -> None:
    system = collected()
    corrupt(system, START + 5)
    first = system.collect("verify", repair=True)
    corrupt(system, START + 5, START + 6)
    system.clock.advance(1)
    second = system.collect("verify", repair=True)
    assert (found(system, first).replaced, found(system, second).replaced) == (1, 2)
    assert [item.run_id for item in system.candles.revised(hourly(SYMBOL))] == [
        first.run_id,
        second.run_id,
        second.run_id,
    ]


def test_a_worker_that_was_held_up_replaces_nothing() -> None:
    system = collected()
    corrupt(system, START + 5)
    run = system.start("verify", repair=True)
    revised, fenced = system.candles.revised, system.candles.revise

    def late(series: Series, revisions: list[Revision], **options: object) -> None:
        system.clock.advance(200)  # longer than its claim
        fenced(series, revisions, **options)  # type: ignore[arg-type] # passed through

    system.candles.revise = late  # type: ignore[assignment, method-assign] # the same with a delay
    system.deliver()
    assert revised(hourly(SYMBOL)) == []
    system.candles.revise = fenced  # type: ignore[method-assign] # as it was
    system.settle()
    assert found(system, run).repaired == 1


def test_a_cancelled_verification_is_judged_by_what_it_has_compared() -> None:
    system = collected()
    corrupt(system, START + 5)
    system.exchange.seconds = 4
    system.worker_seconds = 11
    run = system.start("verify")
    system.deliver()
    assert system.record(run).outcome is Outcome.RUNNING
    cancel_run(run.run_id, system.closing_ports())
    record = system.record(run)
    assert record.outcome is Outcome.PARTIAL
    assert record.missing == (Window(START + 200, END),)
    assert record.failure is not None
    assert record.failure.kind == "differs"
    assert "300 candles were not compared: the run was cancelled" in record.failure.message


def test_a_verification_past_its_deadline_says_so_and_one_that_never_began_failed() -> None:
    system = collected()
    system.defaults = replace(system.defaults, deadline=timedelta(minutes=40))
    run = system.start("verify")
    system.queue.entries.clear()
    for _ in range(9):
        system.clock.advance(300)
        system.queue.entries.clear()
        system.tend()
    record = system.record(run)
    assert (record.outcome, record.closed_by, record.missing) == (Outcome.FAILED, "reconciler", (Window(START, END),))
    assert record.failure is not None
    assert record.failure.kind == "deadline"


def test_a_retry_verifies_what_was_left_with_the_same_settings() -> None:
    system = World(dict.fromkeys((SYMBOL, "ETHUSDT"), range(START, NOW)))
    system.collect(start=START, end=END)
    corrupt(system, START + 5)
    system.exchange.listings = (listing("ETHUSDT"),)
    run = system.collect("verify", start=START + 2, end=END - 2)
    again = retry_run(run.run_id, system.defaults, system.run_ports())
    assert (again.mode, again.repair, again.sample, again.symbols) == (
        "verify",
        False,
        100,
        (SYMBOL,),
    )
    system.settle()
    assert system.record(again).range == Window(START + 2, END - 2)
    repaired = system.collect("verify", repair=True)
    with pytest.raises(NothingToRetryError):
        retry_run(repaired.run_id, system.defaults, system.run_ports())
