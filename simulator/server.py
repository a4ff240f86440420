"""Serves the simulated exchange over HTTP: Binance's routes, and control routes under ``/_exchange/``."""

import asyncio
import json
from dataclasses import replace
from email.utils import formatdate

from aiohttp import web

from simulator.answers import Answer
from simulator.broken_answers import refusal_body
from simulator.counts import Asked, Counts
from simulator.endpoints import Endpoint, Endpoints
from simulator.faults import corrupt
from simulator.limits import Charge, Limits
from simulator.market import Clock, Market
from simulator.parameters import BinanceError, Parameters
from simulator.settings import Settings, SettingsError

_LOG_SHOWN = 100
_OK = 200
_BANNED = 418


class SimulatedExchange:
    """A market behind Binance's API, its limits and its switches.

    Parameters
    ----------
    market
        Where the candles come from.
    clock
        The exchange's clock.
    settings
        The switches to start with.
    """

    def __init__(self, market: Market, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings
        self._limits = Limits(settings)
        self._counts = Counts()
        self._routes = Endpoints(market, clock, settings).routes
        self._clock.skew_ms = settings.clock_skew_ms

    def application(self) -> web.Application:
        """Return the application that serves it."""
        app = web.Application()
        for path in self._routes:
            app.router.add_get(path, self._answer)
        app.router.add_get("/_exchange/stats", self._show_counts)
        app.router.add_post("/_exchange/reset", self._reset)
        app.router.add_get("/_exchange/settings", self._show_settings)
        app.router.add_put("/_exchange/settings", self._change_settings)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        endpoint = self._routes[request.path]
        params = dict(request.query)
        client = request.remote or ""
        now_ms = self._clock.now_ms()
        weight = endpoint.weigh(params)
        charge = self._limits.charge(client, weight, now_ms)
        requested = Asked(now_ms, request.path, params, client, weight, charge.used, charge.warned_ms)
        minute_ms = round(self._settings.minute_seconds * 1000)
        self._counts.arrived(requested, now_ms // minute_ms * minute_ms)
        try:
            await asyncio.sleep(self._settings.latency_ms / 1000)
            if charge.status == _OK:
                answer = self._perhaps_corrupted(_served(endpoint, request), requested)
            else:
                answer = self._refusal(charge)
            if answer.block_s:  # a fault that begins a refusal or a ban
                begin = self._limits.ban if answer.status == _BANNED else self._limits.refuse
                refusal = self._refusal(begin(client, answer.block_s, self._clock.now_ms()))
                answer = replace(answer, body=refusal.body, headers={**refusal.headers, **answer.headers})
            if charge.status != _OK or answer.block_s:
                self._limits.refusal_sent(client, self._clock.now_ms())
            response = await answer.send(request, self._headers(charge.used))
            requested.status, requested.rows = answer.status, answer.rows
        finally:
            self._counts.ended(requested)
        return response

    def _perhaps_corrupted(self, answer: Answer, requested: Asked) -> Answer:
        for rule in self._settings.faults:
            if kind := rule.draw(requested.path, requested.params):
                requested.fault = kind
                return corrupt(kind, answer, requested.params, rule.options)
        return answer

    def _refusal(self, charge: Charge) -> Answer:
        seconds = charge.retry_after_s(self._clock.now_ms())
        body = refusal_body(charge.status, self._settings.weight_limit, charge.until_ms)
        return Answer(charge.status, body, headers={"Retry-After": str(seconds)})

    def _headers(self, used_weight: int) -> dict[str, str]:
        return {
            "Date": formatdate(self._clock.now_ms() / 1000, usegmt=True),
            "X-MBX-USED-WEIGHT": str(used_weight),
            "X-MBX-USED-WEIGHT-1M": str(used_weight),
            "Cache-Control": "no-cache, no-store, must-revalidate",
        }

    async def _show_counts(self, request: web.Request) -> web.Response:
        """Answer the counts; ``?last=N`` says how many requests of the log to show."""
        last = request.query.get("last", str(_LOG_SHOWN))
        if not last.isdecimal():
            raise web.HTTPBadRequest(text="last is a number of requests\n")
        return web.json_response(self._counts.as_json(int(last)))

    async def _reset(self, _: web.Request) -> web.Response:
        """Forget the counts, the used weight and every ban; the settings stay."""
        self._counts.clear()
        self._limits.clear()
        return web.json_response({})

    async def _show_settings(self, _: web.Request) -> web.Response:
        return web.json_response(self._settings.as_json())

    async def _change_settings(self, request: web.Request) -> web.Response:
        try:
            self._settings.update(json.loads(await request.text()))
        except (SettingsError, ValueError) as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        self._clock.skew_ms = self._settings.clock_skew_ms
        return web.json_response(self._settings.as_json())


def _served(endpoint: Endpoint, request: web.Request) -> Answer:
    try:
        return endpoint.answer(Parameters(request.query.items(), endpoint.parameters))
    except BinanceError as error:
        return Answer(400, error.body())
