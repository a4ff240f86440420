"""`candles verify` against an API of our own making, over real HTTP, and `candles revisions` on stores in memory."""

from __future__ import annotations

import argparse
import io
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from candle_collector.bootstrap import Container
from candle_collector.domain.progress import Revision
from candle_collector.settings import Settings
from rich.console import Console

from background.places import Places
from background.progress import StackError
from cli.commands import revisions
from cli.commands.verify import request_of, verify
from cli.difference_tables import changes
from cli.main import main, parser_for, without_empty
from tests.fakes.exchange import synthetic_candle
from tests.fakes.stores import FakeCandleStore
from tests.hourly import first_hour_of, hourly
from tests.unit.fake_collector_api import RUN, FakeApi, status, symbol
from tests.unit.test_collect_run import Home, api, do_not_wait, root

__all__ = ["api", "root"]

HOUR = first_hour_of("2025-01-31") + 5
STORED = synthetic_candle("BTCUSDT", HOUR)
OFFERED = STORED._replace(close="1", trade_count=9)


def parse(*words: str) -> argparse.Namespace:
    return parser_for(["verify"]).parse_args(without_empty(["verify", *words]))


def ran(root: Path, *words: str) -> tuple[int, str]:
    screen = io.StringIO()
    places = Places(root / ".local", root / "logs", 1, 2, 3)
    console = Console(file=screen, width=160)
    code = verify(request_of(parse(*words)), places, console, Home(), do_not_wait)
    return code, screen.getvalue()


def differing(repaired: int = 0, different: int = 1) -> dict[str, Any]:
    item = {"open_time": "2025-01-31T05:00:00Z", "stored": STORED.line(), "offered": OFFERED.line()}
    return {"compared": 500, "different": different, "repaired": repaired, "differences": [item]}


def test_what_nobody_set_is_left_to_the_api(root: Path, api: FakeApi) -> None:
    api.statuses = [(200, status(symbol("BTCUSDT", "complete", compared=500, different=0, repaired=0), mode="verify"))]
    code, screen = ran(root, "--symbols", "", "--start", "", "--end", "", "--sample", "", "--exchange", "")
    assert api.bodies_triggered() == [{"mode": "verify", "repair": False}]
    assert "Asking for verify, all that is stored ..." in screen
    assert "500 candles compared, 0 different, 0 repaired." in screen
    assert "What differs" not in screen
    assert code == 0


def test_what_is_given_is_sent(root: Path, api: FakeApi) -> None:
    details = [symbol("BTCUSDT", "complete", **differing(repaired=1)), symbol("ETHUSDT", "complete", compared=9)]
    api.statuses = [(200, status(*details, mode="verify"))]
    words = ["--symbols", "BTCUSDT,ETHUSDT", "--start", "2025-01-01", "--end", "2025-02-01", "--sample", "10"]
    code, screen = ran(root, *words, "--repair")
    assert api.bodies_triggered() == [
        {
            "mode": "verify",
            "repair": True,
            "symbols": ["BTCUSDT", "ETHUSDT"],
            "start_date": "2025-01-01",
            "end_date": "2025-02-01",
            "sample": 10,
        }
    ]
    assert "verify with repair, BTCUSDT, ETHUSDT, from 2025-01-01, to 2025-02-01, 10% of the windows" in screen
    assert "509 candles compared, 1 different, 1 repaired." in screen
    assert "candles revisions SYMBOL" in screen
    assert "REPAIR=1" not in screen
    assert code == 0


def test_what_differs_is_listed_with_how_to_repair_it_and_ends_non_zero(root: Path, api: FakeApi) -> None:
    error = {"kind": "differs", "message": "23 of 500 compared candles differ from the exchange's."}
    found = symbol("BTCUSDT", "partial", error=error, **differing(different=23))
    api.statuses = [(200, status(found, symbol("ETHUSDT", "complete", compared=1, different=0), mode="verify"))]
    code, screen = ran(root)
    assert code == 1
    assert "23 of 500 compared candles differ from the exchange's. [differs]" in screen
    line = next(line for line in screen.splitlines() if "2025-01-31 05:00" in line)
    assert f"close {STORED.close} -> 1, trades 7 -> 9" in line
    assert "and 22 more" in screen
    assert "  make verify REPAIR=1 SYMBOLS=BTCUSDT\n" in screen


