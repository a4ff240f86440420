"""The simulated exchange as a process: the recorded answers of Binance, its errors, its limits and its switches."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests

from tests.exchange import KLINES, RECORDED, ROOT, RunningExchange, needs_recordings, running_exchange

HOUR_MS = 3_600_000
START_2025_MS = 1_735_689_600_000


@pytest.fixture(scope="module")
def simulated() -> Iterator[RunningExchange]:
    with running_exchange("--simulated") as exchange:
        yield exchange


@pytest.fixture(scope="module")
def replayed() -> Iterator[RunningExchange]:
    with running_exchange("--replay", str(KLINES)) as exchange:
        yield exchange


@pytest.fixture
def exchange(simulated: RunningExchange) -> Iterator[RunningExchange]:
    """Give the simulated exchange with nothing counted, and put its switches back afterwards."""
    simulated.reset()
    before = simulated.settings()
    yield simulated
    simulated.settings(**before)
    simulated.reset()


def _get(exchange: RunningExchange, path: str, query: str = "") -> requests.Response:
    return requests.get(f"{exchange.url}{path}?{query}", timeout=30, allow_redirects=False)


def _recorded(symbol: str, interval: str) -> Iterator[tuple[str, Any]]:
    for answer in json.loads((RECORDED / "rest-2025.json").read_text())["/api/v3/klines"]:
        requested = dict(parse_qsl(answer["query"]))
        if (requested["symbol"], requested["interval"]) == (symbol, interval):
            yield answer["query"], answer["body"]


@needs_recordings
def test_recorded_hourly_queries_give_the_recorded_answers(replayed: RunningExchange) -> None:
    recorded = list(_recorded("BTCUSDT", "1h"))
    assert [len(body) for _, body in recorded] == [1000, 468, 176]
    for query, body in recorded:
        assert _get(replayed, "/api/v3/klines", query).json() == body


@needs_recordings
def test_days_made_of_hours_have_the_recorded_prices(replayed: RunningExchange) -> None:
    recorded = list(_recorded("BTCUSDT", "1d"))
    assert len(recorded) == 4
    for query, body in recorded:
        days = _get(replayed, "/api/v3/klines", query).json()
        assert [day[:5] for day in days] == [day[:5] for day in body]


@needs_recordings
def test_a_replay_serves_oddities_as_recorded(replayed: RunningExchange) -> None:
    off_grid = replayed.klines("BTCUSDT", startTime=1_518_163_200_000, limit=3)  # 2018-02-09 08:00
    assert [row[0] for row in off_grid] == [1_518_168_494_789 + index * HOUR_MS for index in range(3)]
    before_it_opens = replayed.klines("BTCUSDT", startTime=1_608_559_200_000, limit=1)[0]  # 2020-12-21 14:00
    assert before_it_opens[6] < before_it_opens[0]
    delisted = replayed.klines("BTCUSDC", startTime=1_664_416_800_000, limit=2)  # 2022-09-29 02:00
    assert [row[0] for row in delisted] == [1_664_416_800_000, 1_678_600_800_000]
    microseconds_in_the_file = replayed.klines("SOLUSDT", startTime=START_2025_MS - HOUR_MS, limit=2)
    assert [row[6] for row in microseconds_in_the_file] == [START_2025_MS - 1, START_2025_MS + HOUR_MS - 1]


@needs_recordings
def test_a_replays_clock_starts_when_the_newest_candle_has_closed(replayed: RunningExchange) -> None:
    newest = replayed.klines("BTCUSDT", limit=1)[0]
    assert newest[0] == 1_767_222_000_000  # 2025-12-31 23:00
    assert newest[0] + HOUR_MS <= replayed.now_ms() < newest[0] + 2 * HOUR_MS
    reported = parsedate_to_datetime(_get(replayed, "/api/v3/ping").headers["Date"]).timestamp() * 1000
    assert abs(reported - replayed.now_ms()) < HOUR_MS


@needs_recordings
def test_a_replay_ranks_by_the_recorded_volume_of_its_last_day(replayed: RunningExchange) -> None:
    volumes = {ticker["symbol"]: ticker["quoteVolume"] for ticker in replayed.get("/api/v3/ticker/24hr")}
    assert sorted(volumes, key=lambda symbol: -float(volumes[symbol])) == ["BTCUSDT", "ETHUSDT", "BTCUSDC", "SOLUSDT"]
    day = replayed.klines("BTCUSDT", limit=24)
    assert float(volumes["BTCUSDT"]) == pytest.approx(sum(float(row[7]) for row in day), rel=1e-12)


def test_a_replay_knows_symbols_whose_data_ends_early_as_broken(tmp_path: Path) -> None:
    line = '{},"1.0","2.0","0.5","1.5","9.0",{},"10.0",7,"4.0","5.0",0\n'.replace('"', "")
    for name, open_ms in [("OLDUSDT-1h-2024-01.csv", 1_704_067_200_000), ("NEWBTC-1h-2024.csv", 1_704_070_800_000)]:
        (tmp_path / name).write_text(
            "open_time,open\n".replace(",open", "") + line.format(open_ms, open_ms + HOUR_MS - 1)
        )
    with running_exchange("--replay", str(tmp_path)) as exchange:
        symbols = exchange.get("/api/v3/exchangeInfo")["symbols"]
        listed = {item["symbol"]: (item["baseAsset"], item["quoteAsset"], item["status"]) for item in symbols}
        assert listed == {"NEWBTC": ("NEW", "BTC", "TRADING"), "OLDUSDT": ("OLD", "USDT", "BREAK")}
        assert [row[0] for row in exchange.klines("OLDUSDT")] == [1_704_067_200_000]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("interval=1h", (-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")),
        ("symbol=&interval=1h", (-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")),
        ("symbol=BTCUSDT", (-1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.")),
        ("symbol=NOSUCHUSDT&interval=1h", (-1121, "Invalid symbol.")),
        (
            "symbol=btcusdt&interval=1h",
            (-1100, "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,50}$'."),
        ),
        *(
            (f"symbol=BTCUSDT&interval={name}", (-1120, "Invalid interval."))
            for name in ("7h", "1s", "1H", "1mo", "60")
        ),
        (
            "symbol=BTCUSDT&interval=1h&endTime=-1",
            (-1100, "Illegal characters found in parameter 'endTime'; legal range is '^[0-9]{1,20}$'."),
        ),
        (
            "symbol=BTCUSDT&interval=1h&start_time=1",
            (-1104, "Not all sent parameters were read; read '2' parameter(s) but was sent '3'."),
        ),
        ("symbol=BTCUSDT&interval=1h&limit=0", (-1130, "Data sent for parameter 'limit' is not valid.")),
        ("symbol=BTCUSDT&interval=1h&startTime=", (-1105, "Parameter 'startTime' was empty.")),
        ("symbol=BTCUSDT&symbol=BTCUSDT&interval=1h", (-1101, "Duplicate values for a parameter detected.")),
    ],
)
def test_wrong_parameters_get_binances_errors(exchange: RunningExchange, query: str, error: tuple[int, str]) -> None:
    answer = _get(exchange, "/api/v3/klines", query)
    assert (answer.status_code, answer.json()) == (400, {"code": error[0], "msg": error[1]})


def test_bounds_are_inclusive_on_the_open_time_and_start_has_the_oldest(exchange: RunningExchange) -> None:
    def opens(**params: int) -> list[int]:
        return [(row[0] - START_2025_MS) // HOUR_MS for row in exchange.klines("BTCUSDT", **params)]

    end = START_2025_MS + 9 * HOUR_MS
    assert opens(startTime=START_2025_MS, endTime=end) == list(range(10))
    assert opens(startTime=START_2025_MS + 1, endTime=end - 1) == list(range(1, 9))
    assert opens(startTime=START_2025_MS, endTime=end, limit=3) == [0, 1, 2]
    assert opens(endTime=end, limit=3) == [7, 8, 9]
    assert opens(startTime=START_2025_MS, limit=2) == [0, 1]
    assert opens(startTime=end, endTime=START_2025_MS) == []


@pytest.mark.parametrize("interval", ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"])
def test_500_rows_are_the_default_and_1000_the_most_whatever_the_interval(
    exchange: RunningExchange, interval: str
) -> None:
    assert len(exchange.klines("BTCUSDT", interval=interval)) == 500
    page = exchange.klines("BTCUSDT", interval=interval, startTime=START_2025_MS - 900 * 24 * HOUR_MS, limit=5000)
    assert len(page) == 1000
    assert all(later[0] == earlier[6] + 1 for earlier, later in pairwise(page))
    stats = exchange.stats()
    assert stats["weight"] == 4
    assert stats["klines_by_interval"] == {interval: 2}


def test_the_longest_intervals_open_on_binances_days(exchange: RunningExchange) -> None:
    def opens(interval: str) -> list[str]:
        rows = exchange.klines("BTCUSDT", interval=interval, startTime=START_2025_MS + 1, limit=3)
        return [f"{datetime.fromtimestamp(row[0] / 1000, UTC):%a %m-%d %H:%M}" for row in rows]

    assert opens("1w") == ["Mon 01-06 00:00", "Mon 01-13 00:00", "Mon 01-20 00:00"]
    assert opens("1M") == ["Sat 02-01 00:00", "Sat 03-01 00:00", "Tue 04-01 00:00"]
    assert opens("3d") == ["Sat 01-04 00:00", "Tue 01-07 00:00", "Fri 01-10 00:00"]  # 2,697 days after the listing


def test_the_running_candle_is_the_newest_and_nothing_comes_from_the_future(exchange: RunningExchange) -> None:
    newest = exchange.klines("BTCUSDT", limit=1)[0]
    assert newest[0] <= exchange.now_ms() < newest[0] + 2 * HOUR_MS
    assert exchange.klines("BTCUSDT", startTime=exchange.now_ms() + HOUR_MS) == []
    exchange.settings(clock_skew_ms=-5 * HOUR_MS)
    assert exchange.klines("BTCUSDT", limit=1)[0][0] <= newest[0] - 4 * HOUR_MS


def test_time_before_the_listing_is_empty_and_zero_finds_the_listing_hour(exchange: RunningExchange) -> None:
    assert exchange.klines("SPKUSDT", startTime=START_2025_MS, endTime=START_2025_MS + 999 * HOUR_MS) == []
    assert exchange.klines("SPKUSDT", startTime=0, limit=1)[0][0] == 1_750_161_600_000


def test_a_name_that_is_not_ascii_is_served(exchange: RunningExchange) -> None:
    symbol = "币安人生USDT"
    assert len(exchange.klines(symbol, limit=3)) == 3
    assert exchange.get("/api/v3/exchangeInfo", symbol=symbol)["symbols"][0]["symbol"] == symbol
    assert exchange.stats()["klines_by_symbol"] == {symbol: 1}


def test_exchange_info_filters_by_status_symbols_and_permissions(exchange: RunningExchange) -> None:
    def symbols(**params: str) -> set[str]:
        return {item["symbol"] for item in exchange.get("/api/v3/exchangeInfo", **params)["symbols"]}

    assert {"MATICUSDT", "BTCUSDT"} <= symbols()
    assert symbols() - symbols(symbolStatus="TRADING") == symbols(symbolStatus="BREAK") >= {"MATICUSDT"}
    assert symbols(symbols='["BTCUSDT","ETHUSDT"]') == {"BTCUSDT", "ETHUSDT"}
    assert symbols() - symbols(permissions="SPOT") == symbols(permissions='["LEVERAGED"]') >= {"BTCUPUSDT"}
    assert exchange.get("/api/v3/exchangeInfo", symbol="NOPE") == {"code": -1121, "msg": "Invalid symbol."}
    hidden = exchange.get("/api/v3/exchangeInfo", symbol="BTCUSDT", showPermissionSets="false")
    assert hidden["symbols"][0]["permissionSets"] == []
    exchange.settings(statuses={"BTCUSDT": "BREAK"})
    assert "BTCUSDT" in symbols(symbolStatus="BREAK")


@pytest.mark.parametrize(("seconds", "reported"), [(60, ("MINUTE", 1)), (6, ("SECOND", 6)), (0.5, ("MINUTE", 1))])
def test_the_weight_limit_in_force_is_reported(
    exchange: RunningExchange, seconds: float, reported: tuple[str, int]
) -> None:
    exchange.settings(weight_limit=400, minute_seconds=seconds)
    limit = exchange.get("/api/v3/exchangeInfo")["rateLimits"][0]
    assert (limit["rateLimitType"], limit["limit"]) == ("REQUEST_WEIGHT", 400)
    assert (limit["interval"], limit["intervalNum"]) == reported


def test_each_route_has_binances_weight_and_says_what_was_used(exchange: RunningExchange) -> None:
    exchange.settings(minute_seconds=3600)
    used = []
    for path, query in [
        ("/api/v3/ping", ""),
        ("/api/v3/time", ""),
        ("/api/v3/klines", "symbol=BTCUSDT&interval=1h&limit=1"),
        ("/api/v3/exchangeInfo", ""),
        ("/api/v3/ticker/24hr", ""),
        ("/api/v3/ticker/24hr", "symbol=BTCUSDT&type=MINI"),
        ("/api/v3/ticker/24hr", f"symbols={json.dumps(['BTCUSDT'] * 21)}"),
    ]:
        headers = _get(exchange, path, query).headers
        assert headers["X-MBX-USED-WEIGHT"] == headers["X-MBX-USED-WEIGHT-1M"]
        used.append(int(headers["X-MBX-USED-WEIGHT-1M"]))
    assert [after - before for before, after in zip([0, *used], used, strict=False)] == [1, 1, 2, 20, 80, 2, 40]
    assert exchange.stats()["weight"] == 146


def test_over_the_limit_comes_429_and_asking_on_brings_418(exchange: RunningExchange) -> None:
    exchange.settings(weight_limit=4, minute_seconds=3600, tolerated_refusals=2, ban_seconds=120)
    answers = [_get(exchange, "/api/v3/klines", "symbol=BTCUSDT&interval=1h&limit=1") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 418, 418]
    assert answers[2].json()["code"] == answers[4].json()["code"] == -1003
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 3600
    assert 1 <= int(answers[4].headers["Retry-After"]) <= 120
    assert re.search(r"IP banned until \d{13}\.", answers[4].json()["msg"])
    assert exchange.stats()["inside_retry_after"] == 3


def test_a_ban_refuses_everyone_and_ends(exchange: RunningExchange) -> None:
    exchange.settings(faults=[{"kind": "ban", "seconds": 600, "times": 1, "match": {"path": "klines"}}])
    banned = _get(exchange, "/api/v3/klines", "symbol=BTCUSDT&interval=1h")
    assert (banned.status_code, banned.headers["Retry-After"]) == (418, "600")
    assert _get(exchange, "/api/v3/ping").status_code == 418
    exchange.settings(clock_skew_ms=600_000)
    assert _get(exchange, "/api/v3/ping").status_code == 200
    assert exchange.stats()["by_status"] == {"418": 2, "200": 1}


def test_omitted_hours_and_changed_listings_are_left_out(exchange: RunningExchange) -> None:
    hours = [START_2025_MS + index * HOUR_MS for index in range(6)]
    exchange.settings(
        omitted={"BTCUSDT": [[hours[1], hours[2]]], "*": [[hours[3], hours[4]]]},
        listed={"ETHUSDT": [hours[1], hours[5]]},
    )
    served = {
        symbol: [row[0] for row in exchange.klines(symbol, startTime=hours[0], limit=4)]
        for symbol in ("BTCUSDT", "ETHUSDT")
    }
    assert served == {"BTCUSDT": [hours[index] for index in (0, 2, 4, 5)], "ETHUSDT": [hours[i] for i in (1, 2, 4)]}


def test_an_outage_of_minutes_and_a_listing_in_mid_hour_show_in_every_interval(exchange: RunningExchange) -> None:
    minutes = [START_2025_MS + index * 60_000 for index in range(240)]
    exchange.settings(omitted={"*": [[minutes[70], minutes[190]]]}, listed={"BTCUSDT": [minutes[7], minutes[230]]})
    served = {
        name: exchange.klines("BTCUSDT", interval=name, startTime=START_2025_MS) for name in ("1m", "5m", "1h", "1d")
    }
    expected = [*minutes[7:70], *minutes[190:230]]
    assert [row[0] for row in served["1m"]] == expected
    assert [row[0] for row in served["5m"]] == sorted({at // 300_000 * 300_000 for at in expected})
    assert [row[0] for row in served["1h"]] == [minutes[0], minutes[60], minutes[180]]
    assert {name: sum(row[8] for row in rows) for name, rows in served.items()} == dict.fromkeys(
        served, sum(row[8] for row in served["1m"])
    )
    assert exchange.klines("BTCUSDT", interval="3d", startTime=0, limit=1)[0][0] == START_2025_MS  # its new listing


def test_it_counts_what_was_asked(exchange: RunningExchange) -> None:
    exchange.settings(latency_ms=50)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda hours: exchange.klines("ETHUSDT", startTime=START_2025_MS, limit=hours), [10, 20, 30, 40]))
    exchange.klines("NOSUCH")
    stats = exchange.stats(last=2)
    assert (stats["requests"], stats["rows_served"], stats["by_path"]) == (5, 100, {"/api/v3/klines": 5})
    assert stats["klines_by_symbol"] == {"ETHUSDT": 4, "NOSUCH": 1}
    assert stats["by_status"] == {"200": 4, "400": 1}
    assert 1 < stats["most_in_flight"] <= 4
    assert sum(stats["weight_by_minute"].values()) == stats["weight"] == 10
    assert len(stats["log"]) == 2
    assert stats["log"][-1]["params"] == {"symbol": "NOSUCH", "interval": "1h"}


def test_a_replays_folder_without_candles_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="holds no candles"), running_exchange("--replay", str(tmp_path)):
        pass
    with pytest.raises(RuntimeError, match="is not a folder"), running_exchange("--replay", str(tmp_path / "none")):
        pass


def test_a_taken_port_is_reported_with_the_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "simulator", "--simulated", "--port", port]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - own program
    assert ended.returncode == 2
    assert f"Port {port}" in ended.stderr
    assert "another --port" in ended.stderr


def test_it_ends_on_sigterm_although_an_answer_hangs() -> None:
    with running_exchange("--simulated", "--settings", '{"faults": [{"kind": "hang", "seconds": 600}]}') as exchange:
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{exchange.url}/api/v3/ping", timeout=0.3)
        exchange.process.terminate()
        assert exchange.process.wait(timeout=30) == 0


def test_it_keeps_its_own_time_beside_the_machines(exchange: RunningExchange) -> None:
    exchange.settings(clock_skew_ms=86_400_000)
    assert abs(exchange.now_ms() - time.time() * 1000 - 86_400_000) < HOUR_MS


@needs_recordings
def test_a_replay_of_several_intervals_serves_each_and_refuses_what_nothing_makes_up(tmp_path: Path) -> None:
    files = [*KLINES.with_name("klines-intervals").glob("BTCUSDT-5m-*"), KLINES / "SOLUSDT-1h-2025.csv.gz"]
    for path in files:
        (tmp_path / path.name).symlink_to(path)
    with running_exchange("--replay", str(tmp_path)) as exchange:
        recorded = [
            exchange.klines("BTCUSDT", interval=name, limit=1)[0][0] for name in ("5m", "30m", "1h", "1d", "1M")
        ]
        end_ms = START_2025_MS + 31 * 24 * HOUR_MS
        assert recorded == [end_ms - minutes * 60_000 for minutes in (5, 30, 60, 1440, 31 * 1440)]
        refused = exchange.get("/api/v3/klines", symbol="BTCUSDT", interval="1m")
        assert refused == {"code": -1120, "msg": "Invalid interval."}
        volumes = {item["symbol"]: float(item["quoteVolume"]) for item in exchange.get("/api/v3/ticker/24hr")}
        assert volumes["BTCUSDT"] == float(exchange.klines("BTCUSDT", interval="1d", limit=1)[0][7])
