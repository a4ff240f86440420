"""The client of the HTTP API, for all commands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import requests
from candle_collector.answers import (
    Cancelled,
    Coverage,
    CoverageByMonth,
    Plan,
    Runs,
    SeriesByMonth,
    Started,
    Status,
    SymbolCoverage,
    SystemInfo,
)
from candle_collector.api import routes
from pydantic import TypeAdapter, ValidationError
from urllib3.exceptions import MaxRetryError, NewConnectionError

from background.progress import StackError

CONNECT_SECONDS = 5
# The first call of a function on a small machine unpacks its code, and the trigger asks the exchange for its ranking.
ANSWER_SECONDS = 60

Answer = TypeVar("Answer")
Kline = list[int | str]


@dataclass(frozen=True)
class Refusal:
    """The `error` of an answer that is not a success: the `field` that is wrong, the `run_id` of the run in the way."""

    code: str
    message: str
    field: str | None = None
    run_id: str | None = None

    @classmethod
    def of(cls, http_status: int, body: Any) -> "Refusal":
        """Read the error out of any body, our own shape or another's (a gateway's `{"message": ...}`, or none)."""
        error = body.get("error") if isinstance(body, dict) else None
        if isinstance(error, dict) and isinstance(error.get("message"), str):
            named = {name: error[name] for name in ("field", "run_id") if isinstance(error.get(name), str)}
            return cls(code=str(error.get("code", http_status)), message=error["message"], **named)
        message = body.get("message") if isinstance(body, dict) else None
        return cls(code=str(http_status), message=str(message or f"the API answered {http_status} without saying why"))


class ApiError(StackError):
    """The API did not do what was requested."""


class ApiRefusedError(ApiError):
    """The API answered with an error: `http_status` and the `refusal` it gave."""

    def __init__(self, http_status: int, refusal: Refusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.message}")
        self.http_status = http_status
        self.refusal = refusal


class ApiUnreachableError(ApiError):
    """Nothing listens at the API's address."""


class ApiUnansweredError(ApiError):
    """The API gave no usable answer: a timeout, a broken connection, or a body of another shape."""


class CollectorApi:
    """Talks to one collector.

    Parameters
    ----------
    url
        Its base, without a slash at the end.
    key
        Sent as `X-API-Key`.
    """

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.headers["X-API-Key"] = key

    def trigger(self, body: dict[str, Any]) -> Started:
        """Start a collection.

        Raises
        ------
        ApiRefusedError
            409 COLLECTION_IN_PROGRESS with the active run's id among them.
        ApiUnreachableError, ApiUnansweredError
            After the latter the run may have started all the same.
        """
        return _read(Started, self._ask(routes.TRIGGER, json=body))

    def plan(self, body: dict[str, Any]) -> Plan:
        """Return what a collection would request and cost.

        Raises
        ------
        ApiError
        """
        return _read(Plan, self._ask(routes.TRIGGER, json=body | {"dry_run": True}))

    def status(self, run_id: str | None = None, *, windows: int | None = None) -> Status:
        """Return the status of one run; without an id, of the one that is active, else of the last.

        Parameters
        ----------
        windows
            How many missing windows each symbol names at most; as many as the API gives where it is None.

        Raises
        ------
        ApiError
        """
        query = {"run_id": run_id, "windows": windows}
        given = {name: value for name, value in query.items() if value is not None}
        return _read(Status, self._ask(routes.STATUS, params=given))

    def runs(self, *, limit: int, before: str | None = None) -> Runs:
        """Return a page of the runs, newest first.

        Raises
        ------
        ApiError
        """
        query = {"limit": str(limit), **({"before": before} if before else {})}
        return _read(Runs, self._ask(routes.RUNS, params=query))

    def cancel(self, run_id: str) -> Cancelled:
        """Stop a run; what it stored stays.

        Raises
        ------
        ApiError
        """
        return _read(Cancelled, self._ask(routes.CANCEL, run_id=quote(run_id, safe="")))

    def retry(self, run_id: str) -> Started:
        """Start a run of what another one could not get.

        Raises
        ------
        ApiError
        """
        return _read(Started, self._ask(routes.RETRY, run_id=quote(run_id, safe="")))

    def system_info(self) -> SystemInfo:
        """Return the state of the deployment.

        Raises
        ------
        ApiError
        """
        return _read(SystemInfo, self._ask(routes.SYSTEM_INFO))

    def series(self, intervals: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
        """Yield the symbol and the interval of all series of which something was collected.

        Parameters
        ----------
        intervals
            Those of these alone, where any are named.

        Raises
        ------
        ApiError
        """
        after: str | None = None
        while True:
            params = {
                **({"intervals": ",".join(intervals)} if intervals else {}),
                **({"after": after} if after else {}),
            }
            page = _read(Coverage, self._ask(routes.COVERAGE, params=params))
            yield from ((series.symbol, series.interval) for series in page.symbols)
            after = page.next
            if after is None:
                return

    def coverage(
        self, symbol: str, interval: str = "1h", *, start: str | None = None, end: str | None = None
    ) -> SymbolCoverage:
        """Return the coverage of a series between two dates, both included.

        Raises
        ------
        ApiError
        """
        given = {"interval": interval, "start_date": start, "end_date": end}
        params = {name: value for name, value in given.items() if value}
        answer = self._ask(routes.SYMBOL_COVERAGE, params=params, symbol=quote(symbol, safe=""))
        return _read(SymbolCoverage, answer)

    def coverage_by_month(self) -> list[SeriesByMonth]:
        """Return how complete every series is, by month: all pages.

        Raises
        ------
        ApiError
        """
        found: list[SeriesByMonth] = []
        after: str | None = None
        while True:
            page = _read(CoverageByMonth, self._ask(routes.COVERAGE_BY_MONTH, params={"after": after} if after else {}))
            found += page.series
            after = page.next
            if after is None:
                return found

    def klines(self, symbol: str, *, start_ms: int, limit: int, interval: str = "1h") -> list[Kline]:
        """Return stored candles in Binance's rows, the oldest from a moment on.

        Raises
        ------
        ApiError
        """
        query = {"symbol": symbol, "interval": interval, "startTime": start_ms, "limit": limit}
        return _read(list[Kline], self._ask(routes.KLINES, params=query))

    def _ask(self, route: routes.Route, *, json: Any = None, params: Any = None, **in_path: str) -> Any:
        url = self.url + route.path.format(**in_path)
        try:
            response = self._session.request(
                route.method,
                url,
                json=json,
                params=params,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
            )
        except requests.ReadTimeout as error:
            raise ApiUnansweredError(f"no answer from {self.url} within {ANSWER_SECONDS} s") from error
        except (requests.ConnectionError, requests.Timeout) as error:
            if _was_refused(error):
                raise ApiUnreachableError(f"nothing listens at {self.url}") from error
            raise ApiUnansweredError(f"the connection to {self.url} broke") from error
        try:
            body = response.json()
        except requests.JSONDecodeError:
            body = None
        if not response.ok:
            raise ApiRefusedError(response.status_code, Refusal.of(response.status_code, body))
        return body


def _was_refused(error: requests.RequestException) -> bool:
    """Report a connection never made from one that broke: requests wraps both alike."""
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _read(model: type[Answer], body: Any) -> Answer:
    try:
        return TypeAdapter(model).validate_python(body)
    except ValidationError as error:
        raise ApiUnansweredError(f"the answer has another shape than expected: {error}") from error
