"""`make smoke STACK=name`: collects two symbols for two days on a deployed stack through its API, and reads them back.

It says whether the exchange answers from the stack's region, and what it cost. Its key is made for this and revoked in
the end.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import requests
from candle_collector.adapters.dynamodb.keys_table import KeysTable
from candle_collector.api.create_key import create_key
from candle_collector.domain.api_key import Scope

from cli.aws_stack import AwsStack
from cli.collect.stack import read_stack
from localstack.places import Places
from localstack.progress import StackError, say

SYMBOLS = ("BTCUSDT", "ETHUSDT")
DAYS = 2
HOURS = DAYS * 24
KEY_LIVES = timedelta(hours=1)
ANSWERS_WITHIN_S = 60
ENDS_WITHIN_S = 300
TRIGGER = "/api/admin/collect/trigger"


class Api:
    """The stack's API.

    Parameters
    ----------
    url
        Its base, without a slash at the end.
    """

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["X-API-Key"] = key

    def ask(self, method: str, path: str, **arguments: Any) -> Any:
        """Return the body of an answer.

        Raises
        ------
        StackError
            The API does not answer, or refuses.
        """
        try:
            answer = self._session.request(method, self._url + path, timeout=ANSWERS_WITHIN_S, **arguments)
            told = answer.json()
        except requests.RequestException as error:
            raise StackError(f"The API does not answer at {self._url}{path}: {error}.") from error
        if answer.ok:
            return told
        refusal = told.get("error", {})
        if refusal.get("code") == "EXCHANGE_UNAVAILABLE":
            raise StackError(
                f"The exchange does NOT answer from this stack's region: {refusal['message']}",
                "another ExchangeBaseUrl (https://data-api.binance.vision is the default) or region; docs/deploy.md.",
            )
        raise StackError(f"{method} {path} is answered {answer.status_code}: {refusal}.")


@contextmanager
def key_for_this(stack: AwsStack, table: str) -> Iterator[str]:
    """Make an admin key of the stack, and revoke it in the end."""
    os.environ.update(stack.environment)  # the adapter takes region, endpoint and credentials from there
    keys = KeysTable(table)
    now = datetime.now(UTC)
    key, _ = create_key(keys, name="make smoke", scope=Scope.ADMIN, now=now, expires_at=now + KEY_LIVES)
    try:
        yield key.text
    finally:
        keys.revoke(key.key_id, datetime.now(UTC))


def url_of(stack: AwsStack, outputs: dict[str, str]) -> str:
    """Return where the stack's API is reached."""
    return read_stack(Places.from_environment().stack_file).api_url if stack.is_local else outputs["ApiUrl"]


def main(name: str) -> int:
    """Try the stack; 0 if it collected and answered everything."""
    if not name:
        say("Which stack? make smoke STACK=candle-collector-dev")
        return 1
    try:
        stack = AwsStack.named(name)
        outputs = stack.outputs()
        with key_for_this(stack, outputs["KeysTableName"]) as key:
            smoke(Api(url_of(stack, outputs), key))
    except StackError as error:
        say(str(error))
        return 1
    return 0


def smoke(api: Api) -> None:
    """Collect and read back.

    Raises
    ------
    StackError
        Something is not as it must be.
    """
    info = api.ask("GET", "/api/admin/system/info")
    say(f"{info['service']} {info['version']}, stage {info['stage']}, exchange {info['exchange']['base_url']}")
    asked: dict[str, Any] = {"mode": "backward", "symbols": list(SYMBOLS)}
    # The last whole days by the exchange's clock, which a dry run tells.
    last = date.fromisoformat(api.ask("POST", TRIGGER, json=asked | {"dry_run": True})["end_date"])
    say("The exchange answers from this stack's region.")
    first = last - timedelta(days=DAYS - 1)
    asked |= {"start_date": first.isoformat(), "end_date": last.isoformat()}
    plan = api.ask("POST", TRIGGER, json=asked | {"dry_run": True})
    began = time.monotonic()
    run_id = api.ask("POST", TRIGGER, json=asked)["run_id"]
    results = _ended(api, run_id)
    seconds = time.monotonic() - began
    outcomes = {one["symbol"]: one["status"] for one in results["details"]}
    say(f"Run {run_id}: {outcomes}, {results['total_records']} candles stored, {seconds:.1f} s")
    if set(outcomes.values()) - {"complete", "skipped"}:
        errors = [one["error"] for one in results["details"] if one["error"]]
        raise StackError(f"Not all was collected: {errors}.", "the worker's log says more.")
    for symbol in SYMBOLS:
        _read_back(api, symbol, first, last)
    say(f"Read back: {len(SYMBOLS)} x {HOURS} hours, every one stored or known never to have been printed.")
    requests_made = sum(one["requests"] for one in results["details"])
    parts = ", ".join(f"{what} {dollars:.6f}" for what, dollars in plan["dollars"].items())
    dollars = plan["estimated_dollars"]
    say(f"Cost: {requests_made} requests for candles; about {dollars:.6f} US dollars at list prices ({parts}).")


def _ended(api: Api, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + ENDS_WITHIN_S
    while True:
        status = api.ask("GET", "/api/admin/collect/status", params={"run_id": run_id})
        if not status["is_running"]:
            results: dict[str, Any] = status["last_results"]
            return results
        if time.monotonic() > deadline:
            raise StackError(f"Run {run_id} has not ended after {ENDS_WITHIN_S} s.", "the worker's log says why.")
        time.sleep(1)


def _read_back(api: Api, symbol: str, first: date, last: date) -> None:
    start = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1000)
    asked = {"symbol": symbol, "interval": "1h", "startTime": start, "limit": HOURS}
    rows = [row for row in api.ask("GET", "/api/v3/klines", params=asked) if row[0] < start + HOURS * 3_600_000]
    days = {"start_date": first.isoformat(), "end_date": last.isoformat()}
    coverage = api.ask("GET", f"/api/admin/coverage/{symbol}", params=days)
    never = coverage["never_printed_hours"]
    in_order = all(earlier[0] < later[0] for earlier, later in pairwise(rows))
    if len(rows) + never != HOURS or coverage["missing_hours"] or not in_order:
        raise StackError(f"{symbol}: {len(rows)} candles come back, {never} were never printed, of {HOURS} hours.")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
