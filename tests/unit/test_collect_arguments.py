"""What `make collect` takes for a request, what it turns down, and what it asks of the API by default."""

from datetime import UTC, datetime

import pytest

from background.progress import StackError
from cli.collect.arguments import CollectionRequest, request_of
from cli.main import parser_for, without_empty

NOW = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)


def parse(words: list[str]) -> CollectionRequest:
    words = without_empty(["collect", *words])
    return request_of(parser_for(words).parse_args(words))


NOTHING_SET = [
    word for name in ("mode", "start", "end", "top", "quotes", "symbols", "exchange") for word in (f"--{name}", "")
]


def test_variables_that_nobody_set_ask_for_the_top_20_of_the_last_90_days_of_the_exchanges_clock() -> None:
    request = parse(NOTHING_SET)
    assert request.trigger_body(NOW) == {"mode": "backward", "start_date": "2025-10-03", "top_n": 20}
    assert request.exchange == ""
    assert request.is_first_look


@pytest.mark.parametrize("argv", [[], ["--mode=", "--start=", "--top="]])
def test_no_arguments_and_empty_ones_with_an_equals_sign_mean_the_same(argv: list[str]) -> None:
    assert parse(argv) == parse(NOTHING_SET)


def test_what_is_given_is_asked_for_and_nothing_else() -> None:
    request = parse(["--mode", "gap_fill", "--start", "2018-01-01", "--end", "2025-12-31T05:00:00Z", "--top", "100"])
    assert request.trigger_body(NOW) == {
        "mode": "gap_fill",
        "start_date": "2018-01-01",
        "end_date": "2025-12-31T05:00:00Z",
        "top_n": 100,
    }
    assert not request.is_first_look


def test_symbols_stand_in_the_place_of_the_top() -> None:
    body = parse(["--symbols", "BTCUSDT, 币安人生USDT", "--start", "2025-01-01"]).trigger_body(NOW)
    assert body == {"mode": "backward", "start_date": "2025-01-01", "symbols": ["BTCUSDT", "币安人生USDT"]}


def test_the_top_may_be_that_of_each_of_several_quote_assets() -> None:
    request = parse(["--quotes", "USDT,BTC", "--top", "5", "--mode", "forward"])
    body = request.trigger_body(NOW)
    assert body == {"mode": "forward", "top_n": 5, "quote_assets": ["USDT", "BTC"]}
    assert request.describe(body) == "forward, the top 5 in each of USDT, BTC"
    assert not parse(["--quotes", "BTC"]).is_first_look


def test_symbols_are_understood_as_people_write_them() -> None:
    assert parse(["--symbols", "btcusdt,ETH/USDT"]).symbols == ("BTCUSDT", "ETHUSDT")


def test_an_end_without_a_start_takes_the_90_days_up_to_it() -> None:
    assert parse(["--end", "2025-03-31"]).trigger_body(NOW)["start_date"] == "2025-01-01"


def test_forward_leaves_the_start_to_the_api() -> None:
    assert parse(["--mode", "forward"]).trigger_body(NOW) == {"mode": "forward", "top_n": 20}


def test_one_day_as_start_and_end_is_in_order() -> None:
    assert parse(["--start", "2025-01-01T20:00:00Z", "--end", "2025-01-01"]).end == "2025-01-01"


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["--mode", "sideways"], "--mode"),
        (["--start", "2024-W01-1"], "--start"),
        (["--start", "20240101"], "--start"),
        (["--start", "2025-02-30"], "--start"),
        (["--end", "yesterday"], "--end"),
        (["--top", "0"], "--top"),
        (["--top", "501"], "--top"),
        (["--top", "ten"], "--top"),
        (["--quotes", "usdt"], "--quotes"),
        (["--quotes", "USDT,USDT"], "--quotes"),
        (["--quotes", ","], "--quotes"),
        (["--symbols", "btc usdt"], "--symbols"),
        (["--symbols", "BTCUSDT,,ETHUSDT"], "--symbols"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_started(
    argv: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(argv)
    assert stop.value.code == 2
    assert named in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--start", "2025-02-01", "--end", "2025-01-31"], "START 2025-02-01 is after END 2025-01-31"),
        (["--top", "5", "--symbols", "BTCUSDT"], "TOP and SYMBOLS"),
        (["--quotes", "BTC", "--symbols", "BTCUSDT"], "QUOTES and SYMBOLS"),
    ],
)
def test_arguments_that_exclude_each_other_are_named(words: list[str], problem: str) -> None:
    with pytest.raises(StackError, match=problem):
        parse(words)
