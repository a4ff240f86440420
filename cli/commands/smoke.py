"""`candles smoke`: collects two symbols for two days on a deployed stack and reads them back through its API.

Of a stack on AWS it also holds what AWS says of it to the template.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from botocore.exceptions import BotoCoreError, ClientError
from candle_collector.answers import Results
from candle_collector.api.create_key import create_key
from candle_collector.domain.api_key import Scope

from background.places import Places
from background.progress import StackError, say
from cli import as_deployed
from cli.client import ApiRefusedError, CollectorApi
from cli.collect.stack import read_stack
from cli.collect.wording import requests_of
from cli.homes import add_place_arguments
from cli.stacks import AwsStack

SYMBOLS = ("BTCUSDT", "ETHUSDT")
DAYS = 2
HOURS = DAYS * 24
KEY_LIVES = timedelta(hours=1)
ENDS_WITHIN_S = 300


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `candles smoke` takes."""
    parser.add_argument("stack_name", metavar="STACK", help="such as candle-collector-dev")
    add_place_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Try the stack; 0 if it collected and answered everything."""
    stack = AwsStack.named(arguments.stack_name, region=arguments.region, profile=arguments.profile)
    with key_for_this(stack) as key:
        smoke(CollectorApi(url_of(stack), key))
    if not stack.is_local:
        check_as_deployed(stack)
    return 0


@contextmanager
def key_for_this(stack: AwsStack) -> Iterator[str]:
    """Make an admin key of the stack, and revoke it in the end."""
    keys = stack.keys()
    now = datetime.now(UTC)
    key, _ = create_key(keys, name="candles smoke", scope=Scope.ADMIN, now=now, expires_at=now + KEY_LIVES)
    try:
        yield key.text
    finally:
        keys.revoke(key.key_id, datetime.now(UTC))


def url_of(stack: AwsStack) -> str:
    """Return where the stack's API is reached.

    Raises
    ------
    StackError
        Another home runs on this machine.
    """
    if not stack.is_local:
        return stack.outputs()["ApiUrl"]
    running = read_stack(Places.from_environment().stack_file)
    if running.aws_endpoint_url is None:
        raise StackError("The local AWS does not run here.", "`make up ON=local-aws` starts it.")
    return running.api_url


def smoke(api: CollectorApi) -> None:
    """Collect and read back.

    Raises
    ------
    StackError
        Something is not as it must be.
    """
    info = api.system_info()
    say(f"{info.service} {info.version}, stage {info.stage}, exchange {info.exchange.base_url}")
    body: dict[str, object] = {"mode": "backward", "symbols": list(SYMBOLS)}
    last = _last_whole_day(api, body)
    first = last - timedelta(days=DAYS - 1)
    body |= {"start_date": first.isoformat(), "end_date": last.isoformat()}
    plan = api.plan(body)
    began = time.monotonic()
    run_id = api.trigger(body).run_id
    results = _ended(api, run_id)
    outcomes = {result.symbol: result.status for result in results.details}
    seconds = time.monotonic() - began
    say(f"Run {run_id}: {outcomes}, {results.total_records} candles stored, {seconds:.1f} s")
    if set(outcomes.values()) - {"complete", "skipped"}:
        errors = [result.error for result in results.details if result.error]
        raise StackError(f"Not all was collected: {errors}.", "the worker's log says more.")
    for symbol in SYMBOLS:
        _read_back(api, symbol, first, last)
    say(f"Read back: {len(SYMBOLS)} x {HOURS} hours, every one stored or known never to have been printed.")
    parts = ", ".join(f"{what} {dollars:.6f}" for what, dollars in plan.dollars.items())
    dollars = plan.estimated_dollars
    say(f"Cost: {requests_of(results)} requests for candles; about {dollars:.6f} US dollars at list prices ({parts}).")


def check_as_deployed(stack: AwsStack) -> None:
    """Hold what AWS says of the stack to the template, and print what is left for a person to look at.

    Raises
    ------
    StackError
        Something is otherwise, or CloudFormation does not list the stack.
    """
    try:
        looks, refused = as_deployed.look(stack)
    except (BotoCoreError, ClientError) as error:
        raise StackError(
            f"What the stack {stack.name} consists of cannot be read: {error}.",
            "allow cloudformation:DescribeStacks and cloudformation:ListStackResources.",
        ) from error
    wrong = [look for look in looks if look.found != look.wanted]
    say(f"On AWS: {len(looks) - len(wrong)} of {len(looks)} things are as the template says.")
    for sentence in refused:
        say(f"  not asked   {sentence}")
    say("What nobody but a person can look at:")
    for sentence in as_deployed.FOR_PEOPLE:
        say(f"  - {sentence.replace('STACK', stack.name)}")
    if wrong:
        named = "; ".join(f"{look.what}: {look.found}, and not {look.wanted}" for look in wrong)
        raise StackError(f"AWS has it otherwise than the template says: {named}.", "deploy the stack again.")


def _last_whole_day(api: CollectorApi, body: dict[str, object]) -> date:
    """Return the last whole day by the exchange's clock, which a dry run reports.

    Raises
    ------
    StackError
        The exchange does not answer from where the stack runs.
    """
    try:
        last = date.fromisoformat(api.plan(body).end_date)
    except ApiRefusedError as error:
        if error.refusal.code != "EXCHANGE_UNAVAILABLE":
            raise
        raise StackError(
            f"The exchange does NOT answer from this stack's region: {error.refusal.message}",
            "another ExchangeBaseUrl (https://data-api.binance.vision is the default) or region; docs/deploy.md.",
        ) from error
    say("The exchange answers from this stack's region.")
    return last


def _ended(api: CollectorApi, run_id: str) -> Results:
    deadline = time.monotonic() + ENDS_WITHIN_S
    while True:
        status = api.status(run_id)
        if not status.is_running and status.last_results:
            return status.last_results
        if time.monotonic() > deadline:
            raise StackError(f"Run {run_id} has not ended after {ENDS_WITHIN_S} s.", "the worker's log says why.")
        time.sleep(1)


def _read_back(api: CollectorApi, symbol: str, first: date, last: date) -> None:
    start = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1000)
    end = start + HOURS * 3_600_000
    times = [int(row[0]) for row in api.klines(symbol, start_ms=start, limit=HOURS)]
    times = [opened for opened in times if opened < end]
    coverage = api.coverage(symbol, start=first.isoformat(), end=last.isoformat())
    never = coverage.never_printed_candles
    in_order = all(earlier < later for earlier, later in pairwise(times))
    if len(times) + never != HOURS or coverage.missing_candles or not in_order:
        raise StackError(f"{symbol}: {len(times)} candles come back, {never} were never printed, of {HOURS} hours.")
