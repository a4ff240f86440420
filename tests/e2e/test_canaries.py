"""Keys sent through every path of a stack, right and wrong ones: no piece of a secret stays anywhere."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import requests
from candle_collector.api.create_key import create_key
from candle_collector.api.routes import PING, ROUTES, STATUS
from candle_collector.domain.api_key import ApiKey, Scope

from tests.e2e.conftest import KEPT, StackUnderTest
from tests.e2e.runtimes import LOCAL_AWS, aws_alone, core
from tests.e2e.test_keys_matrix import NOWHERE, expire, made
from tests.fakes.keys import KeysInMemory

PIECE = 8

pytestmark = core


@pytest.fixture(scope="module")
def canaries(stack: StackUnderTest) -> list[ApiKey]:
    """Make a key in each state: live ones, a reader's, revoked, expired, and two that nobody made."""
    table = stack.container.keys
    live, reader, revoked, expired = made(table), made(table, Scope.READ), made(table), made(table)
    table.revoke(revoked.key_id, datetime.now(UTC))
    expire(table, expired)
    unknown = create_key(KeysInMemory(), name="canary", scope=Scope.ADMIN, now=datetime.now(UTC))[0]
    return [live, reader, revoked, expired, ApiKey(live.key_id, unknown.secret), unknown]


def carried(text: str) -> list[dict[str, dict[str, str]]]:
    """Return the ways to carry a key."""
    return [
        {"headers": {"X-API-Key": text}},
        {"headers": {"Authorization": f"Bearer {text}"}},
        {"params": {"api_key": text}},
        {"headers": {"X-API-Key": text}, "params": {"api_key": text[:-3]}},
        {"headers": {"X-MBX-APIKEY": text}},
    ]


def miscarried(text: str) -> list[dict[str, dict[str, str]]]:
    """Return what people mistake for a way to carry a key."""
    return [
        {"headers": {"Authorization": f"Basic {base64.b64encode(f'user:{text}'.encode()).decode()}"}},
        {"headers": {"Authorization": text}},
        {"headers": {"Cookie": f"api_key={text}", "User-Agent": text, "X-Forwarded-For": text, "Referer": text}},
        {"params": {"apikey": text, text: "x"}},
    ]


def misplaced(text: str) -> list[tuple[str, str, dict[str, str], bytes | None]]:
    """Return requests, let in by a good key, that hold another where it does not belong."""
    bodies = [
        {"mode": text},
        {"mode": "backward", "symbols": [text]},
        {"mode": "backward", "start_date": text},
        {"mode": "backward", text: True},
    ]
    return [
        *(("POST", "/api/admin/collect/trigger", {}, json.dumps(body).encode()) for body in bodies),
        ("POST", "/api/admin/collect/trigger", {}, text.encode()),
        ("POST", "/api/admin/collect/trigger", {}, (text * 2000).encode()),
        ("POST", f"/api/admin/collect/runs/{text}/retry", {}, None),
        ("POST", f"/api/admin/collect/runs/{text}/cancel", {}, None),
        ("GET", "/api/admin/collect/status", {"run_id": text}, None),
        ("GET", "/api/admin/collect/runs", {"limit": text, "before": text}, None),
        ("GET", "/api/admin/universe", {"date": text}, None),
        ("GET", "/api/admin/coverage", {"after": text}, None),
        ("GET", f"/api/admin/coverage/{text}", {"start_date": text}, None),
        ("GET", "/api/v3/klines", {"symbol": text, "interval": "1h"}, None),
        ("GET", "/api/v3/klines", {"symbol": "BTCUSDT", "interval": text, text: text}, None),
        ("GET", "/api/v3/exchangeInfo", {"symbols": f'["{text}"]'}, None),
        ("GET", f"/api/v3/{text}", {}, None),
    ]


def pieces(keys: list[ApiKey]) -> set[bytes]:
    return {key.secret[at : at + PIECE].encode() for key in keys for at in range(len(key.secret) - PIECE + 1)}


def found_in(content: bytes, wanted: set[bytes]) -> list[str]:
    return sorted(piece.decode() for piece in wanted if piece in content)


