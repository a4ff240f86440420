"""What a trigger's body is read as, and what is refused by the name of its field."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from candle_collector.api.limits import BODY_MOST_BYTES
from candle_collector.api.trigger_body import read_trigger
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.domain import dates
from candle_collector.domain.interval import DAY_MS
from candle_collector.domain.run import COLLECTING_MODES
from candle_collector.domain.universe import SYMBOLS_MOST
from candle_collector.errors import InvalidRequestError, RequestTooLargeError

THE_INTERVALS = "the intervals are 1m, 3m, 5m, 15m, 30m, 1h, 1d"


def read(**fields: Any) -> RunRequest:
    return read_trigger(json.dumps({"mode": "backward", **fields}))[0]


def refused(**fields: Any) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        read(**fields)
    return caught.value.field


def test_only_the_mode_is_needed() -> None:
    assert read_trigger('{"mode": "forward"}') == (RunRequest(mode="forward"), False)
    assert read_trigger('{"mode": "forward", "dry_run": true}') == (RunRequest(mode="forward"), True)


def test_both_dates_are_included() -> None:
    request = read(start_date="2025-03-01", end_date="2025-03-02")
    first = dates.start_of("2025-03-01")
    assert (request.start, request.end) == (first, first + 2 * DAY_MS)


def test_a_symbol_that_is_named_twice_is_meant_once() -> None:
    assert read(symbols=["ETHUSDT", "BTCUSDT", "ETHUSDT"]).symbols == ("ETHUSDT", "BTCUSDT")


def test_a_symbol_is_understood_as_people_write_it() -> None:
    assert read(symbols=["btcusdt", "ETH/USDT", "eth/usdt"]).symbols == ("BTCUSDT", "ETHUSDT")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mode": "sideways"}, "mode: must be backward, forward, gap_fill or verify"),
        ({"top_n": 0}, "top_n: must be at least 1"),
        ({"top_n": 10_000}, f"top_n: must be at most {SYMBOLS_MOST}"),
        ({"top_n": "5"}, "top_n: must be a whole number"),
        ({"top_n": 1.5}, "top_n: must be a whole number"),
        ({"recheck": 1}, "recheck: must be true or false"),
        ({"symbols": []}, "symbols: must name at least one"),
        ({"symbols": "BTCUSDT"}, 'symbols: must be a list, such as ["BTCUSDT"]'),
        ({"symbols": [5]}, 'symbols: each must be a text, as in ["BTCUSDT"]'),
        ({"start_date": 5}, "start_date: must be a text"),
        ({"quote_assets": []}, "quote_assets: must name at least one"),
        ({"intervals": "1h"}, f'intervals: must be a list, such as ["1h"]; {THE_INTERVALS}'),
        ({"intervals": []}, f"intervals: must name at least one; {THE_INTERVALS}"),
        ({"intervals": [5]}, f'intervals: each must be a text, as in ["1h"]; {THE_INTERVALS}'),
        ({"intervals": ["1h", None]}, f'intervals: each must be a text, as in ["1h"]; {THE_INTERVALS}'),
        ({"quote_assets": "USDT"}, 'quote_assets: must be a list, such as ["USDT"]'),
        ({"quote_assets": [5]}, 'quote_assets: each must be a text, as in ["USDT"]'),
        ({"quote_assets": [f"Q{number}" for number in range(21)]}, "quote_assets: must name at most 20"),
        (
            {"quote_assets": ["USDT", "btc"]},
            "quote_assets: number 2 is not a quote asset; one is written in capitals, like USDT",
        ),
        ({"quote_assets": ["BTC", "BTC"]}, "quote_assets: names BTC more than once"),
    ],
)
def test_a_refusal_is_a_sentence(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read(**fields)
    assert str(caught.value) == message


def test_symbols_replace_the_top_n_so_that_both_are_a_mistake() -> None:
    assert read(top_n=SYMBOLS_MOST).top_n == SYMBOLS_MOST
    assert refused(symbols=["BTCUSDT"], top_n=5) == "top_n"


def test_quote_assets_go_where_top_n_goes() -> None:
    assert read(quote_assets=["USDT", "BTC"], top_n=5) == replace(read(top_n=5), quote_assets=("USDT", "BTC"))
    assert read().quote_assets is None
    assert refused(symbols=["BTCUSDT"], quote_assets=["BTC"]) == "quote_assets"
    assert refused(mode="verify", quote_assets=["BTC"]) == "quote_assets"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"top_n": SYMBOLS_MOST + 1}, "top_n"),
        ({"top_n": "5"}, "top_n"),
        ({"symbols": [f"S{number}USDT" for number in range(SYMBOLS_MOST + 1)]}, "symbols"),
        ({"symbols": ["btc usdt"]}, "symbols"),
        ({"recheck": 1}, "recheck"),
        ({"colour": "red"}, "colour"),
        ({"<script>": "red"}, "body"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_the_name_of_its_field(fields: dict[str, Any], named: str) -> None:
    assert refused(**fields) == named


def test_a_verification_takes_repair_and_a_sample_which_other_modes_refuse() -> None:
    assert read(mode="verify") == RunRequest("verify")
    request = read(mode="verify", repair=True, sample=10, symbols=["BTCUSDT"])
    assert (request.repair, request.sample, request.symbols) == (True, 10, ("BTCUSDT",))
    assert read(mode="verify", sample=100).sample == read(repair=False).sample == 100
    for mode in COLLECTING_MODES:
        assert refused(mode=mode, repair=True) == "repair"
        assert refused(mode=mode, sample=100) == "sample"
    assert refused(mode="verify", recheck=True) == "recheck"
    assert refused(mode="verify", top_n=5) == "top_n"
    for sample in (0, 101, "10", 1.5):
        assert refused(mode="verify", sample=sample) == "sample"
    assert refused(mode="verify", repair="yes") == "repair"


def test_a_body_is_measured_in_bytes_before_it_is_read() -> None:
    most = json.dumps({"mode": "backward"}).ljust(BODY_MOST_BYTES)
    assert read_trigger(most)[0].mode == "backward"
    for larger in (most + " ", "\u5e01" * (BODY_MOST_BYTES // 3 + 1)):
        with pytest.raises(RequestTooLargeError):
            read_trigger(larger)
