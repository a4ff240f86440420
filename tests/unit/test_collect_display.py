"""What the progress looks like at a terminal and in a log."""

import io
from dataclasses import replace

import pytest
from candle_collector.answers import Progress, Status
from rich.console import Console

from cli.collect.display import PlainDisplay, TerminalDisplay, display_for, picture
from tests.unit.api_answers import results, status, symbol_result


def running(done: int, records: int, symbols: int = 10) -> Status:
    names = [f"C{number}USDT" for number in range(symbols)]
    total = symbols + done
    return status(
        elapsed_seconds=float(done),
        progress=Progress(done=done, total=total, percent=100 * done / total, eta_seconds=75),
        last_results=results(
            [
                *(symbol_result(f"D{number}USDT", "complete") for number in range(done)),
                *(symbol_result(name, "running", records=7, requests=1) for name in names),
            ],
            total_cryptos=total,
            complete=done,
            total_records=records,
        ),
    )


def test_the_picture_shows_the_bar_the_pace_the_tally_and_the_first_running_cryptos() -> None:
    screen = io.StringIO()
    Console(file=screen, width=100).print(
        picture(running(done=10, records=12000), candles_per_second=1200.4, seconds_left=75)
    )
    lines = [line.rstrip() for line in screen.getvalue().splitlines()]
    assert lines[0].endswith("10/20 series 50% 10 s about 1 min 15 s left")
    assert lines[1] == "12,000 candles  1,200 candles/s  10 requests"
    assert lines[2] == "10 complete  10 running"
    assert [line.split()[0] for line in lines[3:11]] == [f"C{number}USDT" for number in range(8)]
    assert lines[11].strip() == "and 2 more"


@pytest.mark.parametrize(("interval", "most"), [("1m", "144,000"), ("1h", "2,400"), ("1d", "100")])
def test_a_running_line_names_the_interval_and_the_most_candles_that_the_run_can_bring(
    interval: str, most: str
) -> None:
    series = symbol_result("BTCUSDT", "running", interval=interval, records=7, requests=1)
    held = status(
        elapsed_seconds=1.0,
        progress=Progress(done=0, total=1, percent=0, eta_seconds=75),
        last_results=results([series], total_cryptos=1, start_date="2025-01-01", end_date="2025-04-10"),
    )
    screen = io.StringIO()
    Console(file=screen, width=100).print(picture(held, candles_per_second=None, seconds_left=None))
    assert f"BTCUSDT {interval}" in screen.getvalue()
    assert f"7 of up to {most} candles" in screen.getvalue()


def test_progress_moves_inside_a_crypto_and_the_time_left_comes_from_it() -> None:
    def at(seconds: float, records: int) -> Status:
        running_symbol = symbol_result("BTCUSDT", "running", records=records, requests=1)
        held = results([running_symbol], total_cryptos=1, start_date="2025-01-01", end_date="2025-04-10")
        return status(
            elapsed_seconds=seconds,
            progress=Progress(done=0, total=1, percent=0, eta_seconds=None),
            last_results=held,
            is_running=True,
        )

    screen = io.StringIO()
    now = 0.0
    plain = PlainDisplay(Console(file=screen, width=100), clock=lambda: now)
    for now, records in ((0.0, 0), (10.0, 600), (20.0, 1200)):
        plain.show(at(now, records))
    plain.show(at(21.0, 1200), "The exchange does not answer.")
    lines = screen.getvalue().splitlines()
    assert lines[2].startswith("0/1 series (50%) | ")
    assert lines[2].endswith("| about 20 s left")
    assert lines[3].endswith("| The exchange does not answer.")


def test_plain_lines_come_seconds_apart_and_only_when_something_changed() -> None:
    screen = io.StringIO()
    now = 0.0
    plain = PlainDisplay(Console(file=screen, width=60), clock=lambda: now)
    for second in range(20):
        now = float(second)
        plain.show(running(done=min(second, 12), records=10 * min(second, 12)))
    lines = screen.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["0/10", "5/15", "10/20", "12/22"]
    assert "\x1b" not in screen.getvalue()


def test_a_warning_is_printed_once_for_as_long_as_it_stays() -> None:
    screen = io.StringIO()
    now = 0.0
    plain = PlainDisplay(Console(file=screen, width=60), clock=lambda: now)
    for second in range(40):
        now = float(second)
        look = replace(running(done=4, records=1000 * min(second, 10)), elapsed_seconds=now)  # the rate falls then
        plain.show(look, None if not 10 <= second < 30 else "The disk is full." if second < 20 else "Refused.")
    said = [line.rpartition(" | ")[2] for line in screen.getvalue().splitlines()]
    assert [text for text in said if text in {"The disk is full.", "Refused."}] == ["The disk is full.", "Refused."]
    assert said[-1] == "4 complete, 10 running"


def test_a_pipe_gets_plain_lines_even_where_colour_is_forced() -> None:
    assert isinstance(display_for(Console(file=io.StringIO(), force_terminal=True)), PlainDisplay)


def test_a_terminal_gets_the_picture_and_is_left_clean() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    display = display_for(Console(file=screen, width=100, force_terminal=True, _environ={"TERM": "xterm"}))
    assert isinstance(display, TerminalDisplay)
    with display:
        display.show(running(done=1, records=1))
    assert "1/11" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")
