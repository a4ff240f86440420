"""Recorded candles of several intervals, replayed: each as recorded, the longer ones as sums, gaps as gaps."""

import csv
import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from simulator.intervals import DAY_MS, HOUR_MS, INTERVALS, MINUTE_MS
from simulator.klines import UnservedIntervalError
from simulator.replay import CLOCK_MARGIN_MS, ReplayedMarket, ReplayError
from tests.exchange import KLINES
from tests.unit.simulator.shown import Answers, Columns, total

RECORDED = KLINES.with_name("klines-intervals")
needs_recordings = pytest.mark.skipif(
    not (KLINES.is_dir() and RECORDED.is_dir()), reason="the recorded candles are not beside this project"
)

JANUARY_MS = 1_735_689_600_000  # 2025-01-01
MONDAY_MS = JANUARY_MS + 5 * DAY_MS


def _line(open_ms: int, length_ms: int, price: float = 2, volume: float = 3) -> str:
    values = [open_ms, price, price + 1, price - 1, price + 0.5, volume, open_ms + length_ms - 1]
    return ",".join(map(str, [*values, volume * price, 5, volume / 2, volume * price / 2, 0]))


def _write(folder: Path, name: str, opens_ms: list[int], *, price: float = 2, times: int = 1) -> None:
    length_ms = INTERVALS[name.split("-")[1]].length_ms
    lines = [_line(open_ms, length_ms, price) for open_ms in opens_ms]
    if times != 1:
        columns = [line.split(",") for line in lines]
        lines = [",".join([str(int(row[0]) * times), *row[1:6], str(int(row[6]) * times), *row[7:]]) for row in columns]
    (folder / name).write_text("\n".join(lines) + "\n")


def _replayed(folder: Path, symbol: str) -> Answers:
    market = ReplayedMarket(folder)
    return Answers(market, symbol, market.clock_start_ms)


def test_each_interval_comes_from_its_own_file_and_longer_ones_from_the_longest_that_divides(tmp_path: Path) -> None:
    hours = [JANUARY_MS + index * HOUR_MS for index in range(48)]
    _write(tmp_path, "AUSDT-1h-2025-01.csv", hours, price=200)
    _write(tmp_path, "AUSDT-5m-2025-01-01.csv", [JANUARY_MS + index * 5 * MINUTE_MS for index in range(24)], price=20)
    exchange = _replayed(tmp_path, "AUSDT")
    assert [row[1] for row in exchange.rows("1h", 0, limit=1)] == ["200.00000000"]
    assert [row[1] for row in exchange.rows("5m", 0, limit=1)] == ["20.00000000"]
    assert [(row[0], row[1], row[8]) for row in exchange.rows("15m", 0, limit=1)] == [(JANUARY_MS, "20.00000000", 15)]
    assert len(exchange.rows("30m", 0)) == 4
    for name, slots in (("2h", 24), ("12h", 4), ("1d", 2), ("1M", 1)):
        rows = exchange.rows(name, 0)
        assert len(rows) == slots
        assert rows[0][1] == "200.00000000"
        assert sum(row[8] for row in rows) == 48 * 5


@pytest.mark.parametrize("name", ["1m", "3m"])
def test_what_the_recorded_ones_do_not_make_up_is_not_served(tmp_path: Path, name: str) -> None:
    _write(tmp_path, "AUSDT-5m-2025-01.csv", [JANUARY_MS])
    with pytest.raises(UnservedIntervalError, match=name):
        _replayed(tmp_path, "AUSDT").rows(name)


def test_gaps_stay_gaps_and_sums_are_of_what_is_there(tmp_path: Path) -> None:
    minutes = [JANUARY_MS + index * MINUTE_MS for index in (0, 1, 7, 8, 20)]
    _write(tmp_path, "AUSDT-1m-2025-01.csv", minutes)
    exchange = _replayed(tmp_path, "AUSDT")
    assert [row[0] for row in exchange.rows("1m")] == minutes
    fives = [JANUARY_MS + index * 5 * MINUTE_MS for index in (0, 1, 4)]
    assert [(row[0], row[8]) for row in exchange.rows("5m")] == list(zip(fives, (10, 10, 5), strict=True))
    assert [(row[0], row[6]) for row in exchange.rows("3m", JANUARY_MS + 1, limit=1)] == [
        (JANUARY_MS + 6 * MINUTE_MS, JANUARY_MS + 9 * MINUTE_MS - 1)
    ]


