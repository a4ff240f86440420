"""exchangeInfo of more symbols than an answer holds says so, by the parameter that asks for fewer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from candle_collector.adapters.binance.rows import read_listing_json, read_listings
from candle_collector.domain.api_key import Scope
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.domain.universe import Listing

from standalone.gateway_answers import Answer
from tests.api_contract.gateway import Gateway, in_process
from tests.exchange import RECORDED
from tests.hourly import hourly

LAMBDA_MOST = 6 * 1024 * 1024
pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are missing")


def listed(symbols: int) -> dict[str, Listing]:
    """Return listings as long as Binance's are, of symbols that nobody lists."""
    recorded = json.loads((RECORDED / "rest-2025.json").read_text())["/api/v3/exchangeInfo"][0]["body"]
    real = list(read_listings(read_listing_json(json.dumps(recorded).encode())))
    made = (replace(real[number % len(real)], symbol=f"S{number:04}USDT") for number in range(symbols))
    return {listing.symbol: listing for listing in made}


def info(gateway: Gateway, key: str, **query: str) -> Answer:
    return gateway.ask("GET", "/api/v3/exchangeInfo", headers=[("X-API-Key", key)], query=query.items())


@pytest.mark.parametrize(("symbols", "fit"), [(500, True), (2900, True), (5000, False)])
def test_listings_are_sent_whole_or_refused_by_the_name_of_the_parameter_that_asks_for_fewer(
    symbols: int, *, fit: bool
) -> None:
    with in_process() as (gateway, keys):
        listings = listed(symbols)
        gateway.world.listings.put(listings)
        for symbol in listings:
            gateway.world.series.put(SeriesRecord(hourly(symbol), first=1, last=9))
        answer = info(gateway, keys[Scope.READ])
        assert len(json.dumps({"statusCode": 200, "body": answer.body})) < LAMBDA_MOST
        if fit:
            assert {symbol["symbol"] for symbol in json.loads(answer.body)["symbols"]} >= listings.keys()
        else:
            refused = json.loads(answer.body)
            assert (answer.status, refused["code"]) == (400, -1130)
            assert refused["msg"] == refused["error"]["message"]
            assert "5000 symbols" in refused["msg"]
            assert "with the parameter 'symbols'" in refused["msg"]
        some = list(listings)[-500:]
        again = info(gateway, keys[Scope.READ], symbols=json.dumps(some, separators=(",", ":")))
        assert [symbol["symbol"] for symbol in json.loads(again.body)["symbols"]] == some
