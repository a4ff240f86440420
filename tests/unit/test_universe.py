"""The top N: ranked by volume, without stablecoins, fiat and leveraged tokens."""

from __future__ import annotations

from decimal import Decimal

import pytest
from candle_collector.domain.universe import Listing, Ranked, is_leveraged, is_symbol, rank
from hypothesis import given
from hypothesis import strategies as st

EXCLUDED = frozenset({"USDC", "EUR"})


def listed(base: str, quote: str = "USDT", status: str = "TRADING") -> Listing:
    return Listing(base + quote, base, quote, status)


def symbols(ranked: tuple[Ranked, ...]) -> list[str]:
    return [item.listing.symbol for item in ranked]


def test_the_largest_volumes_come_first() -> None:
    listings = [listed("ETH"), listed("BTC"), listed("SOL")]
    volumes = {"BTCUSDT": Decimal(9), "ETHUSDT": Decimal("8.5"), "SOLUSDT": Decimal("8.55")}
    ranked = rank(listings, volumes, excluded=EXCLUDED, top_n=2)
    assert symbols(ranked) == ["BTCUSDT", "SOLUSDT"]
    assert ranked[0].quote_volume == 9


def test_equal_volumes_rank_by_name_so_that_a_ranking_can_be_repeated() -> None:
    listings = [listed("B"), listed("C"), listed("A")]
    assert symbols(rank(listings, {}, excluded=EXCLUDED, top_n=3)) == ["AUSDT", "BUSDT", "CUSDT"]


def test_what_is_not_a_crypto_that_trades_against_usdt_is_left_out() -> None:
    listings = [
        listed("BTC"),
        listed("BTC", "FDUSD"),
        listed("USDC"),
        listed("EUR"),
        listed("BTCUP"),
        listed("BTCDOWN"),
        listed("ETHBULL"),
        listed("ETH", status="BREAK"),
        listed("OLD", status="HALT"),
        listed("NEW", status="END_OF_DAY"),
    ]
    assert symbols(rank(listings, {}, excluded=EXCLUDED, top_n=100)) == ["BTCUSDT"]


@pytest.mark.parametrize("base", ["BTCUP", "BTCDOWN", "BTCBULL", "ETHBEAR", "BULL", "BEAR"])
def test_leveraged_tokens_are_known_by_what_they_follow(base: str) -> None:
    assert is_leveraged(base, {"BTC", "ETH", base})


@pytest.mark.parametrize("base", ["JUP", "SUP", "SYRUP", "PUMPUP", "BULLISH", "BTC", "COWBULLS"])
def test_a_coin_whose_name_only_ends_like_one_stays(base: str) -> None:
    assert not is_leveraged(base, {"BTC", "ETH", "J", "S", base})


@pytest.mark.parametrize(
    "text", ["BTCUSDT", "1000SATSUSDT", "A", "A" * 20, "BTC-USDT", "A_B.C", "\u5e01\u5b89\u4eba\u751fUSDT"]
)
def test_what_binance_lists_is_a_symbol(text: str) -> None:
    assert is_symbol(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "btcusdt",
        "BTCusdt",
        "A" * 21,
        "BTC USDT",
        "BTC/USDT",
        "BTC#1h",
        "BTC\n",
        "\u00e9USDT",
        "\u20acUSDT",
        "BTC\u200bUSDT",
        "../X",
        "A&B",
        "A%41",
    ],
)
def test_what_could_mean_something_else_is_refused(text: str) -> None:
    assert not is_symbol(text)


@given(st.text(max_size=25))
def test_no_symbol_holds_a_separator_of_keys_paths_or_queries(text: str) -> None:
    assert not (is_symbol(text) and set(text) & set("#/?&%=+ \t\r\n\x00\"'\\"))
