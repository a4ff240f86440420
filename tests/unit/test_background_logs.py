"""The logs that are shown are whole lines, each once, also over a rotation; some of them where a run is named."""

import json
from pathlib import Path

import pytest

from background.logs import LAST_LINES, Wanted, print_new, show

RUN, OTHER = "01KBSM0000ABCDEFGHJKMNPQRS", "01KBSM0000ABCDEFGHJKMNPQRT"


def line(**fields: object) -> str:
    return json.dumps({"level": "INFO", **fields})


def test_new_lines_are_shown_once_and_half_a_line_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "worker.log"
    file.write_text("one\ntw")
    read = print_new(file, 0)
    assert capsys.readouterr().out == "worker: one\n"
    file.write_text("one\ntwo\n")
    read = print_new(file, read)
    assert capsys.readouterr().out == "worker: two\n"
    assert print_new(file, read) == read
    assert capsys.readouterr().out == ""


def test_a_rotated_file_is_shown_from_its_beginning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "worker.log"
    file.write_text("new\n")
    print_new(file, already=1000)
    assert capsys.readouterr().out == "worker: new\n"


def test_where_nothing_was_logged_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(tmp_path / "logs") == {}
    assert "No function has logged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wanted", "text", "taken"),
    [
        (Wanted(), "anything", True),
        (Wanted(RUN), line(run_id=RUN), True),
        (Wanted(RUN), line(run_id=OTHER), False),
        (Wanted(RUN), line(body=json.dumps({"run_id": RUN, "symbol": "BTCUSDT"})), True),
        (Wanted(symbols=("BTCUSDT",)), line(symbol="BTCUSDT"), True),
        (Wanted(symbols=("BTCUSDT",)), line(symbol="WBTCUSDT"), False),
        (Wanted(symbols=("BTCUSDT",)), line(symbols=["ETHUSDT", "BTCUSDT"]), True),
        (Wanted(symbols=("ETHUSDT", "BTCUSDT")), line(symbol="BTCUSDT"), True),
        (Wanted(symbols=("币安人生USDT",)), line(symbol="币安人生USDT"), True),
        (Wanted(symbols=("币安人生USDT",)), 'half a line "\\u5e01', False),
        (Wanted(RUN, ("BTCUSDT",)), line(run_id=RUN, symbol="BTCUSDT"), True),
        (Wanted(RUN, ("BTCUSDT",)), line(run_id=RUN, symbol="ETHUSDT"), False),
        (Wanted(RUN, ("BTCUSDT",)), line(run_id=OTHER, symbol="BTCUSDT"), False),
    ],
)
def test_a_line_is_shown_where_it_names_the_run_and_a_symbol(wanted: Wanted, text: str, *, taken: bool) -> None:
    assert wanted.takes(text) is taken


def test_the_last_lines_of_a_run_are_found_behind_those_of_others_and_in_what_was_put_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, name in enumerate(("server.log.10", "server.log.2", "server.log.1", "server.log")):
        (tmp_path / name).write_text(f"{line(run_id=RUN, number=number)}\n" + 30 * f"{line(run_id=OTHER)}\n")
    (tmp_path / "server.log.gz").write_bytes(b"\x1f\x8b")
    read = show(tmp_path, Wanted(RUN))
    shown = capsys.readouterr().out.splitlines()
    assert [json.loads(text.removeprefix("server: "))["number"] for text in shown] == [0, 1, 2, 3]
    assert read == {tmp_path / "server.log": (tmp_path / "server.log").stat().st_size}
    show(tmp_path)
    assert capsys.readouterr().out.splitlines() == LAST_LINES * [f"server: {line(run_id=OTHER)}"]


def test_new_lines_of_others_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "server.log"
    file.write_text(f"{line(run_id=RUN)}\n{line(run_id=OTHER)}\n")
    assert print_new(file, 0, Wanted(RUN)) == file.stat().st_size
    assert capsys.readouterr().out == f"server: {line(run_id=RUN)}\n"


def test_a_run_that_no_line_names_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "server.log").write_text("text\n")
    show(tmp_path, Wanted(RUN, ("BTCUSDT", "ETHUSDT")))
    assert f"is about run {RUN} and BTCUSDT, ETHUSDT" in capsys.readouterr().out
