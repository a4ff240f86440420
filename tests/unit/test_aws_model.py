"""The model of AWS's time (`make model`): its rules, small cases by hand, and that its steps are those of the code."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from candle_collector.collecting.plan_run import PRICES, WORKER_GB
from candle_collector.domain.pace import REQUEST_SECONDS
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.instant import InstantExchange, instant_binance
from tests.bench.worker_cpu import YEAR, recorded_turn
from tests.model import steps
from tests.model.cost import dollars
from tests.model.figures import Cpu, Sizes
from tests.model.limits import CandleTable, SharedWeight
from tests.model.published import FULL_CORE_MB, always
from tests.model.setting import Job, Latencies, Place
from tests.model.simulate import simulate

CALL, BATCH_WRITE, EXCHANGE, DELIVERY, SANDBOX = 0.01, 0.02, 1.0, 0.1, 0.5
EXACT = Place(
    workers=1,
    memory_mb=FULL_CORE_MB,
    latencies=Latencies(*map(always, (CALL, BATCH_WRITE, EXCHANGE, DELIVERY, SANDBOX))),
    cpu=Cpu(cold=0, turn=0, fetch=0, store=0),
    sizes=Sizes(symbol_record=300, run=400, run_symbol=30),
    starts_at=0,
    partitions=0,
)
UNBOUNDED = replace(EXACT, weight=10**9, weight_seconds=10**6)
ONE_BATCH, TWO_BATCHES = 48, 1008
BEFORE = DELIVERY + SANDBOX + (7 + 2 + 1) * CALL + EXCHANGE
"""Until the first answer: seven calls of the setup, two to reserve (the first of a minute), one to be granted."""


def test_the_calls_of_a_turn_are_those_of_the_real_code() -> None:
    _, recorded = recorded_turn(instant_binance(InstantExchange()))
    spans = Job(1, YEAR.slots, YEAR.start).spans
    assert len(spans) == 9
    assert steps.of_turn(spans) + Counter(steps.RESERVE) == Counter(recorded.calls)  # nobody had reserved before


def test_a_turn_of_one_batch_takes_what_its_calls_take_one_after_the_other() -> None:
    result = simulate(Job(1, ONE_BATCH), EXACT)
    assert result.seconds == pytest.approx(BEFORE + (2 + 5) * CALL + BATCH_WRITE)
    assert result.used.requests == 1
    assert result.used.invocations == 1


def test_the_next_request_is_under_way_while_a_batch_is_stored() -> None:
    assert len(Job(1, TWO_BATCHES).spans) == 2
    result = simulate(Job(1, TWO_BATCHES), EXACT)
    last_batch = (1 + 5) * CALL + BATCH_WRITE
    assert result.seconds == pytest.approx(BEFORE + CALL + EXCHANGE + last_batch)


def test_less_memory_makes_a_workers_own_work_longer() -> None:
    working = replace(EXACT, cpu=Cpu(cold=0, turn=1, fetch=2, store=4))
    half = replace(working, memory_mb=FULL_CORE_MB // 2)
    idle, whole = (simulate(Job(1, ONE_BATCH), place).seconds for place in (EXACT, working))
    assert whole == pytest.approx(idle + 7)
    assert simulate(Job(1, ONE_BATCH), half).seconds == pytest.approx(idle + 14, rel=0.01)
    assert simulate(Job(1, ONE_BATCH), replace(working, memory_mb=4096)).seconds == pytest.approx(whole)


def test_what_the_minutes_weight_leaves_over_waits_for_the_next_minute() -> None:
    limited = replace(EXACT, workers=8, weight=20, weight_share=100)  # ten requests a minute
    result = simulate(Job(20, ONE_BATCH), limited)
    assert result.reserved == {0: 20, 1: 20}
    assert 60 < result.seconds < 60 + 11 + 5
    assert result.used.requeued["weight"] >= 10


def test_workers_begin_as_the_queue_is_polled() -> None:
    slow = replace(UNBOUNDED, latencies=replace(EXACT.latencies, exchange=always(100)), turn_seconds=900)
    at_once, slowly = (
        simulate(Job(20, ONE_BATCH), replace(slow, workers=20, pollers_at_first=first)) for first in (20, 5)
    )
    assert slowly.seconds - at_once.seconds == pytest.approx(15 / 5, abs=0.1)  # 15 more, five a second


def test_a_run_costs_what_it_uses() -> None:
    result = simulate(Job(1, ONE_BATCH), replace(EXACT, memory_mb=2048))
    cost = dollars(result)
    # claim, series, reserved, noted, the block, series; series and coverage, outcome and run
    units = 1 + 1 + 1 + 1 + 2 + 1 + 2 + 2
    assert cost["writes"] == pytest.approx(units * PRICES["dynamodb_write_unit"])
    seconds = result.seconds - DELIVERY
    assert cost["Lambda"] == pytest.approx(seconds * 2 * PRICES["lambda_gb_second"] + PRICES["lambda_request"])


jobs = st.builds(Job, symbols=st.integers(1, 12), hours=st.integers(1, 12_000))


@settings(max_examples=30, deadline=None)
@given(jobs, st.integers(1, 30), st.integers(2, 120), st.floats(0, 59), st.sampled_from((0, 1, 4)))
def test_every_request_is_made_once_and_within_the_limit(
    job: Job, workers: int, weight: int, starts_at: float, partitions: int
) -> None:
    place = replace(
        Place(workers, starts_at=starts_at, partitions=partitions, weight=weight, weight_share=100),
        cpu=EXACT.cpu,
        sizes=EXACT.sizes,
    )
    result = simulate(job, place)
    used = result.used
    assert used.requests >= job.requests
    assert used.requests == job.requests or used.failed  # a turn that fails loses the answer that it did not store
    assert max(result.reserved.values()) <= weight
    granted = Counter(int((at + starts_at) // 60) for at in used.asked_at)
    assert all(2 * number <= result.reserved[minute] for minute, number in granted.items())


@settings(max_examples=30, deadline=None)
@given(jobs)
def test_more_workers_are_never_slower_where_nothing_is_shared(job: Job) -> None:
    """All begin at once: one that begins later may start cold for a message that a warm one would have had sooner."""
    seconds = [
        simulate(job, replace(UNBOUNDED, workers=workers, pollers_at_first=workers)).seconds
        for workers in (1, 2, 4, 8, 16)
    ]
    assert all(more <= fewer + 1e-6 for fewer, more in pairwise(seconds))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 25)), min_size=1, max_size=100), st.integers(1, 4))
def test_a_table_takes_no_more_than_its_partitions_do(writes: list[tuple[float, int]], partitions: int) -> None:
    now = [0.0]
    table = CandleTable(lambda: now[0], partitions)
    taken = 0
    for number, (wait, items) in enumerate(writes):
        now[0] += wait
        took = table.write(f"S{number}", items, 3)
        assert took <= items
        taken += 3 * took
    assert taken == sum(table.written.values())
    assert taken <= partitions * 1000 * (1 + now[0])


def test_a_table_has_room_for_twice_its_traffic_half_an_hour_later() -> None:
    now = [0.0]
    table = CandleTable(lambda: now[0], 1)
    assert table.write("S", 1000, 3) == 333
    now[0] = 1800.0
    assert sum(table.write(f"S{number}", 1000, 3) for number in range(50)) == 2 * 333


def test_weight_is_granted_while_there_is_some() -> None:
    now = [30.0]
    weight = SharedWeight(10, 60, lambda: now[0])
    assert weight.is_new
    assert [weight.reserve(8, 2), weight.reserve(8, 2), weight.reserve(8, 2)] == [8, 2, 0]
    assert weight.seconds_left() == 30
    now[0] = 60.0
    assert weight.reserve(100, 2) == 10


def test_the_dry_runs_estimate_is_the_models() -> None:
    job = Job(100, 334 * 24)
    result = simulate(job, Place(5))
    assert job.requests * REQUEST_SECONDS / 5 == pytest.approx(result.seconds, rel=0.2)
    assert Place(5).memory_mb == WORKER_GB * 1024
