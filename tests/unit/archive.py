"""An archive in memory for the commands that read and write candles."""

from __future__ import annotations

import pytest
from candle_collector.bootstrap import Container
from candle_collector.domain.candle import Candle
from candle_collector.settings import Settings

from cli.archives import Database
from tests.fakes.clock import FakeClock
from tests.fakes.leases import FakeLeaseStore
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore
from tests.hourly import HOUR, HOUR_MS


class Archive:
    """An archive in memory, which the commands take for the one at home."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.candles = FakeCandleStore()
        self.series = FakeSeriesStore()
        self.leases = FakeLeaseStore()

    def container(self) -> Container:
        """Return the ports that the commands ask for."""
        ports = {"candles": self.candles, "series": self.series, "leases": self.leases, "clock": self.clock}
        return Container(Settings({}), **ports)

    def stand_for_the_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the commands take this archive for the database at home."""
        monkeypatch.setenv("DATABASE_URL", "sqlite:////of-the-tests.db")
        for opened in ("tables", "source"):
            monkeypatch.setattr(Database, opened, lambda _: self.container())


def line(candle: Candle) -> str:
    """Return a candle as a line of the exchange's archive."""
    opened = candle.open_time_ms(HOUR)
    prices = f"{candle.open},{candle.high},{candle.low},{candle.close},{candle.volume}"
    rest = f"{candle.quote_volume},{candle.trade_count},{candle.taker_base},{candle.taker_quote},0"
    return f"{opened},{prices},{opened + HOUR_MS - 1},{rest}\n"
