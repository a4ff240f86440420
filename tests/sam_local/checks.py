"""What the functions must answer in Lambda's image: the same as the local stack, whose tables they work on."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from background.places import PROJECT
from background.progress import StackError, step
from cli.client import CollectorApi
from tests.sam_local.functions import SamLocal

EVENTS = PROJECT / "events"
KEY = "cck_0000000000_THE-KEY-OF-THE-STACK"
RUN_ID = re.compile(r"01[0-9A-HJKMNP-TV-Z]{24}")
SYMBOL, DAY, HOURS = "BTCUSDT", "2025-01-01", 24
ENDS_WITHIN_S, ANSWERS_WITHIN_S, STARTS_WITHIN_S = 120, 60, 60


@dataclass(frozen=True)
class Stack:
    """The local stack: where its API is, its key, and a run of it that has ended."""

    url: str
    key: str
    run_id: str

    def ask(self, path: str) -> Any:
        """Return what its API answers."""
        return requests.get(self.url + path, headers={"X-API-Key": self.key}, timeout=ANSWERS_WITHIN_S).json()


def collected(url: str, key: str) -> Stack:
    """Let the local stack collect a day, so that there is something to answer.

    Raises
    ------
    StackError
        It does not end.
    """
    api = CollectorApi(url, key)
    started = api.trigger({"mode": "backward", "symbols": [SYMBOL], "start_date": DAY, "end_date": DAY})
    deadline = time.monotonic() + ENDS_WITHIN_S
    while api.status(started.run_id).is_running:
        if time.monotonic() > deadline:
            raise StackError(f"The run {started.run_id} does not end.", "see the functions' logs.")
        time.sleep(1)
    return Stack(url, key, started.run_id)


def event(name: str, stack: Stack) -> dict[str, Any]:
    """Return an event that was taken from a real run, with the key and a run of this stack in place of that one's."""
    text = (EVENTS / f"{name}.json").read_text().replace(KEY, stack.key)
    read: dict[str, Any] = json.loads(RUN_ID.sub(stack.run_id, text))
    return read


def _body(answer: Any) -> Any:
    return {"status": answer["statusCode"], "body": json.loads(answer["body"])}


def _admits(answer: Any) -> bool:
    return bool(answer["policyDocument"]["Statement"][0]["Effect"] == "Allow" and answer["context"]["scope"] == "admin")


def check_functions(sam: SamLocal, stack: Stack) -> None:
    """Invoke each function once, with an event of a real run.

    Raises
    ------
    StackError
        One answers something else than it must.
    """
    candles = f"/api/v3/klines?symbol={SYMBOL}&interval=1h&limit=3"
    stored = stack.ask("/api/admin/system/info")["store"]
    expectations: dict[str, Callable[[Any], bool]] = {
        "Authorizer": _admits,
        "Trigger": lambda answer: (_body(answer)["status"], _body(answer)["body"]["dry_run"]) == (200, True),
        "Worker": lambda answer: bool(answer == {"batchItemFailures": []}),
        "Status": lambda answer: (_body(answer)["status"], _body(answer)["body"]["store"]) == (200, stored),
        "Candles": lambda answer: _body(answer) == {"status": 200, "body": stack.ask(candles)},
        "Reconciler": lambda answer: bool(answer == {"resent": 0, "closed": 0}),
    }
    for function, is_right in expectations.items():
        with step(f"sam local invoke {function}Function"):
            answer = sam.invoke(function, event(function.lower(), stack))
        _hold(function, answer, right="errorMessage" not in answer and is_right(answer))


@contextmanager
def started_api(sam: SamLocal, port: int) -> Iterator[str]:
    """Run `sam local start-api`, and give its address.

    Raises
    ------
    StackError
        It does not come up.
    """
    log = sam.folder / "start-api.log"
    words = ["sam", "local", "start-api", "--host", "127.0.0.1", "--port", str(port), "--warm-containers", "LAZY"]
    url = f"http://127.0.0.1:{port}"
    with (
        log.open("wb") as lines,
        subprocess.Popen([*words, *sam.options], env=sam.environment, cwd=PROJECT, stdout=lines, stderr=lines) as api,
    ):
        try:
            deadline = time.monotonic() + STARTS_WITHIN_S
            while not _answers(url):
                if time.monotonic() > deadline or api.poll() is not None:
                    raise StackError("sam local start-api does not come up.", f"see {log}.")
                time.sleep(0.5)
            yield url
        finally:
            # An interrupt lets it remove its containers.
            api.send_signal(signal.SIGINT)


def _answers(url: str) -> bool:
    try:
        requests.get(f"{url}/no-route", timeout=ANSWERS_WITHIN_S)
    except requests.ConnectionError:
        return False
    return True


def check_api(sam: SamLocal, stack: Stack, port: int) -> None:
    """Ask the API that `sam local` serves, with its authorizer, for what the local stack answers as well.

    Raises
    ------
    StackError
        It answers something else than it must.
    """
    candles = f"/api/v3/klines?symbol={SYMBOL}&interval=1h&startTime=1735689600000&limit={HOURS}"
    wrong = stack.key[:-1] + ("0" if stack.key[-1] != "0" else "1")
    with started_api(sam, port) as url, step("sam local start-api, and what it answers"):
        for headers, path in (
            ({"X-API-Key": stack.key}, candles),
            ({"Authorization": f"Bearer {stack.key}"}, candles),
            ({"X-MBX-APIKEY": stack.key}, candles),
            ({}, f"{candles}&api_key={stack.key}"),
            ({"X-API-Key": stack.key}, f"/api/admin/collect/status?run_id={stack.run_id}"),
            ({"X-API-Key": stack.key}, f"/api/admin/coverage/{SYMBOL}?start_date={DAY}&end_date={DAY}"),
            ({"X-API-Key": stack.key}, "/openapi.json"),
        ):
            answer = requests.get(url + path, headers=headers, timeout=ANSWERS_WITHIN_S)
            reported, must_be = answer.json(), stack.ask(path.partition("&api_key")[0])
            for item in (reported, must_be):
                if isinstance(item, dict):
                    item.pop("timestamp", None)
            _hold(
                f"GET {path.partition('?')[0]} with {list(headers) or 'api_key'}",
                reported,
                right=reported == must_be != [],
            )
        refused = requests.get(url + candles, headers={"X-API-Key": wrong}, timeout=ANSWERS_WITHIN_S)
        _hold("GET with a wrong key", refused.text, right=refused.status_code == requests.codes.forbidden)
        # sam local makes a 502 of the exception by which an authorizer has API Gateway answer 401.
        missing = requests.get(url + candles, timeout=ANSWERS_WITHIN_S)
        _hold("GET without a key", missing.text, right=missing.status_code in {401, 502} and "BTC" not in missing.text)


def _hold(what: str, answer: Any, *, right: bool) -> None:
    if not right:
        raise StackError(f"{what} answered what it must not: {json.dumps(answer)[:600]}")
