"""What can be switched while the exchange runs, checked as it is set: ``PUT /_exchange/settings``."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from simulator.faults import Rule


class SettingsError(Exception):
    """A setting that is unknown or malformed; the message names it."""


@dataclass
class Settings:
    """All switches, with their defaults.

    Parameters
    ----------
    latency_ms
        How long every answer takes, at least.
    weight_limit
        Weight allowed in a minute.
    minute_seconds
        The length of that minute, so that tests need not wait for a real one.
    tolerated_refusals
        How many answers of 429 a minute has before the next is a ban.
    ban_seconds
        The first ban's length; each further one is twice as long, up to three days.
    clock_skew_ms
        Added to the exchange's clock.
    count_per_address
        Whether each client address has a budget of its own, as Binance counts; else all share one.
    omitted
        Times without a candle of any interval: ``{symbol: [[start_ms, end_ms], ...]}``, half open; the symbol ``*``
        means all.
    statuses
        Statuses that differ from the market's: ``{symbol: "BREAK"}``.
    listed
        When a symbol is listed and delisted, within what the market has: ``{symbol: [from_ms, to_ms]}``, half open;
        null leaves a side open.
    faults
        Rules that corrupt answers, the first that matches applies: see ``faults.py``.
    """

    latency_ms: float = 0
    weight_limit: int = 6000
    minute_seconds: float = 60
    tolerated_refusals: int = 10
    ban_seconds: float = 120
    clock_skew_ms: int = 0
    count_per_address: bool = False
    omitted: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    listed: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    faults: list[Rule] = field(default_factory=list)

    def update(self, values: Any) -> None:
        """Set what `values`, a parsed JSON object, names; what it does not name stays.

        Raises
        ------
        SettingsError
            If a name is unknown or a value malformed; then nothing is changed.
        """
        if not isinstance(values, dict):
            raise SettingsError("The settings are a JSON object.")
        checked = {name: _checked(name, value) for name, value in values.items()}
        for name, value in checked.items():
            setattr(self, name, value)

    def hidden(self, symbol: str) -> list[tuple[float, float]]:
        """Return the windows in ms, half open, in which `symbol` has no candles whatever the market has."""
        from_ms, to_ms = self.listed.get(symbol, (None, None))
        windows: list[tuple[float, float]] = [*self.omitted.get(symbol, ()), *self.omitted.get("*", ())]
        if from_ms is not None:
            windows.append((-math.inf, from_ms))
        if to_ms is not None:
            windows.append((to_ms, math.inf))
        return windows

    def listed_ms(self, symbol: str) -> int | None:
        """Return when `symbol` is listed, None if as in the market."""
        return self.listed.get(symbol, (None, None))[0]

    def as_json(self) -> dict[str, Any]:
        """Return the settings in the form in which they are set."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**values, "faults": [rule.as_json() for rule in self.faults]}


_NUMBERS = {"latency_ms": 0, "weight_limit": 1, "minute_seconds": 0.1, "tolerated_refusals": 0, "ban_seconds": 0.1}
"""The least value of each number."""


def _checked(name: str, value: Any) -> Any:
    try:
        if name in _NUMBERS:
            return _number(value, _NUMBERS[name])
        return _CHECKS[name](value)
    except KeyError as error:
        known = ", ".join(sorted(item.name for item in fields(Settings)))
        raise SettingsError(f"{name}: {error.args[0]!r} is unknown. The settings are {known}.") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise SettingsError(f"{name}: {json.dumps(value)[:200]} is not right: {error}") from error


def _number(value: Any, least: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
        raise ValueError(f"a number of at least {least} is needed")
    return value


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "clock_skew_ms": int,
    "count_per_address": bool,
    "omitted": lambda value: {
        str(symbol): [(int(start), int(end)) for start, end in windows] for symbol, windows in value.items()
    },
    "statuses": lambda value: {str(symbol): str(status) for symbol, status in value.items()},
    "listed": lambda value: {
        str(symbol): (None if first is None else int(first), None if last is None else int(last))
        for symbol, (first, last) in value.items()
    },
    "faults": lambda value: [Rule.parse(rule) for rule in value],
}
