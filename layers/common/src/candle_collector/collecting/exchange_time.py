"""The exchange's clock, as far as this process knows it: what is agreed with other processes is in its time."""

from __future__ import annotations

from datetime import datetime, timedelta

from candle_collector.ports import Clock, Exchange


class ExchangeTime:
    """Our clock, moved by what the exchange's answers say of their own.

    Machines' clocks differ; the exchange's is one for all of them, and the one by which it counts.

    Parameters
    ----------
    offset_ms
        How far the exchange's clock was ahead of ours when somebody measured it last: of use until this process has
        an answer of its own.
    """

    def __init__(self, clock: Clock, exchange: Exchange, offset_ms: int) -> None:
        self._clock = clock
        self._exchange = exchange
        self._offset_ms = offset_ms

    @property
    def offset_ms(self) -> int:
        """How far the exchange's clock is ahead of ours."""
        measured = self._exchange.clock_offset_ms
        return self._offset_ms if measured is None else measured

    def now(self) -> datetime:
        """Return the exchange's time."""
        return self.of(self._clock.now())

    def of(self, ours: datetime) -> datetime:
        """Return the exchange's time at a moment of our clock."""
        return ours + timedelta(milliseconds=self.offset_ms)

    def ours(self, moment: datetime) -> datetime:
        """Return the moment of our clock at a time of the exchange's."""
        return moment - timedelta(milliseconds=self.offset_ms)
