"""Counts weight as Binance does, by the minute and the client's address, and refuses: 429 first, then 418, a ban."""

import math
from collections import defaultdict
from dataclasses import dataclass

from simulator.settings import Settings

_LONGEST_BAN_S = 3 * 24 * 3600
_EVERYONE = "everyone"


@dataclass
class _Budget:
    """One address's minute and what it was refused; times in ms of the exchange's clock."""

    minute: int = -1
    used: int = 0
    refusals: int = 0
    refused_until_ms: int = 0
    banned_until_ms: int = 0
    bans: int = 0
    reported_ms: int | None = None


@dataclass(frozen=True)
class Charge:
    """What became of a request at the limits.

    Parameters
    ----------
    used
        Weight used in this minute, this request included.
    status
        200, or 429 or 418 for a refusal.
    until_ms
        When a refusal ends, by the exchange's clock.
    warned_ms
        How long before this request the client had been warned not to ask now; None if it had not been.
    """

    used: int
    status: int = 200
    until_ms: int = 0
    warned_ms: int | None = None

    def retry_after_s(self, now_ms: int) -> int:
        """Return the seconds of the ``Retry-After`` header."""
        return max(1, math.ceil((self.until_ms - now_ms) / 1000))


class Limits:
    """The weight counters and bans of all client addresses."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._budgets: dict[str, _Budget] = defaultdict(_Budget)

    def charge(self, address: str, weight: int, now_ms: int) -> Charge:
        """Count a request of `weight` and say whether it is answered."""
        budget = self._budget(address)
        minute_ms = round(self._settings.minute_seconds * 1000)
        minute = now_ms // minute_ms
        if budget.minute != minute:
            budget.minute, budget.used = minute, 0
        blocked_ms = max(budget.refused_until_ms, budget.banned_until_ms)
        if now_ms >= blocked_ms:
            budget.reported_ms, budget.refusals = None, 0
        warned_ms = None if budget.reported_ms is None else now_ms - budget.reported_ms
        budget.used += weight
        if now_ms < budget.banned_until_ms:
            return Charge(budget.used, 418, budget.banned_until_ms, warned_ms)
        if budget.used > self._settings.weight_limit:
            budget.refused_until_ms = max(budget.refused_until_ms, (minute + 1) * minute_ms)
        if now_ms >= budget.refused_until_ms:
            return Charge(budget.used)
        budget.refusals += 1
        if budget.refusals <= self._settings.tolerated_refusals:
            return Charge(budget.used, 429, budget.refused_until_ms, warned_ms)
        seconds = min(self._settings.ban_seconds * 2**budget.bans, _LONGEST_BAN_S)
        self.ban(address, seconds, now_ms)
        return Charge(budget.used, 418, budget.banned_until_ms, warned_ms)

    def refuse(self, address: str, seconds: float, now_ms: int) -> Charge:
        """Begin to answer 429 for `seconds`, whatever weight was used."""
        budget = self._budget(address)
        budget.refused_until_ms = now_ms + round(seconds * 1000)
        return Charge(budget.used, 429, budget.refused_until_ms)

    def ban(self, address: str, seconds: float, now_ms: int) -> Charge:
        """Begin to answer 418 for `seconds`."""
        budget = self._budget(address)
        budget.bans += 1
        budget.banned_until_ms = now_ms + round(seconds * 1000)
        return Charge(budget.used, 418, budget.banned_until_ms)

    def refusal_sent(self, address: str, now_ms: int) -> None:
        """Note that a refusal has left: requests that come from now on ask inside ``Retry-After``."""
        budget = self._budget(address)
        if budget.reported_ms is None:
            budget.reported_ms = now_ms

    def clear(self) -> None:
        """Forget all weight, refusals and bans."""
        self._budgets.clear()

    def _budget(self, address: str) -> _Budget:
        return self._budgets[address if self._settings.count_per_address else _EVERYONE]
