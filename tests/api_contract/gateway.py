"""The API in one process: the standalone runtime's gateway and the functions, with a world in memory behind them.

Settings are those of the template; tests/template/test_standalone_gateway.py compares routes and refusals with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from candle_collector import bootstrap
from candle_collector.api.create_key import create_key
from candle_collector.domain.api_key import Scope
from candle_collector.settings import Settings

from functions.authorizer.app import handler as authorizer
from functions.candles.app import handler as candles
from functions.status.app import handler as status
from functions.trigger.app import handler as trigger
from standalone import gateway as standalone
from standalone.gateway_answers import Answer
from standalone.request import Request
from tests.fakes.keys import KeysInMemory
from tests.fakes.world import World
from tests.hourly import hour_of
from tests.template.stack import Stack

FUNCTIONS = standalone.ApiFunctions(authorizer=authorizer, trigger=trigger, status=status, candles=candles)


class Probe:
    """An exchange that answers."""

    def answers(self) -> bool:
        """Report so."""
        return True


@dataclass
class Gateway:
    """The API, as a WSGI application and as a method.

    Attributes
    ----------
    world
        What the functions work on.
    keys
        The table of keys.
    answered
        How many answers there were of each status.
    """

    world: World
    keys: KeysInMemory
    stack: Stack = field(default_factory=lambda: Stack(Stage="local"))
    answered: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        self._gateway = standalone.Gateway(FUNCTIONS, dashboard_origin="")

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Iterable[tuple[str, str]] = (),
        headers: Iterable[tuple[str, str]] = (),
        body: str | None = None,
    ) -> Answer:
        """Ask the API.

        Parameters
        ----------
        path
            As it is on the wire, percent-encoded.
        """
        answer = self._gateway.answer(Request(method, path, list(query), list(headers), body))
        self.answered[answer.status] += 1
        return answer

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Serve a request of WSGI."""
        raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ["PATH_INFO"]
        headers = [(name[5:].replace("_", "-"), text) for name, text in environ.items() if name.startswith("HTTP_")]
        size = int(environ.get("CONTENT_LENGTH") or 0)
        sent = environ["wsgi.input"].read(size).decode("utf-8", "replace") if size else None
        query = parse_qsl(environ["QUERY_STRING"], keep_blank_values=True, errors="replace")
        answer = self.ask(environ["REQUEST_METHOD"], raw.partition("?")[0], query=query, headers=headers, body=sent)
        reported = [(name, value) for name, values in answer.headers.items() for value in values]
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", reported)
        return [answer.body.encode()]


@contextmanager
def in_process(**settings: str) -> Iterator[tuple[Gateway, dict[Scope, str]]]:
    """Put an API together, with a key of each scope and two weeks of candles of two symbols.

    Parameters
    ----------
    settings
        Parameters of the template.
    """
    hour = hour_of(World({}).clock.now())
    world = World({symbol: range(hour - 24 * 30, hour + 1) for symbol in ("BTCUSDT", "ETHUSDT", "BNBUSDT")})
    world.collect(start=hour - 24 * 14, symbols=("BTCUSDT", "ETHUSDT"))
    world.collect(start=hour - 24)
    keys = KeysInMemory()
    texts = {scope: create_key(keys, name=scope, scope=scope, now=world.clock.now())[0].text for scope in Scope}
    gateway = Gateway(world, keys, Stack(Stage="local", **settings))
    variables = {
        name: str(value)
        for function in ("AuthorizerFunction", "StatusFunction", "TriggerFunction", "CandlesFunction")
        for name, value in gateway.stack.properties(function)["Environment"]["Variables"].items()
    }
    ports = {
        name: getattr(world, name)
        for name in (
            *("exchange", "market_cache", "candles", "leases", "runs"),
            *("universes", "series", "failed_starts", "rate_limiter", "queue", "events", "listings"),
        )
    }
    made = bootstrap.Container(Settings(variables), clock=world.clock, keys=keys, probe=Probe(), **ports)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "container", lambda: made)
        bootstrap.authorizer.cache_clear()
        yield gateway, texts
        bootstrap.authorizer.cache_clear()
