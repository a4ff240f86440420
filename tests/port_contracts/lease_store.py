"""What a store of the lease and one of the universes promise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

from candle_collector.domain.universe import QuoteRanking, Ranked, ranking_of
from candle_collector.ports import LeaseStore, UniverseStore

from tests.fakes.exchange import listing
from tests.port_contracts.run_store import LATER, NOW, A, B


class LeaseContract:
    """The one run that may be active."""

    def test_only_one_run_holds_the_lease(self, leases: LeaseStore) -> None:
        assert leases.holder(NOW) is None
        assert leases.take(A, now=NOW, expires=LATER) is None
        assert leases.take(B, now=NOW, expires=LATER) == A
        assert leases.holder(NOW) == A

    def test_taking_it_again_extends_it(self, leases: LeaseStore) -> None:
        leases.take(A, now=NOW, expires=LATER)
        assert leases.take(A, now=NOW, expires=LATER + timedelta(hours=1)) is None
        assert leases.holder(LATER) == A

    def test_a_lease_frees_itself_when_its_time_is_over(self, leases: LeaseStore) -> None:
        leases.take(A, now=NOW, expires=LATER)
        assert leases.holder(LATER) is None
        assert leases.take(B, now=LATER, expires=LATER + timedelta(seconds=9)) is None
        assert leases.holder(LATER) == B

    def test_a_run_that_lost_its_lease_cannot_release_it(self, leases: LeaseStore) -> None:
        leases.take(A, now=NOW, expires=LATER)
        leases.take(B, now=LATER, expires=LATER + timedelta(hours=1))
        leases.release(A)
        leases.release(A, active=True)
        assert leases.holder(LATER) == B

    def test_a_lease_that_was_released_is_free(self, leases: LeaseStore) -> None:
        leases.take(A, now=NOW, expires=LATER)
        leases.release(A)
        leases.release(A)
        assert leases.holder(NOW) is None
        assert leases.take(B, now=NOW, expires=LATER) is None

    def test_of_many_at_once_one_gets_it(self, leases: LeaseStore) -> None:
        ids = [f"01JWNP30F0AAAAAAAAAAAAAA{number:02}" for number in range(20)]
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda run_id: leases.take(run_id, now=NOW, expires=LATER), ids))
        holder = leases.holder(NOW)
        assert [run_id for run_id, answer in zip(ids, answers, strict=True) if answer is None] == [holder]
        assert {answer for answer in answers if answer} == {holder}


class UniverseContract:
    """The rankings of a day."""

    def test_the_first_ranking_of_a_day_stays(self, universes: UniverseStore) -> None:
        assert universes.get("2025-06-01") == {}
        assert universes.days() == []
        ranked = [Ranked(listing(name), Decimal(f"{number}.5")) for number, name in enumerate(("BTCUSDT", "ETHUSDT"))]
        first = ranking_of(QuoteRanking("USDT", tuple(ranked)))
        universes.put("2025-06-01", "USDT", first, run_id=A)
        universes.put("2025-06-01", "USDT", first[::-1], run_id=B)
        kept = {
            "USDT": [
                {"symbol": "BTCUSDT", "quote_volume": "0.5"},
                {"symbol": "ETHUSDT", "quote_volume": "1.5"},
            ]
        }
        assert universes.get("2025-06-01") == kept
        assert universes.get("2025-06-02") == {}
        universes.put("2025-05-31", "USDT", first[::-1], run_id=B)
        assert universes.days() == ["2025-05-31", "2025-06-01"]

    def test_a_day_keeps_the_first_ranking_in_each_quote_asset(self, universes: UniverseStore) -> None:
        by_usdt, by_btc = [{"symbol": "BTCUSDT", "quote_volume": "1"}], [{"symbol": "ETHBTC", "quote_volume": "2"}]
        universes.put("2025-06-01", "USDT", by_usdt, run_id=A)
        universes.put("2025-06-01", "BTC", by_btc, run_id=B)
        universes.put("2025-06-01", "BTC", by_usdt, run_id=B)
        universes.put("2025-06-02", "BTCB", by_btc, run_id=B)
        assert list(universes.get("2025-06-01").items()) == [("BTC", by_btc), ("USDT", by_usdt)]
        assert universes.days() == ["2025-06-01", "2025-06-02"]
