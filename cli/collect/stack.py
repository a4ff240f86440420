"""What runs here, as a collection needs it: its addresses, and what its logs and its exchange say of a run."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import requests
from pydantic import BaseModel, ValidationError

from background.progress import StackError

EXCHANGE_SECONDS = 5


class Stack(BaseModel):
    """What stack.json says: addresses, the key, and `state_dir`, the folder of the exchange."""

    api_url: str
    api_key: str
    exchange_url: str
    exchange: str
    state_dir: Path
    aws_endpoint_url: str | None = None
    database_url: str | None = None
    settings: dict[str, str] = {}


def read_stack(stack_file: Path) -> Stack:
    """Read the file in which the stack says its addresses.

    Raises
    ------
    StackError
        If it is missing or incomplete.
    """
    try:
        return Stack.model_validate_json(stack_file.read_bytes())
    except (OSError, ValidationError) as error:
        raise StackError(f"{stack_file} cannot be read.", "`make up` writes it.") from error


class Exchange:
    """The exchange of the stack, asked for its clock and, where it is ours, for what it counted."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()

    def now(self, otherwise: datetime) -> datetime:
        """Give the exchange's clock (a replay's stands in its recorded past), or `otherwise` if it does not say."""
        answer = self._ask("/api/v3/time")
        moment = answer.get("serverTime")
        return datetime.fromtimestamp(moment / 1000, tz=otherwise.tzinfo) if isinstance(moment, int) else otherwise

    def candle_requests(self) -> int | None:
        """Give the klines requests it has counted since it started, None where it keeps no count (Binance)."""
        by_path = self._ask("/_exchange/stats").get("by_path")
        klines = by_path.get("/api/v3/klines", 0) if isinstance(by_path, dict) else None
        return klines if isinstance(klines, int) else None

    def _ask(self, path: str) -> dict[str, object]:
        try:
            response = self._session.get(self._url + path, timeout=EXCHANGE_SECONDS, allow_redirects=False)
            answer = response.json() if response.ok else None
        except requests.RequestException:
            return {}
        return answer if isinstance(answer, dict) else {}


def worker_cold_starts(logs: Path, since: datetime) -> int | None:
    """Count the workers that started cold since then, by the functions' JSON logs.

    Every line of a process's first invocation says `cold_start: true`, so invocations are counted, not lines.
    None where no worker has logged anything since.
    """
    invocations: set[object] = set()
    cold: set[object] = set()
    for line in _json_lines(logs):
        moment = _moment(line.get("timestamp"))
        if moment is None or moment < since:
            continue
        invocation = line.get("function_request_id")
        invocations.add(invocation)
        if line.get("cold_start") is True:
            cold.add(invocation)
    return len(cold) if invocations else None


def _json_lines(logs: Path) -> Iterator[dict[str, object]]:
    for path in sorted(logs.glob("*worker.log*")):  # the rotated ones too
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    value = json.loads(line)
                except ValueError:
                    continue  # the runtime's own START and REPORT lines
                if isinstance(value, dict):
                    yield value


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
