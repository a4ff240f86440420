"""Writers of the candle table that die between any two calls, meet others there, or do not hear the answer.

Whatever happens, the table ends with all that was stored, exactly, and coverage says no slot that is not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from candle_collector.adapters.dynamodb.candles_table import CandlesTable
from candle_collector.adapters.dynamodb.item_table import ItemTable
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.interval import Interval
from candle_collector.domain.progress import Revision
from candle_collector.domain.windows import Window
from candle_collector.errors import CollectorError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.port_contracts.candle_store import AT, NONE, Slots, unfenced

MINUTES = Slots.of(Interval.MINUTE)
DAYS = Slots.of(Interval.DAY)
CASES = int(os.environ.get("CRASHED_CASES", "8"))
"""`make faults` tries 200."""
SPAN = 600
"""More than the blocks that are read without a look at the records."""


class Killed(BaseException):
    """The process ends here."""


Fault = Callable[[int, Callable[[], Any]], Any]
"""Takes the number of a call and the call itself, which it makes or not."""


class Wire:
    """A client whose calls may be the last of a process, lose their answers, or be preceded by another's.

    Attributes
    ----------
    calls
        How many were made while there was a fault.
    fault
        What happens to calls; None lets all of them be.
    """

    def __init__(self, client: Any, fault: Fault) -> None:
        self._client = client
        self.calls = 0
        self.fault: Fault | None = fault

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            if self.fault is None:
                return getattr(self._client, name)(**request)
            self.calls += 1
            return self.fault(self.calls, lambda: getattr(self._client, name)(**request))

        return call

    @contextmanager
    def mended(self) -> Iterator[None]:
        """Let all calls be meanwhile."""
        fault, self.fault = self.fault, None
        yield
        self.fault = fault


def killing(number: int, *, after: bool) -> Fault:
    """Return a fault: the process ends before or after the call of a number."""

    def fault(at: int, call: Callable[[], Any]) -> Any:
        if at != number:
            return call()
        if after:
            call()
        raise Killed

    return fault


def deaf(number: int) -> Fault:
    """Return a fault: the answer of a call is lost, and the SDK makes it again."""

    def fault(at: int, call: Callable[[], Any]) -> Any:
        if at == number:
            call()
        return call()

    return fault


def given_up(number: int) -> Fault:
    """Return a fault: the answer of a call is lost, and the SDK does not try again."""

    def fault(at: int, call: Callable[[], Any]) -> Any:
        answer = call()
        if at == number:
            raise ReadTimeoutError(endpoint_url="nowhere")
        return answer

    return fault


@dataclass
class Truth:
    """What the exchange has, and what is to be in the table when every step was done."""

    slots: Slots
    stored: dict[int, Candle] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)

    def check(self, table: CandlesTable, *, crashed_from: Mapping[int, Candle] | None = None) -> None:
        """Hold the table against it; after a crash each slot may be as it was before or as it is to be."""
        slots, whole = self.slots, self.slots.within(0, SPAN)
        year = 365 * slots.series.interval.slots_a_day
        candles = table.candles(slots.series, whole, limit=SPAN)
        for window in (whole, slots.within(-year, SPAN + year), slots.within(0, slots.size)):
            found = table.coverage(slots.series, window)
            inside = [candle.slot for candle in candles if candle.slot < window.end]
            assert found.stored == windows.from_slots(inside)
            assert set(windows.slots_in(found.never_printed)) <= self.gone - set(inside)
            assert found.blocks == slots.series.interval.blocks_in((*found.stored, *found.never_printed))
        by_slot = {candle.slot: candle for candle in candles}
        if crashed_from is not None:
            assert crashed_from.keys() <= by_slot.keys()
            assert by_slot.items() <= {*crashed_from.items(), *self.stored.items()}
        else:
            assert by_slot == self.stored
            assert set(windows.slots_in(table.coverage(slots.series, whole).never_printed)) == (
                self.gone - self.stored.keys()
            )


@dataclass(frozen=True)
class Store:
    """Slots to store, and others that were never printed.

    Attributes
    ----------
    trusting
        Whether blocks that the coverage does not know are written without a look, where they are whole.
    done
        Whether the series is done with it for now: the coverage is written.
    """

    slots: Sequence[int]
    gone: Window
    trusting: bool
    done: bool

    def do(self, table: CandlesTable, of: Slots) -> None:
        """Do it as a worker: what the coverage says is stored is not stored again."""
        whole = of.within(0, SPAN)
        known = table.coverage(of.series, whole)
        candles = [candle for candle in of.candles(*self.slots) if not windows.contains(known.stored, candle.slot)]
        absent = of.series.interval.blocks_in((whole,)) - known.blocks if self.trusting else NONE
        gone = windows.subtract((of.within(*self.gone),), of.windows(self.slots))
        table.store(of.series, candles, gone, absent_blocks=absent)
        if self.done:
            table.write_coverage(of.series, fence=unfenced)

    def note(self, truth: Truth) -> None:
        """Write down what is to be there then."""
        of = truth.slots
        for candle in of.candles(*self.slots):
            truth.stored.setdefault(candle.slot, candle)
        truth.gone |= set(range(*of.within(*self.gone))) - {of.first + slot for slot in self.slots}


@dataclass(frozen=True)
class Revise:
    """A slot whose candle gets another volume, where it has one."""

    slot: int
    volume: str

    def do(self, table: CandlesTable, of: Slots) -> list[Candle]:
        """Do it as a worker that has read what is stored, and return what is there then."""
        new = []
        for old in table.candles(of.series, of.within(self.slot, self.slot + 1), limit=1):
            new.append(old._replace(volume=self.volume))
            if new != [old]:
                pair = Revision(old, new[0])
                table.revise(of.series, [pair], run_id=f"R{self.volume}", at=AT, fence=lambda: None)
        return new

    def note(self, truth: Truth) -> None:
        """Write down what is to be there then."""
        slot = truth.slots.first + self.slot
        if slot in truth.stored:
            truth.stored[slot] = truth.stored[slot]._replace(volume=self.volume)


def ranges(most: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(0, SPAN - most), st.integers(0, most)).map(lambda pair: (pair[0], sum(pair)))


def stores(*, trusting: bool) -> st.SearchStrategy[Store]:
    return st.builds(
        lambda ends, left_out, gone, done: Store(
            [slot for slot in range(*ends) if slot not in left_out], Window(*gone), trusting, done
        ),
        ranges(200),
        st.frozensets(st.integers(0, SPAN), max_size=3),
        ranges(70),
        st.booleans(),
    )


REVISIONS = st.builds(Revise, st.integers(0, SPAN), st.sampled_from(["36", "48.5"]))
STEPS = st.lists(st.one_of(stores(trusting=True), stores(trusting=True), REVISIONS), min_size=1, max_size=5)


SERIES = st.sampled_from([MINUTES, DAYS])
UNTIMED = settings(
    max_examples=CASES,
    phases=[phase for phase in Phase if phase is not Phase.shrink],  # on moto it takes minutes
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def client(aws: None) -> Any:
    assert aws is None
    return ItemTable("candles").client


@pytest.fixture
def new_table(client: Any) -> Iterator[Callable[[], None]]:
    """Give a function that empties the table: hypothesis runs one test many times."""
    names = ("series", "block")

    def drop() -> None:
        if "candles" in client.list_tables()["TableNames"]:
            client.delete_table(TableName="candles")

    def again() -> None:
        drop()
        client.create_table(
            TableName="candles",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=True)
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        )

    yield again
    drop()


def table_on(wire: Any) -> CandlesTable:
    return CandlesTable("candles", client=wire, sleep=lambda _: None)


FAULTS = st.builds(
    lambda number, fault: fault(number),
    st.integers(1, 30),
    st.sampled_from([partial(killing, after=False), partial(killing, after=True), deaf, given_up]),
)


@given(of=SERIES, work=STEPS, fault=FAULTS)
@UNTIMED
def test_a_process_that_dies_anywhere_and_comes_back_ends_with_all_of_it(
    client: Any, new_table: Callable[[], None], of: Slots, work: list[Store | Revise], fault: Fault
) -> None:
    new_table()
    truth, wire = Truth(of), Wire(client, fault)
    table = table_on(wire)
    for step in work:
        before = dict(truth.stored)
        step.note(truth)
        try:
            step.do(table, of)
        except (Killed, CollectorError):
            table = table_on(client)  # another process
            truth.check(table, crashed_from=before)
            step.do(table, of)
        with wire.mended():
            truth.check(table)
    truth.check(table_on(client))


@dataclass
class Others:
    """Another writer, who does a step before each call of this one from a number on."""

    steps: list[Store | Revise]
    number: int
    table: CandlesTable
    truth: Truth
    revised: dict[int, Candle] = field(default_factory=dict)

    def __call__(self, at: int, call: Callable[[], Any]) -> Any:
        """Do the next step, and then the call."""
        if at >= self.number and self.steps:
            step = self.steps.pop(0)
            if isinstance(step, Revise):
                self.revised |= {candle.slot: candle for candle in step.do(self.table, self.truth.slots)}
            else:
                step.note(self.truth)
                step.do(self.table, self.truth.slots)
        return call()


def interleaved(of: Slots, client: Any, mine: Sequence[Store], steps: Sequence[Store | Revise], number: int) -> None:
    """Do the steps of two writers, and look at what there is."""
    truth = Truth(of)
    others = Others([*steps], number, table_on(client), truth)
    wire = Wire(client, others)
    table = table_on(wire)
    for step in mine:
        step.note(truth)
        step.do(table, of)
    with wire.mended():
        truth.stored |= others.revised
        for reader in (table, others.table, table_on(client)):
            truth.check(reader)


@given(
    of=SERIES,
    mine=st.lists(stores(trusting=True), min_size=1, max_size=3),
    work=st.tuples(st.lists(stores(trusting=True), min_size=1, max_size=5), st.integers(1, 12)),
)
@UNTIMED
def test_two_writers_end_with_what_both_have_whoever_comes_between(
    client: Any, new_table: Callable[[], None], of: Slots, mine: list[Store], work: tuple[list[Store], int]
) -> None:
    new_table()
    interleaved(of, client, mine, *work)


@given(
    of=SERIES,
    mine=st.lists(stores(trusting=False), min_size=1, max_size=3),
    work=st.tuples(st.lists(st.one_of(stores(trusting=False), REVISIONS), min_size=1, max_size=6), st.integers(1, 12)),
)
@UNTIMED
def test_a_writer_and_one_that_revises_undo_nothing_of_each_other(
    client: Any, new_table: Callable[[], None], of: Slots, mine: list[Store], work: tuple[list[Store | Revise], int]
) -> None:
    new_table()
    interleaved(of, client, mine, *work)


def test_a_candle_that_is_revised_between_a_look_and_the_write_stays_revised(
    client: Any, new_table: Callable[[], None]
) -> None:
    new_table()
    other, (old,) = table_on(client), MINUTES.candles(7)
    new = old._replace(volume="36")
    other.store(MINUTES.series, [old], (), absent_blocks=NONE)

    def between(at: int, call: Callable[[], Any]) -> Any:
        if at == 2:
            other.revise(MINUTES.series, [Revision(old, new)], run_id="R", at=AT, fence=lambda: None)
        return call()

    wire = Wire(client, between)
    table_on(wire).store(MINUTES.series, MINUTES.candles(8), (), absent_blocks=NONE)
    assert wire.calls == 4
    found = other.candles(MINUTES.series, MINUTES.within(0, 60), limit=60)
    assert found == [new, *MINUTES.candles(8)]


def test_a_candle_that_is_stored_between_a_look_and_a_revision_stays(
    client: Any, new_table: Callable[[], None]
) -> None:
    new_table()
    other, (old,) = table_on(client), MINUTES.candles(7)
    new = old._replace(volume="36")
    other.store(MINUTES.series, [old], (), absent_blocks=NONE)

    def between(at: int, call: Callable[[], Any]) -> Any:
        if at == 2:
            other.store(MINUTES.series, MINUTES.candles(8), (MINUTES.within(9, 10),), absent_blocks=NONE)
        return call()

    wire = Wire(client, between)
    table_on(wire).revise(MINUTES.series, [Revision(old, new)], run_id="R", at=AT, fence=lambda: None)
    assert wire.calls == 4
    assert other.candles(MINUTES.series, MINUTES.within(0, 60), limit=60) == [new, *MINUTES.candles(8)]
    assert other.coverage(MINUTES.series, MINUTES.within(0, 60)).never_printed == (MINUTES.within(9, 10),)
    assert [item.revision for item in other.revised(MINUTES.series)] == [Revision(old, new)]