def test_files_of_years_months_days_ranges_and_of_any_name_are_read_as_one(tmp_path: Path) -> None:
    days = [JANUARY_MS + index * DAY_MS for index in range(-40, 40)]
    for name, times in [
        ("AUSDT-1d-2024.csv", 1),
        ("AUSDT-1d-2025-01.csv", 1000),
        ("AUSDT-1d-2025-01-31_2025-02-03.csv", 1),
        ("AUSDT-1d-2025-02-04.csv", 1),
        ("AUSDT-1d-whatever.csv", 1),
    ]:
        inside = {"2024": days[:40], "2025-01": days[40:71], "2025-01-31_2025-02-03": days[70:74]}
        part = inside.get(name[9:-4], days[74:75] if name.endswith("04.csv") else days[75:])
        _write(tmp_path, name, part, times=times)
    exchange = _replayed(tmp_path, "AUSDT")
    assert [row[0] for row in exchange.rows("1d", 0)] == [row[0] for row in exchange.rows("1d")] == days
    assert [row[0] for row in exchange.rows("1d", days[72], limit=5)] == days[72:77]
    (tmp_path / "AUSDT-1d-whatever.csv").unlink()
    assert [row[0] for row in _replayed(tmp_path, "AUSDT").rows("1d", days[39], limit=40)] == days[39:75]


def test_the_archives_name_of_a_month_is_1mo(tmp_path: Path) -> None:
    months = [JANUARY_MS, JANUARY_MS + 31 * DAY_MS]
    (tmp_path / "AUSDT-1mo-2025.csv").write_text("\n".join(_line(at, 28 * DAY_MS) for at in months))
    exchange = _replayed(tmp_path, "AUSDT")
    assert [row[0] for row in exchange.rows("1M")] == months
    with pytest.raises(UnservedIntervalError):
        exchange.rows("1d")


def test_the_clock_starts_when_the_newest_candle_of_any_interval_has_closed(tmp_path: Path) -> None:
    _write(tmp_path, "AUSDT-1h-2025.csv", [JANUARY_MS, JANUARY_MS + HOUR_MS])
    _write(tmp_path, "BUSDT-1m-2025.csv", [JANUARY_MS + 2 * HOUR_MS + 20 * MINUTE_MS])
    _write(tmp_path, "CUSDT-1h-2025.csv", [JANUARY_MS])
    market = ReplayedMarket(tmp_path)
    assert market.clock_start_ms == JANUARY_MS + 2 * HOUR_MS + 21 * MINUTE_MS + CLOCK_MARGIN_MS
    # The next hour of A could not have closed by then, the next of C could.
    assert {name: item.status for name, item in market.listings.items()} == {
        "AUSDT": "TRADING",
        "BUSDT": "TRADING",
        "CUSDT": "BREAK",
    }


def test_three_days_are_counted_from_a_known_listing_or_the_first_recorded_candle(tmp_path: Path) -> None:
    days = [MONDAY_MS + index * DAY_MS for index in range(9)]
    for symbol in ("BTCUSDT", "NEWUSDT"):
        _write(tmp_path, f"{symbol}-1d-2025-01.csv", days)
    opens = {symbol: [row[0] for row in _replayed(tmp_path, symbol).rows("3d")] for symbol in ("BTCUSDT", "NEWUSDT")}
    assert opens["NEWUSDT"] == days[::3]
    listed_ms = 1_502_928_000_000  # 2017-08-17
    assert all((open_ms - listed_ms) % (3 * DAY_MS) == 0 for open_ms in opens["BTCUSDT"])
    assert [row[0] for row in _replayed(tmp_path, "NEWUSDT").rows("1w")] == [MONDAY_MS, MONDAY_MS + 7 * DAY_MS]


def test_a_row_that_a_hidden_time_cuts_is_made_of_shorter_ones_where_they_were_recorded(tmp_path: Path) -> None:
    _write(tmp_path, "AUSDT-1h-2025.csv", [JANUARY_MS, JANUARY_MS + HOUR_MS])
    _write(tmp_path, "AUSDT-5m-2025.csv", [JANUARY_MS + index * 5 * MINUTE_MS for index in range(12)])
    market = ReplayedMarket(tmp_path)
    tenth = JANUARY_MS + 10 * MINUTE_MS
    exchange = Answers(market, "AUSDT", market.clock_start_ms, [(tenth, JANUARY_MS + HOUR_MS + MINUTE_MS)])
    assert [(row[0], row[8]) for row in exchange.rows("1h")] == [
        (JANUARY_MS, 10)
    ]  # the second opens in the hidden time


