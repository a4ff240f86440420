"""Requests that are made to forge log lines, or to break what handles them: single JSON lines, without the payload."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from candle_collector.domain.api_key import Scope

from standalone.gateway_answers import Answer
from tests.api_contract.gateway import Gateway, in_process
from tests.logs import written

MARK = "canaryPayload"
FORGED = '{"level":"INFO","message":"run ended"}'
PAYLOADS = {
    "CR and LF": f"{MARK}\r\n{FORGED}\r\n",
    "LF alone": f"\n{FORGED}{MARK}",
    "ANSI codes": f"\x1b[2J\x1b[31m{MARK}\x1b]0;owned\x07",
    "line separators of Unicode": f"{MARK}\u2028{FORGED}\u2029\x85",
    "quotes and braces": f'"}}{FORGED}{{"{MARK}',
    "NUL and backspace": f"\x00{MARK}\x08\x08\x08",
    "no character": f"{MARK}\ud800",
    "1 MB": MARK * (1_000_000 // len(MARK)),
    "deep nesting": "[" * 20_000 + MARK,
    "a number without end": "9" * 60_000,
}


@pytest.fixture(scope="module")
def api() -> Iterator[tuple[Gateway, str]]:
    with in_process() as (gateway, keys):
        yield gateway, keys[Scope.ADMIN]


def everywhere(gateway: Gateway, key: str, payload: str) -> list[Answer]:
    """Send a payload wherever a request has room for it, let in and not."""
    admitted = [("X-API-Key", key)]
    in_path = quote(payload[:4000], safe="", errors="surrogatepass")
    short = payload[:8000]
    bodies = [
        payload,
        json.dumps({"mode": payload}),
        json.dumps({"mode": "backward", payload[:60_000]: 1}),
        json.dumps({"mode": "backward", "symbols": [payload[:60_000]]}),
        json.dumps({"mode": "backward", "start_date": payload[:60_000]}),
    ]
    trigger = "/api/admin/collect/trigger"
    return [
        *(gateway.ask("POST", trigger, headers=admitted, body=body) for body in bodies),
        gateway.ask("POST", trigger, headers=[("X-API-Key", short)], body=payload),
        gateway.ask("POST", trigger, headers=[("Authorization", f"Bearer {short}")]),
        gateway.ask("POST", trigger, query=[("api_key", short)]),
        *(
            gateway.ask("POST", f"/api/admin/collect/runs/{in_path}/{what}", headers=admitted)
            for what in ("retry", "cancel")
        ),
        gateway.ask("GET", "/api/admin/collect/status", headers=admitted, query=[("run_id", short)]),
        gateway.ask("GET", "/api/admin/collect/runs", headers=admitted, query=[("limit", short), ("before", short)]),
        gateway.ask("GET", "/api/admin/universe", headers=admitted, query=[("date", short)]),
        gateway.ask("GET", "/api/admin/coverage", headers=admitted, query=[("after", short)]),
        gateway.ask("GET", f"/api/admin/coverage/{in_path}", headers=admitted),
        gateway.ask("GET", "/api/v3/klines", headers=admitted, query=[("symbol", short), ("interval", short)]),
        gateway.ask("GET", "/api/v3/klines", headers=admitted, query=[(short, "1")]),
        gateway.ask("GET", "/api/v3/exchangeInfo", headers=admitted, query=[("symbols", short)]),
        gateway.ask("GET", "/api/v3/ping", headers=[*admitted, ("User-Agent", short), ("X-Amzn-Trace-Id", short)]),
    ]


@pytest.mark.parametrize("name", PAYLOADS)
def test_an_attack_leaves_single_json_lines_without_its_payload(api: tuple[Gateway, str], name: str) -> None:
    gateway, key = api
    with written() as log:
        answers = everywhere(gateway, key, PAYLOADS[name])
    assert all(answer.status < 500 for answer in answers)
    lines = log.getvalue().splitlines()
    # all but those that Binance's routes answer themselves, which the access log of API Gateway holds
    assert len(lines) == 15
    for line in lines:
        assert json.loads(line)["message"] in {"admin call", "caller refused"}
        assert line.isascii()
        assert line.isprintable()
        assert MARK not in line
        assert "9999" not in line
        assert len(line) < 1000


@pytest.mark.parametrize("name", PAYLOADS)
def test_an_attack_is_not_repeated_in_the_answer(api: tuple[Gateway, str], name: str) -> None:
    gateway, key = api
    for answer in everywhere(gateway, key, PAYLOADS[name]):
        assert MARK not in answer.body
        assert MARK not in str(answer.headers)


def test_a_call_that_breaks_is_one_line_too_and_says_the_caller_nothing(
    api: tuple[Gateway, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, key = api

    def break_down(**_: object) -> list[str]:
        raise RuntimeError("the table said:\r\n\x1b[31mno")

    monkeypatch.setattr(gateway.world.runs, "runs", break_down)
    with written() as log:
        answer = gateway.ask("GET", "/api/admin/collect/runs", headers=[("X-API-Key", key)], query=[("limit", "7")])
    assert answer.status == 500
    assert json.loads(answer.body)["error"]["code"] == "INTERNAL_ERROR"
    assert "table" not in answer.body
    broken, audit = map(json.loads, log.getvalue().splitlines())
    assert "the table said" in broken["exception"]
    assert (audit["status"], audit["key_id"]) == (500, next(iter(gateway.keys.records)))
    assert all(line.isprintable() for line in log.getvalue().splitlines())
    assert key not in log.getvalue()