@pytest.fixture(scope="module")
def answers(stack: StackUnderTest, canaries: list[ApiKey]) -> list[bytes]:
    """Send the canaries everywhere, and return all that was answered, headers included."""
    session = requests.Session()
    heard: list[bytes] = []

    def ask(method: str, path: str, **more: object) -> None:
        # Nothing is kept between requests, and a key in the query is not carried on.
        answer = session.request(method, stack.api_url + path, timeout=60, allow_redirects=False, **more)  # type: ignore[arg-type] # the shapes of requests
        heard.append(f"{answer.status_code} {answer.headers}".encode() + answer.content)
        assert answer.status_code < 500

    for key in canaries:
        for route in ROUTES if key is canaries[0] else [STATUS, PING]:
            path = route.path.replace("{run_id}", NOWHERE).replace("{symbol}", "NOSUCHUSDT")
            for way in carried(key.text):
                if "X-MBX-APIKEY" not in way.get("headers", {}) or route.is_candles_route:
                    ask(route.method, path, **way)
        ask("GET", "/no/such/route", headers={"Authorization": f"Bearer {key.text}"}, params={"api_key": key.text})
    for way in miscarried(canaries[0].text):
        ask("GET", "/api/v3/ping", **way)
    for key in canaries[1:3]:
        for method, path, params, body in misplaced(key.text):
            ask(method, path, params=params, data=body, headers={"X-API-Key": canaries[0].text})
    return heard


def test_no_answer_holds_a_piece_of_a_secret(answers: list[bytes], canaries: list[ApiKey]) -> None:
    assert len(answers) > 100
    assert found_in(b"\n".join(answers), pieces(canaries)) == []


@pytest.mark.usefixtures("answers")
def test_no_file_of_the_stack_holds_a_piece_of_a_secret(stack: StackUnderTest, canaries: list[ApiKey]) -> None:
    """Logs, tables, queues and whatever else is kept are files; the local AWS's are, once they are saved."""
    tables, expected = "candles.db", {"candles.db", "server.log"}
    if stack.runtime == LOCAL_AWS:
        with urlopen(Request(f"{stack.aws_endpoint_url}/_local/snapshot", method="POST"), timeout=120):  # noqa: S310 - our own address
            pass
        log = f"{stack.reported['stack_name']}-authorizer.log"
        tables, expected = "dynamodb.json", {"dynamodb.json", "sqs.json", log}
    admin = ApiKey.parse(stack.api_key)
    assert admin is not None
    wanted = pieces([*canaries, admin])
    looked_at: list[Path] = []
    for file in sorted(stack.local_dir.rglob("*")):
        holds_the_key = file.name == "stack.json" or file.name.startswith("admin-key-")  # for its owner alone
        was_built = file.relative_to(stack.local_dir).parts[0] in KEPT  # from sources alone, before there was a key
        if file.is_file() and not holds_the_key and not was_built:
            looked_at.append(file)
            assert found_in(file.read_bytes(), wanted) == [], file
    names = {file.name for file in looked_at}
    assert expected <= names
    # the newest pages of an SQLite file lie beside it
    assert any(canaries[0].key_id.encode() in file.read_bytes() for file in looked_at if file.name.startswith(tables))


@aws_alone
@pytest.mark.usefixtures("answers")
def test_no_log_line_table_or_message_holds_a_piece_of_a_secret(stack: StackUnderTest, canaries: list[ApiKey]) -> None:
    """The same, as AWS's own interfaces say it."""
    reported: list[object] = []
    logs = stack.aws.client("logs", endpoint_url=stack.aws_endpoint_url)
    for group in logs.describe_log_groups()["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            reported += [event["message"] for event in page["events"]]
    tables = stack.aws.client("dynamodb", endpoint_url=stack.aws_endpoint_url)
    for name in tables.list_tables()["TableNames"]:
        for items in tables.get_paginator("scan").paginate(TableName=name):
            reported += items["Items"]
    queues = stack.aws.client("sqs", endpoint_url=stack.aws_endpoint_url)
    for url in queues.list_queues()["QueueUrls"]:
        reported += queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get(
            "Messages", []
        )
    assert len(reported) > 100
    assert found_in(repr(reported).encode(), pieces(canaries)) == []
