"""Binance's market data routes: what each weighs, and how it answers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.answers import Answer
from simulator.intervals import INTERVALS, Grid
from simulator.klines import KlinesQuery, UnservedIntervalError, klines
from simulator.listings import exchange_info, permissions, ticker
from simulator.market import Clock, Listing, Market
from simulator.parameters import BinanceError, Parameters
from simulator.settings import Settings
from simulator.shown import Shown

MOST_ROWS = 1000
_DEFAULT_ROWS = 500
_FEW_SYMBOLS = 20
_MANY_SYMBOLS = 100
_INVALID_INTERVAL = (-1120, "Invalid interval.")


@dataclass(frozen=True)
class Endpoint:
    """A route: the names of its parameters, its weight and its answer.

    Parameters
    ----------
    weigh
        Returns the weight of a request with these parameters, which nobody has checked yet.
    answer
        Returns the answer; raises BinanceError.
    """

    parameters: tuple[str, ...]
    weigh: Callable[[Mapping[str, str]], int]
    answer: Callable[[Parameters], Answer]


class Endpoints:
    """The routes of one market.

    Parameters
    ----------
    market
        Where the candles come from.
    clock
        The exchange's clock.
    settings
        The switches: times left out, statuses, the weight limit that exchangeInfo says.
    """

    def __init__(self, market: Market, clock: Clock, settings: Settings) -> None:
        self._market = market
        self._clock = clock
        self._settings = settings
        self.routes: Mapping[str, Endpoint] = {
            "/api/v3/klines": Endpoint(
                ("symbol", "interval", "startTime", "endTime", "timeZone", "limit"), lambda _: 2, self._klines
            ),
            "/api/v3/exchangeInfo": Endpoint(
                ("symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"),
                lambda _: 20,
                self._exchange_info,
            ),
            "/api/v3/ticker/24hr": Endpoint(
                ("symbol", "symbols", "type", "symbolStatus"), _ticker_weight, self._ticker
            ),
            "/api/v3/time": Endpoint((), lambda _: 1, lambda _: _json({"serverTime": clock.now_ms()})),
            "/api/v3/ping": Endpoint((), lambda _: 1, lambda _: _json({})),
        }

    def _klines(self, parameters: Parameters) -> Answer:
        symbol = parameters.symbol(self._market.listings)
        interval = INTERVALS.get(parameters.text("interval"))
        if interval is None:
            raise BinanceError(*_INVALID_INTERVAL)
        listed_ms = self._settings.listed_ms(symbol)
        if listed_ms is None:
            listed_ms = self._market.listings[symbol].listed_ms
        query = KlinesQuery(
            grid=Grid(interval, parameters.time_zone_ms(), listed_ms),
            start_ms=parameters.integer("startTime"),
            end_ms=parameters.integer("endTime"),
            limit=parameters.limit(_DEFAULT_ROWS, MOST_ROWS),
        )
        now_ms = self._clock.now_ms()
        try:
            texts = klines(self._shown(symbol, now_ms), query, now_ms)
        except UnservedIntervalError as error:
            raise BinanceError(*_INVALID_INTERVAL) from error
        return Answer(body=f"[{','.join(texts)}]".encode(), rows=len(texts))

    def _exchange_info(self, parameters: Parameters) -> Answer:
        parameters.alone("symbol", "symbols", "symbolStatus")
        parameters.alone("symbol", "symbols", "permissions")
        status = parameters.status()
        granted = parameters.permissions()
        listings = [
            (listing, self._status(listing))
            for listing in self._chosen(parameters)
            if (status is None or self._status(listing) == status)
            and (granted is None or granted & set(permissions(listing)))
        ]
        return _json(
            exchange_info(
                listings,
                self._clock.now_ms(),
                self._settings,
                permission_sets=parameters.flag("showPermissionSets", default=True),
            )
        )

    def _ticker(self, parameters: Parameters) -> Answer:
        parameters.alone("symbol", "symbols")
        status = parameters.status()
        mini = parameters.choice("type", ("FULL", "MINI")) == "MINI"
        now_ms = self._clock.now_ms()
        texts = [
            ticker(self._shown(listing.symbol, now_ms), listing.symbol, now_ms, mini=mini)
            for listing in self._chosen(parameters)
            if status is None or self._status(listing) == status
        ]
        if "symbol" not in parameters:
            return Answer(body=f"[{','.join(texts)}]".encode())
        if not texts:
            raise BinanceError(-1220, f"The symbol's status does not match the requested symbolStatus '{status}'.")
        return Answer(body=texts[0].encode())

    def _chosen(self, parameters: Parameters) -> list[Listing]:
        """Return the listings that ``symbol`` or ``symbols`` name, else all."""
        listings = self._market.listings
        if "symbol" in parameters:
            return [listings[parameters.symbol(listings)]]
        if "symbols" in parameters:
            return [listings[symbol] for symbol in parameters.symbols(listings)]
        return list(listings.values())

    def _status(self, listing: Listing) -> str:
        return self._settings.statuses.get(listing.symbol, listing.status)

    def _shown(self, symbol: str, now_ms: int) -> Shown:
        return Shown(self._market, symbol, now_ms, self._settings.hidden(symbol))


def _ticker_weight(params: Mapping[str, str]) -> int:
    """Return 2 for one to 20 symbols, 40 for up to 100, 80 for more and for all."""
    named = params["symbols"].count(",") + 1 if "symbols" in params else int("symbol" in params)
    if not 0 < named <= _MANY_SYMBOLS:
        return 80
    return 2 if named <= _FEW_SYMBOLS else 40


def _json(body: dict[str, Any]) -> Answer:
    return Answer(body=json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())
