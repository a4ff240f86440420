"""What a store of candles promises, of each interval."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.interval import Interval, interval_named
from candle_collector.domain.progress import Revision
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window, Windows
from candle_collector.errors import StaleTurnError
from candle_collector.ports import CandleStore, Revised

from tests.fakes.exchange import synthetic_candle
from tests.hourly import first_hour_of

MIDNIGHT = first_hour_of("2025-03-01")
DAY = "2025-03-01"
AT = datetime(2025, 6, 1, 12, 5, tzinfo=UTC)
SYMBOL = "BTCUSDT"
NONE: frozenset[int] = frozenset()


def candles(*hours: int) -> list[Candle]:
    return [synthetic_candle(SYMBOL, MIDNIGHT + hour) for hour in hours]


def within(start: int, end: int) -> Window:
    return Window(MIDNIGHT + start, MIDNIGHT + end)


@dataclass(frozen=True)
class Slots:
    """Slots of a series, counted from the first of a block in February or March 2025."""

    series: Series

    @classmethod
    def of(cls, interval: Interval, symbol: str = SYMBOL) -> Slots:
        return cls(Series(symbol, interval, BINANCE.name))

    @property
    def size(self) -> int:
        """How many slots a block has."""
        return self.series.interval.block_slots

    @property
    def first(self) -> int:
        slot = self.series.interval.first_of_day(DAY)
        return slot - slot % self.size

    def candles(self, *slots: int) -> list[Candle]:
        return [synthetic_candle(self.series.symbol, self.first + slot) for slot in slots]

    def within(self, start: int, end: int) -> Window:
        return Window(self.first + start, self.first + end)

    def windows(self, slots: Iterable[int]) -> Windows:
        return windows.from_slots(self.first + slot for slot in slots)

    def blocks(self, *numbers: int) -> frozenset[int]:
        """Return the blocks that are so many behind the first."""
        return frozenset(self.first // self.size + number for number in numbers)


def lost() -> None:
    """Refuse a write."""
    raise StaleTurnError("the claim is over")


def unfenced() -> None:
    """Let everything be written."""


class CandleStoreContract:
    """Tests of whatever the fixture `store` gives."""

    @pytest.fixture(params=["1m", "5m", "1h", "1d"])
    def slots(self, request: pytest.FixtureRequest) -> Slots:
        return Slots.of(interval_named(request.param))

    def test_an_empty_store_knows_nothing(self, store: CandleStore, slots: Slots) -> None:
        for window in (slots.within(0, 2 * slots.size), slots.within(0, 40 * slots.size)):
            known = store.coverage(slots.series, window)
            assert (known.stored, known.never_printed, known.blocks) == ((), (), NONE)
            assert store.candles(slots.series, window, limit=10) == []

    def test_candles_are_read_back_as_they_were_stored(self, store: CandleStore, slots: Slots) -> None:
        odd = slots.candles(7)[0]._replace(offset_ms=1_694_789, volume="0.00000001")
        far = slots.size + 6
        store.store(slots.series, [*slots.candles(3, far), odd], (), absent_blocks=NONE)
        found = store.candles(slots.series, slots.within(0, 2 * slots.size), limit=10)
        assert found == [*slots.candles(3), odd, *slots.candles(far)]

    def test_coverage_is_that_of_whole_blocks(self, store: CandleStore, slots: Slots) -> None:
        last = slots.size - 1
        store.store(slots.series, slots.candles(-1, 3, 4, last, last + 1), (slots.within(5, 7),), absent_blocks=NONE)
        known = store.coverage(slots.series, slots.within(10, 11))
        assert known.stored == slots.windows((3, 4, last))
        assert known.never_printed == (slots.within(5, 7),)
        assert known.blocks == slots.blocks(0)

    def test_a_window_without_slots_touches_no_block(self, store: CandleStore, slots: Slots) -> None:
        store.store(slots.series, slots.candles(3), (), absent_blocks=NONE)
        assert store.coverage(slots.series, slots.within(3, 3)).blocks == NONE
        assert store.candles(slots.series, slots.within(3, 3), limit=5) == []

    def test_a_window_that_ends_with_a_block_does_not_touch_the_next(self, store: CandleStore, slots: Slots) -> None:
        last = slots.size - 1
        store.store(slots.series, slots.candles(last, last + 1), (), absent_blocks=NONE)
        known = store.coverage(slots.series, slots.within(0, slots.size))
        assert known.stored == slots.windows([last])
        assert known.blocks == slots.blocks(0)

    def test_coverage_of_years_is_exact(self, store: CandleStore, slots: Slots) -> None:
        """As it is stored, as it is read again, as it is when that was written down, then with what was added since."""
        size, series = slots.size, slots.series
        far = max(365 * series.interval.slots_a_day, 60 * size)
        ends = [0, 1, size - 1, *range(3 * size, 9 * size), far, far + 1]
        gone = slots.windows(range(20 * size, 29 * size + 3))
        known = series.interval.blocks_in((*slots.windows(ends), *gone))
        whole = slots.within(-far, 2 * far)
        store.store(series, slots.candles(*ends), gone, absent_blocks=slots.blocks(*range(40)))
        for _ in range(3):
            found = store.coverage(series, whole)
            assert (found.stored, found.never_printed, found.blocks) == (slots.windows(ends), gone, known)
            store.write_coverage(series, fence=unfenced)
        more = range(2, size - 1)
        store.store(series, slots.candles(*more), (), absent_blocks=NONE)
        assert store.coverage(series, whole).stored == slots.windows([*ends, *more])

    def test_a_stored_value_stays(self, store: CandleStore, slots: Slots) -> None:
        store.store(slots.series, slots.candles(3), (), absent_blocks=NONE)
        other = slots.candles(3)[0]._replace(close="1", trade_count=1)
        store.store(slots.series, [other, *slots.candles(4)], (), absent_blocks=NONE)
        assert store.candles(slots.series, slots.within(0, slots.size), limit=24) == slots.candles(3, 4)

    def test_a_stored_value_stays_where_its_whole_block_is_offered(self, store: CandleStore, slots: Slots) -> None:
        store.store(slots.series, slots.candles(3), (), absent_blocks=NONE)
        whole = slots.candles(*range(slots.size))
        others = [candle._replace(close="1", trade_count=1) for candle in whole]
        store.store(slots.series, others, (), absent_blocks=slots.blocks(1))
        expected = [*others[:3], whole[3], *others[4:]]
        assert store.candles(slots.series, slots.within(0, slots.size), limit=slots.size) == expected

    def test_what_seems_absent_and_is_not_stays(self, store: CandleStore, slots: Slots) -> None:
        """Of a part of a block: only one that is whole is written without a look."""
        store.store(slots.series, slots.candles(3), (), absent_blocks=NONE)
        other = slots.candles(3)[0]._replace(close="1", trade_count=1)
        store.store(slots.series, [other, *slots.candles(4)], (slots.within(5, 6),), absent_blocks=slots.blocks(0))
        assert store.candles(slots.series, slots.within(0, slots.size), limit=24) == slots.candles(3, 4)
        assert store.coverage(slots.series, slots.within(0, 1)).never_printed == (slots.within(5, 6),)

    def test_slots_are_added_to_a_block_one_after_the_other_in_any_order(
        self, store: CandleStore, slots: Slots
    ) -> None:
        added = (5, 0, slots.size - 1, 11)
        for slot in added:
            store.store(slots.series, slots.candles(slot), (), absent_blocks=NONE)
        assert store.candles(slots.series, slots.within(0, slots.size), limit=24) == slots.candles(*sorted(added))
        assert store.coverage(slots.series, slots.within(0, slots.size)).stored == slots.windows(added)

    def test_storing_again_changes_nothing(self, store: CandleStore, slots: Slots) -> None:
        second = range(slots.size, 2 * slots.size)
        for _ in range(3):
            store.store(slots.series, slots.candles(1, 2), (slots.within(3, 4),), absent_blocks=NONE)
            store.store(slots.series, slots.candles(*second), (), absent_blocks=slots.blocks(1))
        both = slots.within(0, 2 * slots.size)
        assert store.candles(slots.series, both, limit=150) == slots.candles(1, 2, *second)
        assert store.coverage(slots.series, slots.within(0, slots.size)).never_printed == (slots.within(3, 4),)

    def test_never_printed_slots_alone_make_a_block_known(self, store: CandleStore, slots: Slots) -> None:
        gone, both = slots.within(slots.size - 2, slots.size + 2), slots.within(0, 2 * slots.size)
        store.store(slots.series, [], (gone,), absent_blocks=NONE)
        known = store.coverage(slots.series, both)
        assert known.never_printed == (gone,)
        assert known.stored == ()
        assert known.blocks == slots.blocks(0, 1)
        assert store.candles(slots.series, both, limit=10) == []

    def test_many_whole_blocks_are_stored_exactly(self, store: CandleStore, slots: Slots) -> None:
        end = slots.size * 60
        store.store(slots.series, slots.candles(*range(end)), (), absent_blocks=slots.blocks(*range(60)))
        assert store.coverage(slots.series, slots.within(0, end)).stored == (slots.within(0, end),)
        assert store.candles(slots.series, slots.within(0, end), limit=5000) == slots.candles(*range(end))

    def test_a_range_of_half_blocks_is_stored_exactly(self, store: CandleStore, slots: Slots) -> None:
        stored = range(5, slots.size * 3 + 7)
        store.store(slots.series, slots.candles(*stored), (), absent_blocks=slots.blocks(*range(4)))
        assert store.candles(slots.series, slots.within(0, slots.size * 4), limit=2000) == slots.candles(*stored)

    def test_a_limit_gives_the_oldest_or_the_newest_in_order(self, store: CandleStore, slots: Slots) -> None:
        series = slots.series
        store.store(series, slots.candles(*range(2, 90, 3)), (), absent_blocks=NONE)
        assert store.candles(series, slots.within(0, 90), limit=3) == slots.candles(2, 5, 8)
        assert store.candles(series, slots.within(0, 90), limit=3, newest=True) == slots.candles(83, 86, 89)
        assert store.candles(series, slots.within(3, 85), limit=100) == slots.candles(*range(5, 85, 3))
        assert store.candles(series, slots.within(3, 85), limit=2, newest=True) == slots.candles(80, 83)
        assert store.candles(series, slots.within(0, 90), limit=0) == []

    def test_columns_are_those_of_the_candles(self, store: CandleStore, slots: Slots) -> None:
        series = slots.series
        assert store.columns(series, slots.within(0, 48)).candles() == []
        odd = slots.candles(7)[0]._replace(offset_ms=1_694_789, volume="0.00000001")
        stored = [*range(2, 7), *range(9, 1680, 5)]
        store.store(series, [odd, *slots.candles(*stored)], (slots.within(8, 9),), absent_blocks=NONE)
        store.store(series._replace(symbol="ETHUSDT"), slots.candles(3, 8), (), absent_blocks=NONE)
        for start, end in ((0, 2000), (3, 25), (7, 8), (8, 9), (-90, 2), (5, 5)):
            window = slots.within(start, end)
            assert store.columns(series, window).candles() == store.candles(series, window, limit=2000)
        assert store.columns(series, slots.within(3, 25)).candles()[4] == odd

    def test_a_limit_looks_over_gaps_as_far_as_it_needs(self, store: CandleStore, slots: Slots) -> None:
        ends, whole = slots.candles(0, 400 * slots.size), slots.within(0, 500 * slots.size)
        store.store(slots.series, ends, (), absent_blocks=NONE)
        assert store.candles(slots.series, whole, limit=2) == ends
        assert store.candles(slots.series, whole, limit=2, newest=True) == ends

    def test_a_fence_that_is_down_keeps_everything_out(self, store: CandleStore, slots: Slots) -> None:
        size = slots.size
        for absent_blocks in (NONE, slots.blocks(0)):
            with pytest.raises(StaleTurnError):
                store.store(
                    slots.series,
                    slots.candles(*range(size)),
                    (slots.within(size + 6, size + 8),),
                    absent_blocks=absent_blocks,
                    fence=lost,
                )
        assert store.coverage(slots.series, slots.within(0, 2 * size)).blocks == NONE

    def test_coverage_is_the_same_though_a_fence_keeps_it_from_being_written(
        self, store: CandleStore, slots: Slots
    ) -> None:
        series, whole = slots.series, slots.within(-20 * slots.size, 20 * slots.size)
        store.store(series, slots.candles(*range(slots.size)), (), absent_blocks=slots.blocks(0))
        with suppress(StaleTurnError):  # where there is anything to write
            store.write_coverage(series, fence=lost)
        assert store.coverage(series, whole).stored == (slots.within(0, slots.size),)
        store.store(series, slots.candles(*range(slots.size, 2 * slots.size)), (), absent_blocks=NONE)
        store.write_coverage(series, fence=unfenced)
        assert store.coverage(series, whole).stored == (slots.within(0, 2 * slots.size),)

    def test_the_first_and_the_last_stored_slot_are_found(self, store: CandleStore, slots: Slots) -> None:
        series, first = slots.series, slots.first
        assert (store.first_slot(series), store.last_slot(series)) == (None, None)
        store.store(series, slots.candles(3), (), absent_blocks=NONE)
        assert (store.first_slot(series), store.last_slot(series)) == (first + 3, first + 3)
        store.store(series, slots.candles(-5000, -4999, 900, 5023), (), absent_blocks=NONE)
        assert (store.first_slot(series), store.last_slot(series)) == (first - 5000, first + 5023)

    def test_slots_that_were_never_printed_are_neither_first_nor_last(self, store: CandleStore, slots: Slots) -> None:
        series, size = slots.series, slots.size
        absent = slots.blocks(*range(-40, 20))
        store.store(series, [], (slots.within(-40 * size, -1), slots.within(30, 20 * size)), absent_blocks=absent)
        assert (store.first_slot(series), store.last_slot(series)) == (None, None)
        store.store(series, slots.candles(-1, 25), (), absent_blocks=NONE)
        assert (store.first_slot(series), store.last_slot(series)) == (slots.first - 1, slots.first + 25)

    def test_a_candle_is_replaced_while_it_is_as_it_was_read_and_both_values_are_kept(
        self, store: CandleStore, slots: Slots
    ) -> None:
        series, far, both = slots.series, slots.size + 6, slots.within(0, 2 * slots.size)
        store.store(series, slots.candles(3, 4, far), (slots.within(5, 6),), absent_blocks=NONE)
        pairs = [Revision(old, old._replace(volume="36", trade_count=9)) for old in slots.candles(3, far)]
        for run_id in ("RUN1", "RUN1", "RUN2"):  # the second and the third find nothing as they read it
            store.revise(series, pairs, run_id=run_id, at=AT, fence=lambda: None)
        now = [pairs[0].offered, *slots.candles(4), pairs[1].offered]
        assert store.candles(series, both, limit=10) == now
        assert store.revised(series) == [Revised(pair, "RUN1", AT) for pair in pairs]
        later = Revision(pairs[0].offered, pairs[0].offered._replace(volume="40"))
        store.revise(series, [later], run_id="RUN3", at=AT, fence=lambda: None)
        assert store.revised(series)[:2] == [Revised(pairs[0], "RUN1", AT), Revised(later, "RUN3", AT)]
        known = store.coverage(series, both)
        assert (known.stored, known.never_printed) == (slots.windows((3, 4, far)), (slots.within(5, 6),))
        assert (store.first_slot(series), store.last_slot(series)) == (slots.first + 3, slots.first + far)

    def test_a_replaced_candle_stays_where_more_is_stored(self, store: CandleStore, slots: Slots) -> None:
        (old,) = slots.candles(3)
        store.store(slots.series, [old], (), absent_blocks=NONE)
        new = old._replace(volume="36", trade_count=9)
        store.revise(slots.series, [Revision(old, new)], run_id="RUN1", at=AT, fence=lambda: None)
        store.store(slots.series, [old, *slots.candles(4)], (slots.within(5, 6),), absent_blocks=NONE)
        assert store.candles(slots.series, slots.within(0, slots.size), limit=24) == [new, *slots.candles(4)]

    def test_what_was_replaced_of_some_slots_is_found(self, store: CandleStore, slots: Slots) -> None:
        series, stored = slots.series, (0, 3, 23, 24, 47, 48)
        store.store(series, slots.candles(*stored), (), absent_blocks=NONE)
        pairs = [Revision(old, old._replace(volume="36")) for old in slots.candles(*stored)]
        store.revise(series, pairs, run_id="RUN1", at=AT, fence=lambda: None)
        for window, expected in [((0, 48), pairs[:5]), ((3, 24), pairs[1:3]), ((4, 23), []), ((24, 24), [])]:
            assert [item.revision for item in store.revised(series, slots.within(*window))] == expected

    def test_nothing_is_replaced_behind_a_fence_or_where_nothing_is_stored(
        self, store: CandleStore, slots: Slots
    ) -> None:
        series = slots.series
        store.store(series, slots.candles(3), (), absent_blocks=NONE)
        old, other = slots.candles(3, 7)
        with pytest.raises(StaleTurnError):
            store.revise(series, [Revision(old, old._replace(volume="36"))], run_id="RUN1", at=AT, fence=lost)
        nowhere = Revision(other, other._replace(volume="36"))
        store.revise(series, [nowhere], run_id="RUN1", at=AT, fence=lambda: None)
        assert store.candles(series, slots.within(0, 2 * slots.size), limit=10) == [old]
        assert store.revised(series) == []

    def test_series_do_not_meet(self, store: CandleStore, slots: Slots) -> None:
        store.store(slots.series, slots.candles(3), (), absent_blocks=NONE)
        intervals = [slots.series._replace(interval=other) for other in Interval if other != slots.series.interval]
        symbols = [slots.series._replace(symbol=name) for name in ("BTCUSD", "BTCUSDTX", "ETHUSDT", "\u5e01USDT")]
        for other in (*intervals, *symbols, slots.series._replace(market="another")):
            same = Slots(other)
            for end in (same.size, 40 * same.size):
                assert store.coverage(other, same.within(0, end)).blocks == NONE
            assert store.candles(other, same.within(0, same.size), limit=10) == []
            assert (store.first_slot(other), store.last_slot(other)) == (None, None)

    def test_a_symbol_in_letters_beyond_ascii_is_stored_like_any(self, store: CandleStore, slots: Slots) -> None:
        letters = Slots.of(slots.series.interval, "\u5e01\u5b89USDT")
        store.store(letters.series, letters.candles(3), (), absent_blocks=NONE)
        assert store.candles(letters.series, letters.within(0, letters.size), limit=10) == letters.candles(3)
