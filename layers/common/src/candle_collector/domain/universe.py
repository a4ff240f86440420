"""Which symbols are meant by "the top N": ranked by the volume of a day, without what only looks like a crypto."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from candle_collector.domain.market import Market

TRADING = "TRADING"

SYMBOLS_MOST = 500
"""How many symbols a run has at most."""

QUOTES_MOST = 20
"""How many quote assets a run ranks at most; Binance listed 28 in 2021, most of them fiat of one country."""

_FOLLOWED_MIN = 3
"""No leveraged token is known to follow a shorter name, and SUP is not twice Sonic's S."""

_SYMBOL_MAX = 50
"""Binance lists names of 27 letters; the longest that it documents is 50 (its own pattern of a symbol)."""

_NAMED_MOST = 10
"""How many symbols a note names."""

_QUOTE = re.compile(r"[A-Z0-9]{1,20}", re.ASCII)


@dataclass(frozen=True)
class Listing:
    """A symbol as the exchange lists it.

    Attributes
    ----------
    status
        The exchange's own word, such as TRADING or BREAK.
    rules
        What else the exchange says of it, as JSON; empty where that is not known.
    """

    symbol: str
    base_asset: str
    quote_asset: str
    status: str
    rules: str = field(default="", compare=False)

    @property
    def trading(self) -> bool:
        """Whether it trades now."""
        return self.status == TRADING


@dataclass(frozen=True)
class Ranked:
    """A symbol and what was traded of it in the last 24 hours, in the quote asset."""

    listing: Listing
    quote_volume: Decimal


@dataclass(frozen=True)
class LeftOut(Ranked):
    """A symbol that would rank, and why it does not: "stablecoin", "fiat", "leveraged token" or "named in ..."."""

    reason: str


@dataclass(frozen=True)
class QuoteRanking:
    """The symbols that trade against one quote asset, by what is traded of them, largest first.

    Attributes
    ----------
    left_out
        What would be among the ranked, in the same order.
    """

    quote_asset: str
    ranked: tuple[Ranked, ...]
    left_out: tuple[LeftOut, ...] = ()


Ranking = list[dict[str, str]]
"""What is kept of the ranking in a quote asset: symbol and quote_volume, best first; then those that were left out,
with their reason."""


def ranking_of(ranking: QuoteRanking) -> Ranking:
    """Return what is kept of a ranking."""
    kept = [{"symbol": item.listing.symbol, "quote_volume": f"{item.quote_volume:f}"} for item in ranking.ranked]
    return kept + [
        {"symbol": item.listing.symbol, "quote_volume": f"{item.quote_volume:f}", "reason": item.reason}
        for item in ranking.left_out
    ]


def as_quote_assets(names: Sequence[str]) -> tuple[str, ...]:
    """Return the quote assets that are named.

    Raises
    ------
    ValueError
        None is named, or too many, or one is not written as the exchange does, or named twice; the message says which.
    """
    if not names:
        raise ValueError("must name at least one quote asset, such as USDT")
    if len(names) > QUOTES_MOST:
        raise ValueError(f"must name at most {QUOTES_MOST}")
    for number, name in enumerate(names, 1):
        if not _QUOTE.fullmatch(name):
            raise ValueError(f"number {number} is not a quote asset; one is written in capitals, like USDT")
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ValueError(f"names {twice[0]} more than once")
    return tuple(names)


def is_symbol(text: str) -> bool:
    """Return whether `text` can be a symbol: 1 to 50 of A-Z 0-9 - _ . or, as Binance lists today, non-ASCII letters."""
    return 0 < len(text) <= _SYMBOL_MAX and all(
        (char.isascii() and (char.isdigit() or char.isupper() or char in "-_."))
        or (not char.isascii() and char.isalnum() and char == char.upper())
        for char in text
    )


def as_symbol(text: str) -> str:
    """Return the symbol that a person means by `btcusdt` or `BTC/USDT`."""
    return text.strip().replace("/", "").upper()


