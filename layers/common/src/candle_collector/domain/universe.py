"""Which symbols are meant by "the top N": ranked by the volume of a day, without what only looks like a crypto."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from candle_collector.domain.pegged_assets import PEGGED_ASSETS

TRADING = "TRADING"
QUOTE_ASSET = "USDT"

LEVERAGED_SUFFIXES = ("UP", "DOWN", "BULL", "BEAR")
"""Leveraged tokens are named after what they follow (BTCUP, ETHBEAR); a coin such as JUP is not one."""

_FOLLOWED_MIN = 3
"""No leveraged token follows a shorter name (the listing of 2021-10-12), and SUP is not twice Sonic's S."""

_SYMBOL_MAX = 50
"""Binance lists names of 27 letters; the longest that it documents is 50 (its own pattern of a symbol)."""

_NAMED_MOST = 10
"""How many symbols a note names."""


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


Ranking = list[dict[str, str]]
"""What is kept of a ranking: symbol and quote_volume, best first; then those that were left out, with their reason."""


def ranking_of(ranked: Iterable[Ranked], left_out: Iterable[LeftOut] = ()) -> Ranking:
    """Return what is kept of a ranking."""
    kept = [{"symbol": item.listing.symbol, "quote_volume": f"{item.quote_volume:f}"} for item in ranked]
    return kept + [
        {"symbol": item.listing.symbol, "quote_volume": f"{item.quote_volume:f}", "reason": item.reason}
        for item in left_out
    ]


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


def is_leveraged(base_asset: str, base_assets: Collection[str]) -> bool:
    """Return whether `base_asset` is another listed asset's name with UP, DOWN, BULL or BEAR behind it.

    A coin that is called UP follows nothing, and is one like any other.
    """
    followed = [base_asset.removesuffix(suffix) for suffix in LEVERAGED_SUFFIXES if base_asset.endswith(suffix)]
    return any(len(name) >= _FOLLOWED_MIN and name in base_assets for name in followed)


def rank(
    listings: Iterable[Listing], volumes: Mapping[str, Decimal], *, excluded: Collection[str], top_n: int
) -> tuple[tuple[Ranked, ...], tuple[LeftOut, ...]]:
    """Return the `top_n` symbols that trade against USDT, by 24 h quote volume, and what was left out among them.

    Both are in the order of their volumes, largest first.

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
    trading = [listing for listing in known if listing.trading and listing.quote_asset == QUOTE_ASSET]
    for listing in sorted(trading, key=lambda item: (-volumes.get(item.symbol, Decimal(0)), item.symbol)):
        volume = volumes.get(listing.symbol, Decimal(0))
        reason = _reason_against(listing.base_asset, excluded, base_assets)
        if reason is not None:
            left_out.append(LeftOut(listing, volume, reason))
        else:
            ranked.append(Ranked(listing, volume))
            if len(ranked) == top_n:
                break
    return tuple(ranked), tuple(left_out)


def _reason_against(base_asset: str, excluded: Collection[str], base_assets: Collection[str]) -> str | None:
    if base_asset in excluded:
        return PEGGED_ASSETS.get(base_asset, "named in EXCLUDED_BASE_ASSETS")
    return "leveraged token" if is_leveraged(base_asset, base_assets) else None


def note_on_universe(taken: Sequence[Ranked], left_out: Sequence[LeftOut], at_par: Collection[str]) -> str | None:
    """Return what there is to say of a choice of symbols: what was left out of it and why, and what is suspect in it.

    Parameters
    ----------
    taken
        The symbols that were chosen, largest first.
    left_out
        Those that were passed over; the ones below the last that was taken are not named.
    at_par
        The symbols that traded near 1.00 USDT the whole day, as stablecoins do.
    """
    least = min((item.quote_volume for item in taken), default=Decimal(0))
    passed = [f"{item.listing.symbol} ({item.reason})" for item in left_out if item.quote_volume >= least]
    suspects = [item.listing for item in taken if item.listing.symbol in at_par]
    sentences = [f"left out of the top {len(taken)}: {_named(passed)}"] if passed else []
    if suspects:
        symbols, assets = [item.symbol for item in suspects], [item.base_asset for item in suspects]
        sentences.append(
            f"{_named(symbols)} traded within 1% of 1.00 USDT all day, as stablecoins do: "
            f"EXCLUDED_BASE_ASSETS leaves out {_named(assets)} if that is so"
        )
    return "; ".join(sentences) or None


def _named(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_MOST
    return ", ".join(names[:_NAMED_MOST]) + (f" and {more} more" if more > 0 else "")
