"""The lives of a symbol: its name may have been used for more than one coin, with a silence between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.interval import Interval
from candle_collector.domain.windows import Window, Windows

SILENCE_DAYS = 7
"""A week. The longest outage of the exchange was 32 hours (February 2018); the shortest known pause between two coins
of one name, LUNAUSDT's in May 2022, was 18 days (both measured)."""

PAUSE_DAYS = 1
"""A day. Trading pauses for days, not weeks, where a coin is redenominated: 93 hours before 1000 times the price, as
freqtrade#7407 reports. A shorter silence is an outage, and there were hundreds."""

JUMP = 20
"""By how much a price is another one after a pause: no crypto that Binance lists went up or down so much in days, and
coins are redenominated by 100, 1000 and more."""


def segments(
    life: Window,
    never_printed: Iterable[Window],
    interval: Interval,
    jumped: Callable[[Window], bool] = lambda _pause: False,
) -> Windows:
    """Cut the slots from a series' first to its last candle where it was silent for a week, or came back another.

    What is cut is a sign, no proof: a symbol may have paused and gone on with the same coin, as BTCUSDC did.

    Parameters
    ----------
    never_printed
        The slots proven to have no candle; a gap that nothing is known of cuts nothing.
    jumped
        Returns whether the price is another one after a pause; called for those of a day to a week.
    """
    pauses = [window for window in windows.union(never_printed) if window.slots >= PAUSE_DAYS * interval.slots_a_day]
    cuts = tuple(pause for pause in pauses if pause.slots >= SILENCE_DAYS * interval.slots_a_day or jumped(pause))
    return windows.subtract((life,), cuts)


def is_another_price(before: Candle, after: Candle) -> bool:
    """Return whether the price of a candle is more than `JUMP` times that of the one before it, or less than a 20th."""
    closed, opened = Decimal(before.close), Decimal(after.open)
    return opened > JUMP * closed or closed > JUMP * opened
