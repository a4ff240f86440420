"""`candles import` and `candles export`: from the command line into the store and out of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from candle_collector.bootstrap import Container
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.series import Series
from candle_collector.domain.windows import HOUR_MS, Window
from candle_collector.settings import Settings

from cli.archives import Database
from cli.main import main
from tests.fakes.clock import FakeClock
from tests.fakes.exchange import synthetic_candle
from tests.fakes.leases import FakeLeaseStore
from tests.fakes.stores import FakeCandleStore, FakeSeriesStore

START = windows.first_hour_of("2024-01-01")


class Archive:
    """An archive in memory, which the commands take for the stack's."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.candles = FakeCandleStore()
        self.series = FakeSeriesStore()
        self.leases = FakeLeaseStore()

    def container(self) -> Container:
        ports = {"candles": self.candles, "series": self.series, "leases": self.leases, "clock": self.clock}
        return Container(Settings({}), **ports)


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture(autouse=True)
def the_stacks_tables(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///of-the-tests.db")
    monkeypatch.setattr(Database, "tables", lambda _: archive.container())


def line(candle: Candle) -> str:
    opened = candle.open_time_ms
    prices = f"{candle.open},{candle.high},{candle.low},{candle.close},{candle.volume}"
    rest = f"{candle.quote_volume},{candle.trade_count},{candle.taker_base},{candle.taker_quote},0"
    return f"{opened},{prices},{opened + HOUR_MS - 1},{rest}\n"


def write(folder: Path, name: str, hours: range | list[int], symbol: str = "BTCUSDT") -> str:
    path = folder / name
    path.write_text("".join(line(synthetic_candle(symbol, hour)) for hour in hours))
    return str(path)


def test_files_of_two_symbols_are_stored(archive: Archive, tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 100))
    write(tmp_path, "ETHUSDT-1h-2024-01.csv", range(START, START + 50), "ETHUSDT")
    assert main(["import", str(tmp_path)]) == 0
    assert archive.candles.hours("BTCUSDT") == (Window(START, START + 100),)
    assert archive.candles.hours("ETHUSDT") == (Window(START, START + 50),)


def test_only_the_exchanges_own_files_prove_that_an_hour_was_never_printed(archive: Archive, tmp_path: Path) -> None:
    file = write(tmp_path, "BTCUSDT-1h-2024-01.csv", [*range(START, START + 10), *range(START + 12, START + 20)])
    assert main(["import", file]) == 0
    assert archive.candles.never_printed("BTCUSDT") == ()
    assert main(["import", "--archive", file]) == 0
    assert archive.candles.never_printed("BTCUSDT") == (Window(START + 10, START + 12),)


def test_a_file_without_a_period_is_not_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, "mine.csv", range(START, START + 10))
    assert main(["import", "--archive", "--symbol", "BTCUSDT", file]) == 2
    assert "--archive takes files with the archive's names" in capsys.readouterr().err


def test_nothing_is_stored_where_one_of_the_files_is_wrong(archive: Archive, tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 10))
    write(tmp_path, "BTCUSDT-1h-2024-02.csv", [START + 800, START + 799])
    assert main(["import", str(tmp_path)]) == 2
    assert archive.candles.lines == {}


def test_what_differs_is_reported_and_written_down(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = synthetic_candle("BTCUSDT", START)._replace(volume="3.5", taker_base="1")
    archive.candles.store("BTCUSDT", [mine], (), absent_days=frozenset())
    file = write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 10))
    reported = tmp_path / "differences.csv"
    assert main(["import", file, "--differences", str(reported)]) == 1
    assert "10 candles, 9 stored, 0 were there, 1 differ" in capsys.readouterr().out
    assert list(pd.read_csv(reported)["open_time"]) == ["2024-01-01T00:00:00Z"]
    assert archive.candles.lines["BTCUSDT", START] == mine.line()


def test_while_a_run_is_active_nothing_is_imported(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = archive.clock.now()
    archive.leases.take("01RUN", now=now, expires=now + timedelta(hours=5))
    file = write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 10))
    assert main(["import", file]) == 2
    assert "01RUN" in capsys.readouterr().err
    assert archive.candles.lines == {}