def is_leveraged(base_asset: str, base_assets: Collection[str], suffixes: Sequence[str]) -> bool:
    """Return whether `base_asset` is another listed asset's name with one of a market's suffixes behind it.

    A coin that is called UP follows nothing, and is one like any other.
    """
    followed = [base_asset.removesuffix(suffix) for suffix in suffixes if base_asset.endswith(suffix)]
    return any(len(name) >= _FOLLOWED_MIN and name in base_assets for name in followed)


def rank(
    listings: Iterable[Listing],
    volumes: Mapping[str, Decimal],
    *,
    quote_asset: str,
    market: Market,
    excluded: Collection[str],
    top_n: int,
) -> QuoteRanking:
    """Return the `top_n` symbols that trade against a quote asset, by 24 h quote volume, and what was left out.

    Parameters
    ----------
    listings
        Every symbol of the exchange, in whatever state, so that leveraged tokens are known by what they follow.
    volumes
        The quote volume of the last 24 hours by symbol.
    excluded
        Base assets that are left out: stablecoins and fiat.
    top_n
        How many are meant.
    """
    known = list(listings)
    base_assets = {listing.base_asset for listing in known}
    ranked: list[Ranked] = []
    left_out: list[LeftOut] = []
    trading = [listing for listing in known if listing.trading and listing.quote_asset == quote_asset]
    for listing in sorted(trading, key=lambda item: (-volumes.get(item.symbol, Decimal(0)), item.symbol)):
        volume = volumes.get(listing.symbol, Decimal(0))
        reason = _reason_against(listing.base_asset, excluded, base_assets, market)
        if reason is not None:
            left_out.append(LeftOut(listing, volume, reason))
        else:
            ranked.append(Ranked(listing, volume))
            if len(ranked) == top_n:
                break
    return QuoteRanking(quote_asset, tuple(ranked), tuple(left_out))


def _reason_against(
    base_asset: str, excluded: Collection[str], base_assets: Collection[str], market: Market
) -> str | None:
    if base_asset in excluded:
        return market.pegged_assets.get(base_asset, "named in EXCLUDED_BASE_ASSETS")
    return "leveraged token" if is_leveraged(base_asset, base_assets, market.leveraged_suffixes) else None


def note_on_universe(ranking: QuoteRanking, market: Market, top_n: int, at_par: Collection[str]) -> str | None:
    """Return what there is to say of a choice of symbols: what was left out of it and why, and what is suspect in it.

    A symbol at par is suspect where its quote asset is money: it may be money that is pegged to the same. Against a
    crypto, what trades at par is another form of that crypto, as WBTC is of BTC.

    Parameters
    ----------
    top_n
        How many of the ranked symbols were taken. What was left out below the last of them is not named.
    at_par
        The symbols that traded near 1.00 of their quote asset the whole day, as stablecoins do.
    """
    quote, taken = ranking.quote_asset, ranking.ranked[:top_n]
    if not taken:
        return f"nothing that could be taken trades against {quote}"
    least = taken[-1].quote_volume
    passed = [f"{item.listing.symbol} ({item.reason})" for item in ranking.left_out if item.quote_volume >= least]
    suspects = [item.listing for item in taken if quote in market.pegged_assets and item.listing.symbol in at_par]
    sentences = [f"left out of the top {len(taken)} in {quote}: {_named(passed)}"] if passed else []
    if suspects:
        symbols, assets = [item.symbol for item in suspects], [item.base_asset for item in suspects]
        sentences.append(
            f"{_named(symbols)} traded within 1% of 1.00 {quote} all day, as stablecoins do: "
            f"EXCLUDED_BASE_ASSETS leaves out {_named(assets)} if that is so"
        )
    return "; ".join(sentences) or None


def _named(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_MOST
    return ", ".join(names[:_NAMED_MOST]) + (f" and {more} more" if more > 0 else "")
