"""The top N: ranked by volume, without stablecoins, fiat and leveraged tokens."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.domain.market import FIAT, STABLECOIN
from candle_collector.domain.universe import (
    Listing,
    QuoteRanking,
    Ranked,
    as_quote_assets,
    is_leveraged,
    is_symbol,
    note_on_universe,
    rank,
    ranking_of,
)
from hypothesis import given
from hypothesis import strategies as st

EXCLUDED = frozenset({"USDC", "EUR"})


def listed(base: str, quote: str = "USDT", status: str = "TRADING") -> Listing:
    return Listing(base + quote, base, quote, status)


def symbols(ranked: tuple[Ranked, ...]) -> list[str]:
    return [item.listing.symbol for item in ranked]


def ranking(
    listings: list[Listing],
    volumes: dict[str, Decimal],
    *,
    top_n: int,
    quote: str = "USDT",
    excluded: Collection[str] = EXCLUDED,
) -> QuoteRanking:
    return rank(listings, volumes, quote_asset=quote, market=BINANCE, excluded=excluded, top_n=top_n)


def volumes_of(*symbols_by_volume: str) -> dict[str, Decimal]:
    return {symbol: Decimal(1000 - place) for place, symbol in enumerate(symbols_by_volume)}


def test_the_largest_volumes_come_first() -> None:
    listings = [listed("ETH"), listed("BTC"), listed("SOL")]
    volumes = {"BTCUSDT": Decimal(9), "ETHUSDT": Decimal("8.5"), "SOLUSDT": Decimal("8.55")}
    ranked = ranking(listings, volumes, top_n=2).ranked
    assert symbols(ranked) == ["BTCUSDT", "SOLUSDT"]
    assert ranked[0].quote_volume == 9


def test_equal_volumes_rank_by_name_so_that_a_ranking_can_be_repeated() -> None:
    listings = [listed("B"), listed("C"), listed("A")]
    assert symbols(ranking(listings, {}, top_n=3).ranked) == ["AUSDT", "BUSDT", "CUSDT"]


def test_what_is_not_a_crypto_that_trades_against_the_quote_asset_is_left_out() -> None:
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
    found = ranking(listings, {}, top_n=100)
    assert symbols(found.ranked) == ["BTCUSDT"]
    assert {item.listing.symbol: item.reason for item in found.left_out} == {
        "USDCUSDT": "stablecoin",
        "EURUSDT": "fiat",
        "BTCUPUSDT": "leveraged token",
        "BTCDOWNUSDT": "leveraged token",
        "ETHBULLUSDT": "leveraged token",
    }
    assert symbols(ranking(listings, {}, quote="FDUSD", top_n=100).ranked) == ["BTCFDUSD"]


def test_against_fiat_usdt_is_money_too_and_a_leveraged_token_is_known_by_what_other_quotes_list() -> None:
    listings = [listed("USDT", "TRY"), listed("BTCUP", "TRY"), listed("BTC"), listed("ETH", "TRY")]
    found = ranking(listings, {}, quote="TRY", excluded=BINANCE.pegged_assets, top_n=9)
    assert symbols(found.ranked) == ["ETHTRY"]
    assert [(item.listing.symbol, item.reason) for item in found.left_out] == [
        ("BTCUPTRY", "leveraged token"),
        ("USDTTRY", "stablecoin"),
    ]


def test_of_what_is_left_out_only_what_would_rank_is_named() -> None:
    listings = [listed(base) for base in ("USDC", "BTC", "SHARE", "ETH", "EUR")]
    volumes = volumes_of("USDCUSDT", "BTCUSDT", "SHAREUSDT", "ETHUSDT", "EURUSDT")
    found = ranking(listings, volumes, excluded={*EXCLUDED, "SHARE"}, top_n=2)
    note = note_on_universe(found, BINANCE, 2, frozenset())
    assert note == "left out of the top 2 in USDT: USDCUSDT (stablecoin), SHAREUSDT (named in EXCLUDED_BASE_ASSETS)"
    assert note_on_universe(found, BINANCE, 1, frozenset()) == "left out of the top 1 in USDT: USDCUSDT (stablecoin)"
    assert note_on_universe(replace(found, left_out=()), BINANCE, 2, frozenset()) is None


@pytest.mark.parametrize("quote", ["USDT", "USDC", "FDUSD", "EUR"])
def test_what_trades_at_par_with_money_is_a_suspect_where_it_is_taken(quote: str) -> None:
    listings = [listed(base, quote) for base in ("NEWUSD", "BTC", "OTHER")]
    found = ranking(listings, volumes_of(f"NEWUSD{quote}", f"BTC{quote}"), quote=quote, top_n=9)
    assert note_on_universe(found, BINANCE, 2, {f"NEWUSD{quote}", f"OTHER{quote}"}) == (
        f"NEWUSD{quote} traded within 1% of 1.00 {quote} all day, as stablecoins do: "
        "EXCLUDED_BASE_ASSETS leaves out NEWUSD if that is so"
    )


def test_what_trades_at_par_with_a_crypto_is_not_a_suspect() -> None:
    found = ranking([listed("WBTC", "BTC"), listed("ETH", "BTC")], {}, quote="BTC", top_n=9)
    assert note_on_universe(found, BINANCE, 9, {"WBTCBTC"}) is None


def test_a_note_names_a_quote_asset_against_which_nothing_trades() -> None:
    found = ranking([listed("BTC", "BUSD", "BREAK")], {}, quote="BUSD", top_n=9)
    assert note_on_universe(found, BINANCE, 9, frozenset()) == "nothing that could be taken trades against BUSD"


def test_a_note_names_ten_and_counts_the_others() -> None:
    bases = [f"A{number:02}" for number in range(13)]
    found = ranking([listed(base) for base in bases], {}, excluded=frozenset(bases[:12]), top_n=9)
    note = note_on_universe(found, BINANCE, 9, frozenset())
    assert note is not None
    assert note.endswith("A09USDT (named in EXCLUDED_BASE_ASSETS) and 2 more")


def test_what_is_kept_of_a_ranking_says_what_was_left_out_in_plain_decimals() -> None:
    found = ranking([listed("BTC"), listed("USDC")], {"BTCUSDT": Decimal("0E-8")}, top_n=9)
    assert ranking_of(found) == [
        {"symbol": "BTCUSDT", "quote_volume": "0.00000000"},
        {"symbol": "USDCUSDT", "quote_volume": "0", "reason": "stablecoin"},
    ]


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ([], "must name at least one quote asset, such as USDT"),
        ([f"Q{number}" for number in range(21)], "must name at most 20"),
        (["USDT", "btc"], "number 2 is not a quote asset; one is written in capitals, like USDT"),
        ([""], "number 1 is not a quote asset; one is written in capitals, like USDT"),
        (["BTC\n"], "number 1 is not a quote asset; one is written in capitals, like USDT"),
        (["BTC", "USDT", "BTC"], "names BTC more than once"),
    ],
)
def test_what_names_no_quote_assets_is_refused_in_a_sentence(names: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        as_quote_assets(names)


def test_quote_assets_keep_their_order() -> None:
    assert as_quote_assets(["USDT", "BTC", "1INCH", "U"]) == ("USDT", "BTC", "1INCH", "U")


def test_the_list_of_pegged_assets_has_what_is_known_to_be_money() -> None:
    assert {"USDC", "USDT", "FDUSD", "U", "DAI"} <= {
        name for name, kind in BINANCE.pegged_assets.items() if kind == STABLECOIN
    }
    assert {"EUR", "TRY"} <= {name for name, kind in BINANCE.pegged_assets.items() if kind == FIAT}
    assert not {"BTC", "ETH", "USTC", "PAXG"} & BINANCE.pegged_assets.keys()


@pytest.mark.parametrize("base", ["BTCUP", "BTCDOWN", "BTCBULL", "ETHBEAR"])
def test_leveraged_tokens_are_known_by_what_they_follow(base: str) -> None:
    assert is_leveraged(base, {"BTC", "ETH", base}, BINANCE.leveraged_suffixes)


@pytest.mark.parametrize("base", ["JUP", "SUP", "SYRUP", "PUMPUP", "BULLISH", "BTC", "COWBULLS", "UP", "BULL"])
def test_a_coin_whose_name_only_ends_like_one_stays(base: str) -> None:
    assert not is_leveraged(base, {"BTC", "ETH", "J", "S", base}, BINANCE.leveraged_suffixes)


@pytest.mark.parametrize(
    "text",
    ["BTCUSDT", "1000SATSUSDT", "A", "A" * 27 + "USDT", "A" * 50, "BTC-USDT", "A_B.C", "\u5e01\u5b89\u4eba\u751fUSDT"],
)
def test_what_binance_lists_is_a_symbol(text: str) -> None:
    assert is_symbol(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "btcusdt",
        "BTCusdt",
        "A" * 51,
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


@given(st.text(max_size=55))
def test_no_symbol_holds_a_separator_of_keys_paths_or_queries(text: str) -> None:
    assert not (is_symbol(text) and set(text) & set("#/?&%=+ \t\r\n\x00\"'\\"))