def test_an_export_of_several_symbols_goes_back_in(archive: Archive, tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 100))
    write(tmp_path, "ETHUSDT-1h-2024-01.csv", range(START, START + 50), "ETHUSDT")
    main(["import", str(tmp_path)])
    before = dict(archive.candles.lines)
    assert main(["export", str(tmp_path / "all.parquet")]) == 0
    archive.candles.lines.clear()
    assert main(["import", str(tmp_path / "all.parquet")]) == 0
    assert archive.candles.lines == before


def test_an_export_takes_the_symbols_the_range_and_the_interval_that_are_asked_for(tmp_path: Path) -> None:
    main(["import", write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 100))])
    words = ["--symbols", "btcusdt", "--start", "2024-01-02", "--end", "2024-01-03", "--interval", "12h"]
    assert main(["export", *words, str(tmp_path / "days.csv")]) == 0
    found = pd.read_csv(tmp_path / "days.csv")
    assert list(found["open_time"]) == [f"2024-01-0{day}T{hour}:00:00Z" for day in (2, 3) for hour in ("00", "12")]


def test_an_export_follows_what_is_stored_and_says_whose_record_was_wrong(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["import", write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 100))])
    main(["import", write(tmp_path, "ETHUSDT-1h-2024-01.csv", range(START, START + 50), "ETHUSDT")])
    archive.series.overwrite(Series("BTCUSDT", first=START + 50, last=START + 60))
    archive.series.put(Series("LOSTUSDT", first=START, last=START + 1))
    capsys.readouterr()
    assert main(["export", str(tmp_path / "all.csv")]) == 0
    assert len(pd.read_csv(tmp_path / "all.csv")) == 150
    said = capsys.readouterr().out
    assert "150 candles of 2 symbols" in said
    assert (
        "the record of BTCUSDT names 2024-01-03T02:00:00Z to 2024-01-03T12:00:00Z as stored; "
        "what is stored is 2024-01-01T00:00:00Z to 2024-01-05T03:00:00Z. The export follows what is stored" in said
    )
    assert "the record of LOSTUSDT names" in said
    assert "ETHUSDT names" not in said


def test_a_symbol_without_a_record_is_exported_where_it_is_named(archive: Archive, tmp_path: Path) -> None:
    candles = [synthetic_candle("BTCUSDT", START + hour) for hour in range(30)]
    archive.candles.store("BTCUSDT", candles, (), absent_days=frozenset())
    assert main(["export", "--symbols", "BTCUSDT", str(tmp_path / "named.csv")]) == 0
    assert len(pd.read_csv(tmp_path / "named.csv")) == 30


def test_an_export_looks_up_the_ends_of_each_series_once(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["import", write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 10))])
    main(["import", write(tmp_path, "ETHUSDT-1h-2024-01.csv", range(START, START + 10), "ETHUSDT")])
    looked: list[str] = []

    def looking(look: Callable[[str], int | None]) -> Callable[[str], int | None]:
        return lambda symbol: look(looked.append(symbol) or symbol)  # type: ignore[func-returns-value]

    for name in ("first_hour", "last_hour"):
        monkeypatch.setattr(archive.candles, name, looking(getattr(archive.candles, name)))
    assert main(["export", str(tmp_path / "all.csv")]) == 0
    assert sorted(looked) == ["BTCUSDT", "BTCUSDT", "ETHUSDT", "ETHUSDT"]


def test_an_export_replaces_nothing_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["import", write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 10))])
    target = tmp_path / "all.csv"
    target.write_text("mine")
    assert main(["export", str(target)]) == 2
    assert "--force" in capsys.readouterr().err
    assert target.read_text() == "mine"


@pytest.mark.parametrize("words", [["--symbols", "NOSUCH"], ["--start", "yesterday"], ["--end", "2016-01-01"]])
def test_an_export_of_what_is_not_there_is_refused(tmp_path: Path, words: list[str]) -> None:
    main(["import", write(tmp_path, "BTCUSDT-1h-2024-01.csv", range(START, START + 10))])
    assert main(["export", *words, str(tmp_path / "all.csv")]) == 2
    assert not (tmp_path / "all.csv").exists()
