"""What the store of listings promises."""

from __future__ import annotations

from candle_collector.domain.universe import Listing
from candle_collector.ports import ListingStore

BITCOIN = Listing("BTCUSDT", "BTC", "USDT", "TRADING", '{"filters":[{"filterType":"LOT_SIZE","minQty":"0.00001000"}]}')
FOREIGN = Listing("币安人生USDT", "币安人生", "USDT", "BREAK", '{"note":"é"}')
BARE = Listing("OLDBTC", "OLD", "BTC", "BREAK")


def by_symbol(*listings: Listing) -> dict[str, Listing]:
    return {listing.symbol: listing for listing in listings}


class ListingStoreContract:
    """Tests of whatever the fixture `listing_store` gives."""

    def test_listings_come_back_exactly(self, listing_store: ListingStore) -> None:
        assert listing_store.get() == {}
        listing_store.put(by_symbol(BITCOIN, FOREIGN, BARE))
        kept = listing_store.get()
        assert kept == by_symbol(BITCOIN, FOREIGN, BARE)
        assert [listing.rules for listing in kept.values()] == [BITCOIN.rules, FOREIGN.rules, ""]

    def test_what_is_kept_is_the_last_that_was_put(self, listing_store: ListingStore) -> None:
        listing_store.put(by_symbol(BITCOIN, FOREIGN))
        listing_store.put(by_symbol(BARE))
        assert listing_store.get() == by_symbol(BARE)

    def test_five_hundred_symbols_of_todays_length_are_kept(self, listing_store: ListingStore) -> None:
        rules = ",".join(f'{{"filterType":"LOT_SIZE","maxQty":"{n}.0"}}' for n in range(40))
        many = by_symbol(*(Listing(f"A{n}USDT", f"A{n}", "USDT", "TRADING", f"{rules}{n}") for n in range(500)))
        listing_store.put(many)
        assert {symbol: item.rules for symbol, item in listing_store.get().items()} == {
            symbol: item.rules for symbol, item in many.items()
        }
