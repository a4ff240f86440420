"""The command `candles`: one parser for all subcommands, each loaded when it is called."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cli.main import COMMANDS, main, without_empty


def test_help_names_every_subcommand_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert all(command.help in text for command in COMMANDS.values())
    assert "2 not done" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_describes_itself_and_refuses_what_it_does_not_know(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: candles {name}" in capsys.readouterr().out
    with pytest.raises(SystemExit) as refused:
        main([name, "--no-such-option"])
    assert refused.value.code == 2


def test_an_unknown_subcommand_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["colect"])
    assert refused.value.code == 2
    assert "collect" in capsys.readouterr().err


def test_variables_of_make_that_nobody_set_are_not_given() -> None:
    words = ["collect", "--mode", "", "--top=", "--end", "2025-01-01", "--stack-name="]
    assert without_empty(words) == ["collect", "--end", "2025-01-01"]


def test_help_loads_nothing_that_a_subcommand_needs() -> None:
    heavy = "{'boto3', 'pandas', 'pyarrow', 'pydantic', 'requests', 'rich'} & set(sys.modules)"
    program = f"import sys; from cli.main import parser_for; parser_for(['--help']); print({heavy})"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert ended.stdout.strip() == "set()"


@pytest.mark.parametrize("words", ["up --help", "serve --help", "down --help", "logs --help"])
def test_what_does_not_ask_the_api_loads_nothing_for_it(words: str) -> None:
    """It starts in a fraction of the time: loading `requests` and pydantic takes two thirds of it."""
    heavy = "{'pydantic', 'requests', 'rich', 'urllib.request', 'candle_collector.answers'} & set(sys.modules)"
    program = (
        f"import sys; from cli.main import main\n"
        f"try: main({words.split()})\n"
        f"except SystemExit: pass\n"
        f"print({heavy}, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert ended.stderr == "set()\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("collect --intervals 1H", "--intervals: '1H' is not an interval that is collected: 1m, 3m, 5m, 15m, 30m, 1h"),
        ("collect --intervals 1h,", "--intervals: a comma has nothing beside it: write them as 1m,1h."),
        ("verify --symbols BTCUSDT,,ETHUSDT", "--symbols: a comma has nothing beside it: write them as BTCUSDT,"),
        ("collect --quotes ,USDT", "--quotes: a comma has nothing beside it: write them as USDT,BTC."),
        ("coverage --intervals 7m", "; the nearest are 5m and 15m."),
        ("export x.csv --interval 60m", "3d, 1w, 1M; perhaps 1h is meant."),
        ("import x.csv --interval 2h", "15m, 30m, 1h, 1d; the nearest are 1h and 1d."),
        ("export x.csv --intervals 1m", "--intervals 1m: there is no such argument; perhaps --interval is meant."),
        ("export", "target: it is missing."),
        ("collect --mode forwrd", "is not one of backward, forward, gap_fill; perhaps forward is meant."),
        ("colect", "; perhaps collect is meant."),
        ("keys revok", "; perhaps revoke is meant."),
    ],
)
def test_what_is_wrong_is_a_sentence_with_what_is_taken(
    words: str, sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    with pytest.raises(SystemExit) as refused:
        main(words.split())
    said = capsys.readouterr().err
    assert refused.value.code == 2
    assert sentence in said
    assert "usage" not in said
    assert said.splitlines()[1].endswith(" --help` shows what it takes.")


def test_a_variable_of_make_is_named_as_it_was_typed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKELEVEL", "1")
    monkeypatch.setenv("INTERVALS", "1h,7m")
    with pytest.raises(SystemExit):
        main(["collect", "--intervals", "1h,7m"])
    assert capsys.readouterr().err.startswith("INTERVALS=1h,7m: '7m' is not an interval")
