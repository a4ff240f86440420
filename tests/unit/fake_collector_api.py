"""A collector's API and its exchange, synthetic for the tests of the progress display and served over real HTTP."""

import json
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

RUN = "01KAS3ZJ5V"
REPLAY_CLOCK = datetime(2026, 1, 1, tzinfo=UTC)


def symbol(name: str, status: str, records: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "symbol": name,
        "interval": "1h",
        "status": status,
        "wanted_candles": None,
        "records": records,
        "requests": 1,
        "retries": 0,
        "missing": [],
        "missing_candles": 0,
        "error": None,
        "first": None,
        "last": None,
        "compared": None,
        "different": None,
        "repaired": None,
        "denied": None,
        "differences": None,
        **more,
    }


def status(*symbols: dict[str, Any], running: bool = False, mode: str = "backward") -> dict[str, Any]:
    def count(name: str) -> int:
        return sum(item["status"] == name for item in symbols)

    ended = {name: count(name) for name in ("complete", "partial", "failed", "skipped")}
    done = sum(ended.values())
    return {
        "is_running": running,
        "status": "running" if running else "idle",
        "current_operation": mode if running else None,
        "run_id": RUN,
        "start_time": "2026-11-23T10:00:00Z",
        "elapsed_seconds": 3.0 if running else None,
        "timestamp": "2026-11-23T10:00:04Z",
        "progress": {"done": done, "total": len(symbols), "percent": 100 * done / len(symbols), "eta_seconds": 3.0},
        "waiting_for_exchange_until": None,
        "last_results": {
            "run_id": RUN,
            "mode": mode,
            "start_date": "2025-10-03",
            "end_date": "2025-12-31",
            "note": None,
            "total_cryptos": len(symbols),
            **ended,
            "ended_at": None if running else "2026-11-23T10:00:04Z",
            "end_reason": None,
            "total_records": sum(item["records"] for item in symbols),
            "details": list(symbols),
        },
    }


class FakeApi:
    """The API and the exchange at one address; each list of answers is given out in order, its last one again."""

    def __init__(self) -> None:
        self.trigger: tuple[int, Any] = (
            202,
            {
                "success": True,
                "message": "Collection task started: backward",
                "mode": "backward",
                "run_id": RUN,
                "start_date": "2025-10-03T00:00:00Z",
                "end_date": "2025-12-31T23:00:00Z",
                "total_cryptos": 2,
                "intervals": ["1h"],
                "status_endpoint": "/api/admin/collect/status",
                "estimated_minutes": 0.02,
                "status_url": f"http://127.0.0.1/api/admin/collect/status?run_id={RUN}",
                "note": None,
            },
        )
        self.statuses: list[tuple[int, Any]] = []
        self.klines_counts: list[int] = [10, 16]
        self.requested: list[tuple[str, Any, str | None]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "null"))

            def log_message(self, *arguments: object) -> None:
                """Keep the tests' output clean."""

            def _answer(self, body: Any) -> None:
                http_status, answer = api.answer(self.path, body, self.headers["X-API-Key"])
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(http_status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, target: str, body: Any, key: str | None) -> tuple[int, Any]:
        path = urlsplit(target).path
        self.requested.append((target, body, key))
        if path == "/api/admin/collect/trigger" or path.endswith("/retry"):
            return self.trigger
        if path == "/api/admin/collect/status":
            assert parse_qs(urlsplit(target).query)["run_id"] in ([RUN], ["OTHER"])
            return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if path == "/api/v3/time":
            return 200, {"serverTime": int(REPLAY_CLOCK.timestamp() * 1000)}
        if path == "/_exchange/stats" and self.klines_counts:
            count = self.klines_counts.pop(0) if len(self.klines_counts) > 1 else self.klines_counts[0]
            return 200, {"requests": 99, "by_path": {"/api/v3/klines": count}}
        return 404, {}

    def bodies_triggered(self) -> list[Any]:
        return [body for target, body, _ in self.requested if "trigger" in target]
