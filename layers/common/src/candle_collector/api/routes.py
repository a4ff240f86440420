"""Every route of the API: its method, its path and the scope of key that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from candle_collector.domain.api_key import Scope

CANDLES = "/api/v3/"
"""Where the routes of Binance's shape begin."""

ADMIN = "/api/admin/"


@dataclass(frozen=True)
class Route:
    """A route, its path as API Gateway and OpenAPI write it: ``/api/admin/coverage/{symbol}``.

    Attributes
    ----------
    query
        The parameters that one of our own routes reads; those of Binance's shape say themselves what they take.
    """

    method: Literal["GET", "POST"]
    path: str
    scope: Scope = Scope.ADMIN
    query: tuple[str, ...] = ()

    @property
    def pattern(self) -> str:
        """The path as Powertools' resolver writes it: ``/api/admin/coverage/<symbol>``."""
        return self.path.replace("{", "<").replace("}", ">")

    @property
    def is_candles_route(self) -> bool:
        """Whether it has Binance's shape, and takes a key as X-MBX-APIKEY as well."""
        return self.path.startswith(CANDLES)


NEWEST = "newest"
"""In place of a run's id, where a retry is to find the newest run that has something to retry."""

TRIGGER = Route("POST", "/api/admin/collect/trigger")
RETRY = Route("POST", "/api/admin/collect/runs/{run_id}/retry")
CANCEL = Route("POST", "/api/admin/collect/runs/{run_id}/cancel")
STATUS = Route("GET", "/api/admin/collect/status", query=("run_id", "windows"))
RUNS = Route("GET", "/api/admin/collect/runs", query=("limit", "before"))
UNIVERSE = Route("GET", "/api/admin/universe", query=("date",))
COVERAGE = Route("GET", "/api/admin/coverage", Scope.READ, ("intervals", "after"))
COVERAGE_BY_MONTH = Route("GET", "/api/admin/coverage/months", Scope.READ, ("intervals", "after"))
SYMBOL_COVERAGE = Route("GET", "/api/admin/coverage/{symbol}", Scope.READ, ("interval", "start_date", "end_date"))
SYSTEM_INFO = Route("GET", "/api/admin/system/info")
OPENAPI = Route("GET", "/openapi.json", Scope.READ)
KLINES = Route("GET", "/api/v3/klines", Scope.READ)
UI_KLINES = Route("GET", "/api/v3/uiKlines", Scope.READ)
EXCHANGE_INFO = Route("GET", "/api/v3/exchangeInfo", Scope.READ)
TIME = Route("GET", "/api/v3/time", Scope.READ)
PING = Route("GET", "/api/v3/ping", Scope.READ)

ROUTES: tuple[Route, ...] = (
    # months before the symbols, which are never written in small letters
    *(TRIGGER, RETRY, CANCEL, STATUS, RUNS, UNIVERSE, COVERAGE, COVERAGE_BY_MONTH, SYMBOL_COVERAGE),
    *(SYSTEM_INFO, OPENAPI),
    *(KLINES, UI_KLINES, EXCHANGE_INFO, TIME, PING),
)

METRICS = Route("GET", "/metrics", Scope.READ)
"""Of an archive at home alone: AWS has CloudWatch."""

_BY_NAME: dict[tuple[str, str], Route] = {(route.method, route.path): route for route in (*ROUTES, METRICS)}


def find_route(method: str, path: str) -> Route | None:
    """Return the route of a method and a path as API Gateway writes them; None where there is not one."""
    return _BY_NAME.get((method, path))
