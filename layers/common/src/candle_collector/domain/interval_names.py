"""What somebody may have meant who wrote a name that no interval has."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10_080, "M": 43_200}
_UNITS = {
    "m": ("m", "min", "mins", "minute", "minutes", "t"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "week", "weeks"),
    "M": ("mo", "mon", "month", "months"),
}
_LETTERS = {word: unit for unit, words in _UNITS.items() for word in words}


def meant(name: str, names: Sequence[str]) -> str:
    """Return which of `names` somebody may have meant, as the end of a sentence; empty where nobody can guess.

    ``1H`` and ``60min`` are 1h; of 7m the nearest are 5m and 15m.
    """
    length = _minutes(name)
    if length is None:
        return ""
    lengths = {known: found for known in names if (found := _minutes(known)) is not None}
    equal = [known for known, found in lengths.items() if found == length]
    if equal:
        return f"; perhaps {equal[0]} is meant"
    shorter = max((found for found in lengths.values() if found < length), default=None)
    longer = min((found for found in lengths.values() if found > length), default=None)
    nearest = [known for known, found in lengths.items() if found in {shorter, longer}]
    return f"; the nearest {'are' if len(nearest) > 1 else 'is'} {' and '.join(nearest)}"


def _minutes(name: str) -> int | None:
    """Return the length that a name seems to say, a month as 30 days."""
    found = re.fullmatch(r"\s*(\d{1,6})\s*([A-Za-z]{1,7})\s*", name, re.ASCII)
    if found is None:
        return None
    unit = "M" if found[2] == "M" else _LETTERS.get(found[2].lower())
    return None if unit is None else int(found[1]) * _MINUTES[unit]