@pytest.mark.parametrize("words", [[], ["--repair"]])
def test_what_nothing_can_replace_is_said_and_no_repair_is_advised(root: Path, api: FakeApi, words: list[str]) -> None:
    details = [
        symbol("BTCUSDT", "partial", **differing(different=48), denied=48),
        symbol("ETHUSDT", "partial", **differing(different=2), denied=1),
    ]
    api.statuses = [(200, status(details[0], mode="verify"))]
    code, screen = ran(root, *words)
    assert (code, "REPAIR=1" in screen) == (1, False)
    assert "Of these the exchange no longer has 48 candles: they stay, and nothing is to be done." in screen
    api.statuses = [(200, status(*details, mode="verify"))]
    assert "  make verify REPAIR=1 SYMBOLS=ETHUSDT\n" in ran(root)[1]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--symbols", "BTCUSDT", "--intervals", "1m"], "BTCUSDT 1m"),
        (["--symbols", "BTCUSDT,ETHUSDT", "--intervals", "1h,1d"], "BTCUSDT 1d, ETHUSDT 1h, ETHUSDT 1d"),
        (["--intervals", "1h,5m"], "5m"),
        (["--symbols", "BTCUSDT,ETHUSDT"], "ETHUSDT"),
        (["--intervals", "1h"], ""),
        ([], ""),
    ],
)
def test_what_was_asked_for_by_name_and_is_not_stored_is_not_taken_for_right(
    root: Path, api: FakeApi, words: list[str], named: str
) -> None:
    found = {"compared": 500, "different": 0, "repaired": 0}
    details = [symbol("BTCUSDT", "complete", **found), symbol("ETHUSDT", "skipped"), symbol("BTCUSDT", "skipped")]
    details[2]["interval"] = "1m"
    api.statuses = [(200, status(*details, mode="verify"))]
    code, screen = ran(root, *words)
    assert code == bool(named)
    assert (f"Nothing is stored there of {named}, so nothing was compared of it." in screen) == bool(named)


def test_a_run_without_results_is_not_a_success(root: Path, api: FakeApi) -> None:
    ended = status(symbol("BTCUSDT", "complete"), mode="verify")
    ended["last_results"] = None
    api.statuses = [(200, ended)]
    assert ran(root)[0] == 1


def test_a_refusal_is_reported(root: Path, api: FakeApi) -> None:
    error = {"code": "INVALID_REQUEST", "message": "mode: nothing is stored yet", "field": "mode"}
    api.trigger = (400, {"error": error})
    code, screen = ran(root)
    assert code == 2
    assert "nothing is stored yet" in screen


@pytest.mark.parametrize("words", [["--sample", "0"], ["--sample", "101"], ["--sample", "x"], ["--symbols", "b!c"]])
def test_a_wrong_argument_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(*words)
    assert words[0] in capsys.readouterr().err


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(StackError, match="is after END"):
        request_of(parse("--start", "2025-02-01", "--end", "2025-01-01"))


def test_a_difference_is_written_field_by_field() -> None:
    assert changes(STORED.line(), STORED._replace(offset_ms=5).line()) == "offset ms 0 -> 5"
    assert changes(None, STORED.line()) == "not stored"
    assert changes(STORED.line(), None) == "not at the exchange"


def test_replaced_candles_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    candles = FakeCandleStore()
    candles.store(hourly("BTCUSDT"), [STORED], (), absent_blocks=frozenset())
    at = datetime(2025, 6, 1, 12, 5, tzinfo=UTC)
    candles.revise(hourly("BTCUSDT"), [Revision(STORED, OFFERED)], run_id=RUN, at=at, fence=lambda: None)
    stack = SimpleNamespace(source=lambda: Container(Settings({}), candles=candles))
    monkeypatch.setattr(revisions, "archive_of", lambda _: stack)
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["revisions", "BTCUSDT"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("2025-01-31 05:00", "2025-06-01 12:05", RUN, f"close {STORED.close} -> 1"))
    assert main(["revisions", "BTCUSDT", "--start", "2025-02-01"]) == 0
    assert "No candle of BTCUSDT was replaced there." in capsys.readouterr().out
    assert main(["revisions", "BTCUSDT", "--start", "2025-02-01", "--end", "2025-01-01"]) == 2