@pytest.mark.parametrize(
    "damage",
    [
        "one,two\n1,2\n",
        "1735689600000,1,1,1,x.00000000,1,1735689659999,1,1,1,1,0\n",
        "1735689600000,1,1,1,x,1,1735689659999,1,1,1,1,0\n",
    ],
)
def test_a_file_that_is_not_one_of_candles_is_named(tmp_path: Path, damage: str) -> None:
    (tmp_path / "AUSDT-1m-2025.csv").write_text(damage)
    with pytest.raises(ReplayError, match=r"AUSDT-1m-2025\.csv"):
        ReplayedMarket(tmp_path)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> ReplayedMarket:
    """Give a market of the hours and of the minutes and fives that were recorded of the same time."""
    folder = tmp_path_factory.mktemp("recorded")
    for path in (*RECORDED.iterdir(), *KLINES.glob("BTCUSDT-*"), *KLINES.glob("SOLUSDT-*")):
        (folder / path.name).symlink_to(path)
    return ReplayedMarket(folder)


def _lines(name: str) -> list[list[str]]:
    with gzip.open(RECORDED / name, "rt", encoding="ascii") as file:
        return list(csv.reader(file))


@needs_recordings
@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.gz")) if RECORDED.is_dir() else [], ids=lambda path: path.name)
def test_recorded_candles_are_served_to_the_last_digit(recorded: ReplayedMarket, path: Path) -> None:
    lines = _lines(path.name)
    per_ms = 1000 if len(lines[0][0]) > 13 else 1
    expected: list[Columns] = []
    for opened, *numbers, closed, quote_volume, trades, taker_base, taker_quote, unused in lines:
        open_ms, close_ms = (int(time) // per_ms for time in (opened, closed))
        expected.append([open_ms, *numbers, close_ms, quote_volume, int(trades), taker_base, taker_quote, unused])
    exchange = Answers(recorded, "BTCUSDT", recorded.clock_start_ms)
    name = path.name.split("-")[1]
    assert exchange.within(name, expected[0][0], expected[-1][0] + 1) == expected


def _sums(rows: list[Columns], length_ms: int) -> dict[int, Columns]:
    groups: dict[int, list[Columns]] = {}
    for row in rows:
        groups.setdefault(row[0] // length_ms * length_ms, []).append(row)
    return {open_ms: total(group) for open_ms, group in groups.items()}


@needs_recordings
@pytest.mark.parametrize(
    ("name", "start", "end", "hours"),
    [
        ("1m", 1_761_714_000_000, 1_761_969_600_000, 71),  # 2025-10-29 05:00 to 2025-11-01 04:00, whole hours
        ("5m", 1_696_118_400_000, 1_698_796_800_000, 744),
        ("5m", 1_733_011_200_000, 1_738_368_000_000, 1488),
    ],
)
def test_recorded_hours_are_sums_of_recorded_shorter_candles(
    recorded: ReplayedMarket, name: str, start: int, end: int, hours: int
) -> None:
    exchange = Answers(recorded, "BTCUSDT", recorded.clock_start_ms)
    summed = _sums(exchange.within(name, start, end), HOUR_MS)
    assert len(summed) == hours
    assert summed == {row[0]: total([row]) for row in exchange.within("1h", start, end)}
    # 15m is made of 5m, the longest that divides it, which was not recorded when 1m was.
    assert _sums(exchange.within("15m", start, end), HOUR_MS) == (summed if name == "5m" else {})


@needs_recordings
@pytest.mark.parametrize(
    ("symbol", "name", "open_ms", "values"),
    [
        ("BTCUSDT", "3d", 1_577_577_600_000, ("7315.36", "7528.45", "7145.01", "7195.23", "86947.4714")),
        ("SOLUSDT", "3d", 1_750_291_200_000, ("146.35", "148.81", "130.9", "135.43", "8505087.081")),
        ("BTCUSDT", "1w", 1_740_960_000_000, ("94269.99", "94416.46", "80000.0", "80734.37", "284471.65101")),
    ],
)
def test_long_candles_are_those_that_binance_answered(
    recorded: ReplayedMarket, symbol: str, name: str, open_ms: int, values: tuple[str, ...]
) -> None:
    # What Binance answered in January 2026; tests/unit/test_long_intervals.py says from where.
    (row,) = Answers(recorded, symbol, recorded.clock_start_ms).rows(name, open_ms, limit=1)
    assert row[0] == open_ms
    assert [Decimal(text) for text in row[1:6]] == [Decimal(text) for text in values]
