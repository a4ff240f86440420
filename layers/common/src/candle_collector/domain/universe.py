"""Which symbols are meant by "the top N": ranked by the volume of a day, without what only looks like a crypto."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

TRADING = "TRADING"
QUOTE_ASSET = "USDT"

LEVERAGED_SUFFIXES = ("UP", "DOWN", "BULL", "BEAR")
"""Leveraged tokens are named after what they follow (BTCUP, ETHBEAR); a coin such as JUP is not one."""

_FOLLOWED_MIN = 3
"""No leveraged token follows a shorter name (the listing of 2021-10-12), and SUP is not twice Sonic's S."""

_SYMBOL_MAX = 20


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


Ranking = list[dict[str, str]]
"""What is kept of a ranking: symbol and quote_volume, best first."""


def ranking_of(ranked: Iterable[Ranked]) -> Ranking:
    """Return what is kept of a ranking."""
    return [{"symbol": item.listing.symbol, "quote_volume": str(item.quote_volume)} for item in ranked]


def is_symbol(text: str) -> bool:
    """Return whether `text` can be a symbol: 1 to 20 of A-Z 0-9 - _ . or, as Binance lists today, non-ASCII letters."""
    return 0 < len(text) <= _SYMBOL_MAX and all(
        (char.isascii() and (char.isdigit() or char.isupper() or char in "-_."))
        or (not char.isascii() and char.isalnum() and char == char.upper())
        for char in text
    )


def as_symbol(text: str) -> str:
    """Return the symbol that a person means by `btcusdt` or `BTC/USDT`."""
    return text.strip().replace("/", "").upper()


def is_leveraged(base_asset: str, base_assets: Collection[str]) -> bool:
    """Return whether `base_asset` is another listed asset's name with UP, DOWN, BULL or BEAR behind it.

    BULL and BEAR alone, which followed Bitcoin, count as well.
    """
    followed = [base_asset.removesuffix(suffix) for suffix in LEVERAGED_SUFFIXES if base_asset.endswith(suffix)]
    return any(name == "" or (len(name) >= _FOLLOWED_MIN and name in base_assets) for name in followed)


def rank(
    listings: Iterable[Listing], volumes: Mapping[str, Decimal], *, excluded: Collection[str], top_n: int
) -> tuple[Ranked, ...]:
    """Return the `top_n` symbols that trade against USDT, by 24 h quote volume, largest first.

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
    ranked = [
        Ranked(listing, volumes.get(listing.symbol, Decimal(0)))
        for listing in known
        if listing.trading
        and listing.quote_asset == QUOTE_ASSET
        and listing.base_asset not in excluded
        and not is_leveraged(listing.base_asset, base_assets)
    ]
    ranked.sort(key=lambda item: (-item.quote_volume, item.listing.symbol))
    return tuple(ranked[:top_n])
