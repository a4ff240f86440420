"""Keeps what the exchange said of the symbols of a run, so that readers get it as it was said."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from candle_collector.domain.universe import Listing
from candle_collector.errors import CollectorError
from candle_collector.ports import ListingStore

log = logging.getLogger(__name__)


def keep_listings(listings: Iterable[Listing], symbols: Collection[str], store: ListingStore) -> None:
    """Keep the listings of the symbols of a run, and bring those up to date that are kept already.

    A run does not fail because of them: what could not be written is written by the next one.
    """
    try:
        kept = store.get()
        merged = _merged(kept, listings, symbols)
        if list(map(_everything, merged.values())) != list(map(_everything, kept.values())):
            store.put(merged)
    except CollectorError:
        log.warning("the listings of the run's symbols were not kept; the next run keeps them", exc_info=True)


def copy_listings(source: ListingStore, target: ListingStore) -> None:
    """Copy the listings that another archive keeps; those that the target has stay."""
    kept = target.get()
    copied = {**source.get(), **kept}
    if copied.keys() != kept.keys():
        target.put(dict(sorted(copied.items())))


def _merged(kept: Mapping[str, Listing], listings: Iterable[Listing], symbols: Collection[str]) -> dict[str, Listing]:
    """Return all listings by symbol; one that came without its rules has the rules that were kept."""
    named = frozenset(symbols)
    merged = dict(kept)
    for listing in listings:
        if listing.symbol in named or listing.symbol in kept:
            known = kept.get(listing.symbol)
            merged[listing.symbol] = replace(listing, rules=known.rules) if known and not listing.rules else listing
    return dict(sorted(merged.items()))


def _everything(listing: Listing) -> tuple[Listing, str]:
    """Return what says whether two listings are the same to the last rule."""
    return listing, listing.rules
