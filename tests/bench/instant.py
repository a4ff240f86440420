"""Transports that answer at once from memory, so that what is measured is the client's own work.

Everything above the sockets is real: requests and urllib3 build the answers of the exchange, botocore signs, serializes
and parses the calls of DynamoDB.
"""

import io
import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from typing import Any, NamedTuple, Self, cast
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import requests
import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session
from candle_collector.adapters.binance.client import Binance
from candle_collector.domain.windows import Window
from moto.core.botocore_stubber import BotocoreStubber
from requests.adapters import HTTPAdapter

from simulator.intervals import HOUR, Grid
from simulator.klines import KlinesQuery, klines
from simulator.made import MadeMarket
from simulator.market import Clock
from simulator.shown import Shown
from tests.hourly import HOUR_MS

BASE_URL = "http://127.0.0.1"
_NOW = datetime(2026, 1, 2, tzinfo=UTC)


class _Exchanged(NamedTuple):
    """A call of DynamoDB and its answer."""

    operation: str
    sent: Any
    status: int
    headers: Any
    content: bytes


class InstantExchange(HTTPAdapter):
    """Answers klines with made candles, each answer prepared when it is first asked for.

    Parameters
    ----------
    latency_seconds
        How long an answer takes.
    now
        The exchange's clock, which stands still where none is given.
    """

    def __init__(self, latency_seconds: float = 0, now: Callable[[], datetime] = lambda: _NOW) -> None:
        super().__init__()
        self.latency_seconds = latency_seconds
        self._now = now
        self._market, self._clock = MadeMarket(), Clock()
        self._bodies: dict[tuple[str, int, int], bytes] = {}
        self.sent = 0

    @property
    def requested(self) -> list[Window]:
        """The hours of all answers so far, each once."""
        return [Window(start_ms // HOUR_MS, start_ms // HOUR_MS + limit) for _, start_ms, limit in self._bodies]

    def body(self, symbol: str, start_ms: int, limit: int) -> bytes:
        """Return the body of an answer; it is made once."""
        key = (symbol, start_ms, limit)
        if key not in self._bodies:
            query = KlinesQuery(Grid(HOUR), start_ms=start_ms, end_ms=None, limit=limit)
            now_ms = self._clock.now_ms()
            rows = klines(Shown(self._market, symbol, now_ms), query, now_ms)
            self._bodies[key] = f"[{','.join(rows)}]".encode()
        return self._bodies[key]

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override] # of what requests hands over, only the request matters
        """Answer at once."""
        requested = {name: values[0] for name, values in parse_qs(urlsplit(cast("str", request.url)).query).items()}
        self.sent += 1
        body = self.body(requested["symbol"], int(requested["startTime"]), int(requested["limit"]))
        headers = {
            "Content-Type": "application/json;charset=UTF-8",
            "Content-Length": str(len(body)),
            "Date": format_datetime(self._now(), usegmt=True),
            "X-MBX-USED-WEIGHT-1M": "2",
        }
        time.sleep(self.latency_seconds)
        raw = urllib3.HTTPResponse(io.BytesIO(body), headers, status=200, preload_content=False)
        return self.build_response(request, raw)


def instant_binance(exchange: InstantExchange) -> Binance:
    """Return the real adapter, its connections replaced."""
    binance = Binance(BASE_URL, max_retries=0)
    binance._session._session.mount("http://", exchange)
    return binance


class RecordedAws:
    """Answers of DynamoDB, of each operation on each item in the order in which they were recorded."""

    def __init__(self, exchanges: Sequence[_Exchanged] = ()) -> None:
        self._exchanges = list(exchanges)

    @property
    def calls(self) -> list[str]:
        """The operations, in order."""
        return [item.operation for item in self._exchanges]

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What was sent, in order, as boto3's clients take it."""
        return [json.loads(item.sent) for item in self._exchanges]

    @property
    def answers(self) -> list[dict[str, Any]]:
        """What was answered, in order."""
        return [json.loads(item.content) for item in self._exchanges]

    def only(self, *operations: str, saying: str = "") -> Self:
        """Return what was recorded of some operations, and of these what says so in what was sent."""
        kept = [item for item in self._exchanges if item.operation in operations]
        return type(self)([item for item in kept if saying in json.dumps(json.loads(item.sent))])

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Let moto answer, and keep what was sent and answered."""
        answered = BotocoreStubber.__call__

        def record(stub: BotocoreStubber, event_name: str, request: Any, **options: Any) -> AWSResponse | None:
            answer: AWSResponse | None = answered(stub, event_name, request, **options)
            if answer is not None:
                kept = (request.body, answer.status_code, answer.headers, answer.content)
                self._exchanges.append(_Exchanged(operation(request), *kept))
            return answer

        with patch.object(BotocoreStubber, "__call__", record), _same_names():
            yield

    @contextmanager
    def replaying(self, latency_seconds: float = 0) -> Iterator[None]:
        """Answer from what was kept, each call after so long: a thread beside the worker's reads another item."""
        left: dict[str, deque[_Exchanged]] = defaultdict(deque)
        for item in self._exchanges:
            left[_item(item.operation, item.sent)].append(item)

        def replay(_: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
            answers = left[_item(operation(request), request.body)]
            kept = answers.popleft() if len(answers) > 1 else answers[0]  # who asks more often hears the last again
            time.sleep(latency_seconds)
            answer = AWSResponse(request.url, kept.status, kept.headers, None)
            answer._content = kept.content  # type: ignore[attr-defined] # what `content` returns once it was read
            return answer

        with patch.object(URLLib3Session, "send", replay), _same_names():
            yield
        if unused := sum(len(answers) - 1 for answers in left.values()):
            raise RuntimeError(f"the work ended {unused} calls of DynamoDB before it did when it was recorded")


@contextmanager
def _same_names() -> Iterator[None]:
    """Name each write by its number instead of by chance, as a worker knows its own writes by their names."""
    writes, reservations = count(), count()
    with (
        patch("candle_collector.adapters.dynamodb.item_table.secrets.token_hex", lambda _: f"write {next(writes)}"),
        patch("candle_collector.adapters.dynamodb.rate_limiter_table.uuid4", lambda: UUID(int=next(reservations))),
    ):
        yield


def _item(operation: str, sent: Any) -> str:
    return f"{operation} {json.dumps(json.loads(sent).get('Key'), sort_keys=True)}"


def operation(request: AWSPreparedRequest) -> str:
    """Return which operation of DynamoDB a request asks for."""
    target = request.headers["X-Amz-Target"]
    return (target.decode() if isinstance(target, bytes) else str(target)).partition(".")[2]
