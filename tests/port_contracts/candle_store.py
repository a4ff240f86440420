"""What a store of candles promises."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.progress import Revision
from candle_collector.domain.windows import Window
from candle_collector.errors import StaleTurnError
from candle_collector.ports import CandleStore, Revised

from tests.fakes.exchange import synthetic_candle

MIDNIGHT = windows.first_hour_of("2025-03-01")
DAY = "2025-03-01"
AT = datetime(2025, 6, 1, 12, 5, tzinfo=UTC)
SYMBOL = "BTCUSDT"


def candles(*hours: int) -> list[Candle]:
    return [synthetic_candle(SYMBOL, MIDNIGHT + hour) for hour in hours]


def within(start: int, end: int) -> Window:
    return Window(MIDNIGHT + start, MIDNIGHT + end)


class CandleStoreContract:
    """Tests of whatever the fixture `store` gives."""

    def test_an_empty_store_knows_nothing(self, store: CandleStore) -> None:
        known = store.coverage(SYMBOL, within(0, 48))
        assert (known.stored, known.never_printed, known.days) == ((), (), frozenset())
        assert store.candles(SYMBOL, within(0, 48), limit=10) == []

    def test_candles_are_read_back_as_they_were_stored(self, store: CandleStore) -> None:
        odd = synthetic_candle(SYMBOL, MIDNIGHT + 7)._replace(offset_ms=1_694_789, volume="0.00000001")
        store.store(SYMBOL, [*candles(3, 30), odd], (), absent_days=frozenset())
        assert store.candles(SYMBOL, within(0, 48), limit=10) == [*candles(3), odd, *candles(30)]

    def test_coverage_is_that_of_whole_days(self, store: CandleStore) -> None:
        store.store(SYMBOL, candles(-1, 3, 4, 23, 24), (within(5, 7),), absent_days=frozenset())
        known = store.coverage(SYMBOL, within(10, 11))
        assert known.stored == (within(3, 5), within(23, 24))
        assert known.never_printed == (within(5, 7),)
        assert known.days == {DAY}

    def test_a_window_without_hours_touches_no_day(self, store: CandleStore) -> None:
        store.store(SYMBOL, candles(3), (), absent_days=frozenset())
        assert store.coverage(SYMBOL, within(3, 3)).days == frozenset()
        assert store.candles(SYMBOL, within(3, 3), limit=5) == []

    def test_a_window_that_ends_at_midnight_does_not_touch_the_next_day(self, store: CandleStore) -> None:
        store.store(SYMBOL, candles(23, 24), (), absent_days=frozenset())
        known = store.coverage(SYMBOL, within(0, 24))
        assert known.stored == (within(23, 24),)
        assert known.days == {DAY}

    def test_a_stored_value_stays(self, store: CandleStore) -> None:
        store.store(SYMBOL, candles(3), (), absent_days=frozenset())
        other = synthetic_candle(SYMBOL, MIDNIGHT + 3)._replace(close="1", trade_count=1)
        store.store(SYMBOL, [other, *candles(4)], (), absent_days=frozenset())
        assert store.candles(SYMBOL, within(0, 24), limit=24) == candles(3, 4)

    def test_hours_are_added_to_a_day_one_after_the_other_in_any_order(self, store: CandleStore) -> None:
        for hour in (5, 0, 23, 11):
            store.store(SYMBOL, candles(hour), (), absent_days=frozenset())
        assert store.candles(SYMBOL, within(0, 24), limit=24) == candles(0, 5, 11, 23)
        expected = windows.from_hours(MIDNIGHT + hour for hour in (0, 5, 11, 23))
        assert store.coverage(SYMBOL, within(0, 24)).stored == expected

    def test_storing_again_changes_nothing(self, store: CandleStore) -> None:
        for _ in range(3):
            store.store(SYMBOL, candles(1, 2), (within(3, 4),), absent_days=frozenset())
            store.store(SYMBOL, candles(*range(24, 48)), (), absent_days=frozenset({"2025-03-02"}))
        assert store.candles(SYMBOL, within(0, 48), limit=50) == candles(1, 2, *range(24, 48))
        assert store.coverage(SYMBOL, within(0, 24)).never_printed == (within(3, 4),)

    def test_never_printed_hours_alone_make_a_day_known(self, store: CandleStore) -> None:
        store.store(SYMBOL, [], (within(22, 26),), absent_days=frozenset())
        known = store.coverage(SYMBOL, within(0, 48))
        assert known.never_printed == (within(22, 26),)
        assert known.stored == ()
        assert known.days == {DAY, "2025-03-02"}
        assert store.candles(SYMBOL, within(0, 48), limit=10) == []

    def test_many_whole_days_are_stored_exactly(self, store: CandleStore) -> None:
        hours = range(24 * 60)
        days = frozenset(windows.day_of(MIDNIGHT + hour) for hour in hours)
        store.store(SYMBOL, candles(*hours), (), absent_days=days)
        assert store.coverage(SYMBOL, within(0, 24 * 60)).stored == (within(0, 24 * 60),)
        assert store.candles(SYMBOL, within(0, 24 * 60), limit=2000) == candles(*hours)

    def test_a_range_of_half_days_is_stored_exactly(self, store: CandleStore) -> None:
        hours = range(5, 24 * 3 + 7)
        days = frozenset(windows.day_of(MIDNIGHT + hour) for hour in hours)
        store.store(SYMBOL, candles(*hours), (), absent_days=days)
        assert store.candles(SYMBOL, within(0, 24 * 4), limit=2000) == candles(*hours)

    def test_a_limit_gives_the_oldest_or_the_newest_in_order(self, store: CandleStore) -> None:
        store.store(SYMBOL, candles(*range(2, 90, 3)), (), absent_days=frozenset())
        assert store.candles(SYMBOL, within(0, 90), limit=3) == candles(2, 5, 8)
        assert store.candles(SYMBOL, within(0, 90), limit=3, newest=True) == candles(83, 86, 89)
        assert store.candles(SYMBOL, within(3, 85), limit=100) == candles(*range(5, 85, 3))
        assert store.candles(SYMBOL, within(3, 85), limit=2, newest=True) == candles(80, 83)
        assert store.candles(SYMBOL, within(0, 90), limit=0) == []

    def test_columns_are_those_of_the_candles(self, store: CandleStore) -> None:
        assert store.columns(SYMBOL, within(0, 48)).candles() == []
        odd = synthetic_candle(SYMBOL, MIDNIGHT + 7)._replace(offset_ms=1_694_789, volume="0.00000001")
        hours = [*range(2, 7), *range(9, 24 * 70, 5)]
        store.store(SYMBOL, [odd, *candles(*hours)], (within(8, 9),), absent_days=frozenset())
        store.store("ETHUSDT", candles(3, 8), (), absent_days=frozenset())
        for window in (within(0, 24 * 80), within(3, 25), within(7, 8), within(8, 9), within(-90, 2), within(5, 5)):
            found = store.candles(SYMBOL, window, limit=2000)
            assert store.columns(SYMBOL, window).candles() == found
        assert odd in store.columns(SYMBOL, within(3, 25)).candles()

    def test_a_limit_looks_over_gaps_as_far_as_it_needs(self, store: CandleStore) -> None:
        store.store(SYMBOL, candles(0, 24 * 400), (), absent_days=frozenset())
        assert store.candles(SYMBOL, within(0, 24 * 500), limit=2) == candles(0, 24 * 400)
        assert store.candles(SYMBOL, within(0, 24 * 500), limit=2, newest=True) == candles(0, 24 * 400)

    def test_a_fence_that_is_down_keeps_everything_out(self, store: CandleStore) -> None:
        def lost() -> None:
            raise StaleTurnError("the claim is over")

        for absent_days in (frozenset[str](), frozenset({windows.day_of(MIDNIGHT)})):
            with pytest.raises(StaleTurnError):
                store.store(SYMBOL, candles(*range(24)), (within(30, 32),), absent_days=absent_days, fence=lost)
        assert store.coverage(SYMBOL, within(0, 48)).days == frozenset()

    def test_the_first_and_the_last_stored_hour_are_found(self, store: CandleStore) -> None:
        assert (store.first_hour(SYMBOL), store.last_hour(SYMBOL)) == (None, None)
        store.store(SYMBOL, candles(3), (), absent_days=frozenset())
        assert (store.first_hour(SYMBOL), store.last_hour(SYMBOL)) == (MIDNIGHT + 3, MIDNIGHT + 3)
        store.store(SYMBOL, candles(-5000, -4999, 900, 5023), (), absent_days=frozenset())
        assert (store.first_hour(SYMBOL), store.last_hour(SYMBOL)) == (MIDNIGHT - 5000, MIDNIGHT + 5023)

    def test_hours_that_were_never_printed_are_neither_first_nor_last(self, store: CandleStore) -> None:
        store.store(SYMBOL, [], (within(-24 * 90, -1), within(30, 24 * 40)), absent_days=frozenset())
        assert (store.first_hour(SYMBOL), store.last_hour(SYMBOL)) == (None, None)
        store.store(SYMBOL, candles(-1, 25), (), absent_days=frozenset())
        assert (store.first_hour(SYMBOL), store.last_hour(SYMBOL)) == (MIDNIGHT - 1, MIDNIGHT + 25)

    def test_a_candle_is_replaced_while_it_is_as_it_was_read_and_both_values_are_kept(self, store: CandleStore) -> None:
        store.store(SYMBOL, candles(3, 4, 30), (within(5, 6),), absent_days=frozenset())
        pairs = [Revision(old, old._replace(volume="36", trade_count=9)) for old in candles(3, 30)]
        for run_id in ("RUN1", "RUN1", "RUN2"):  # the second and the third find nothing as they read it
            store.revise(SYMBOL, pairs, run_id=run_id, at=AT, fence=lambda: None)
        now = [pairs[0].offered, *candles(4), pairs[1].offered]
        assert store.candles(SYMBOL, within(0, 48), limit=10) == now
        assert store.revised(SYMBOL) == [Revised(pair, "RUN1", AT) for pair in pairs]
        later = Revision(pairs[0].offered, pairs[0].offered._replace(volume="40"))
        store.revise(SYMBOL, [later], run_id="RUN3", at=AT, fence=lambda: None)
        assert store.revised(SYMBOL)[:2] == [Revised(pairs[0], "RUN1", AT), Revised(later, "RUN3", AT)]
        known = store.coverage(SYMBOL, within(0, 48))
        assert (known.stored, known.never_printed) == ((within(3, 5), within(30, 31)), (within(5, 6),))
        assert (store.first_hour(SYMBOL), store.last_hour(SYMBOL)) == (MIDNIGHT + 3, MIDNIGHT + 30)

    def test_what_was_replaced_of_some_hours_is_found(self, store: CandleStore) -> None:
        hours = (0, 3, 23, 24, 47, 48)
        store.store(SYMBOL, candles(*hours), (), absent_days=frozenset())
        pairs = [Revision(old, old._replace(volume="36")) for old in candles(*hours)]
        store.revise(SYMBOL, pairs, run_id="RUN1", at=AT, fence=lambda: None)
        for window, expected in [((0, 48), pairs[:5]), ((3, 24), pairs[1:3]), ((4, 23), []), ((24, 24), [])]:
            assert [item.revision for item in store.revised(SYMBOL, within(*window))] == expected

    def test_nothing_is_replaced_behind_a_fence_or_where_nothing_is_stored(self, store: CandleStore) -> None:
        def lost() -> None:
            raise StaleTurnError("the claim is over")

        store.store(SYMBOL, candles(3), (), absent_days=frozenset())
        pair = Revision(candles(3)[0], candles(3)[0]._replace(volume="36"))
        with pytest.raises(StaleTurnError):
            store.revise(SYMBOL, [pair], run_id="RUN1", at=AT, fence=lost)
        nowhere = Revision(candles(7)[0], candles(7)[0]._replace(volume="36"))
        store.revise(SYMBOL, [nowhere], run_id="RUN1", at=AT, fence=lambda: None)
        assert store.candles(SYMBOL, within(0, 48), limit=10) == candles(3)
        assert store.revised(SYMBOL) == []

    def test_symbols_do_not_meet(self, store: CandleStore) -> None:
        store.store(SYMBOL, candles(3), (), absent_days=frozenset())
        for other in ("BTCUSD", "BTCUSDTX", "ETHUSDT", "\u5e01USDT"):
            assert store.coverage(other, within(0, 24)).days == frozenset()
            assert store.candles(other, within(0, 24), limit=10) == []
            assert (store.first_hour(other), store.last_hour(other)) == (None, None)

    def test_a_symbol_in_letters_beyond_ascii_is_stored_like_any(self, store: CandleStore) -> None:
        store.store("\u5e01\u5b89USDT", candles(3), (), absent_days=frozenset())
        assert store.candles("\u5e01\u5b89USDT", within(0, 24), limit=10) == candles(3)
