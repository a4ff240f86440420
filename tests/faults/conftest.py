"""Gives the fault tests the end-to-end tests' stack, and the means to hurt it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from boto3.dynamodb.conditions import Key

from tests.e2e.conftest import StackUnderTest, exchange, stack  # noqa: F401 - fixtures are found here by their names
from tests.e2e.driving import RUNS, STATUS, Api, until
from tests.e2e.runtimes import LOCAL_AWS

BLOCK = {"#block": "block"}


@pytest.fixture(scope="session")
def runtime() -> str:
    """Return what all of them hurt: the template on the local AWS."""
    return LOCAL_AWS


@pytest.fixture
def api(stack: StackUnderTest) -> Api:  # noqa: F811 - the fixture of that name
    return Api(stack)


@pytest.fixture(autouse=True)
def _as_new(stack: StackUnderTest, api: Api, reconciler: Callable[[], dict[str, Any]]) -> None:  # noqa: F811 - the fixture of that name
    """Let each test begin with no active run, no candle, and nothing noted of any series."""
    left = api.get(STATUS).json()
    if left["is_running"]:  # by a test that failed
        assert api.post(f"{RUNS}/{left['run_id']}/cancel").status_code == 200
        # what a dead worker holds ends when its claim is over
        until(lambda: bool(reconciler()) and not api.status(left["run_id"])["is_running"], "it has not ended", poll_s=3)
    tables: Any = stack.aws.resource("dynamodb", endpoint_url=stack.aws_endpoint_url)
    everything = tables.meta.client.get_paginator("scan").paginate(
        TableName=stack.output("CandlesTableName"),
        ProjectionExpression="series, #block",
        ExpressionAttributeNames=BLOCK,
    )
    with tables.Table(stack.output("CandlesTableName")).batch_writer() as candles:
        for page in everything:
            for key in page["Items"]:
                candles.delete_item(Key=key)
    runs = tables.Table(stack.output("RunsTableName"))
    with runs.batch_writer() as batch:
        for series in runs.query(KeyConditionExpression=Key("pk").eq("SERIES"))["Items"]:
            batch.delete_item(Key={"pk": series["pk"], "sk": series["sk"]})


@pytest.fixture
def reconciler(stack: StackUnderTest) -> Callable[[], dict[str, Any]]:  # noqa: F811 - the fixture of that name
    """Give a function that lets the reconciler make its round now; on the schedule it comes every five minutes."""
    functions: Any = stack.aws.client("lambda", endpoint_url=stack.aws_endpoint_url)
    name = f"{stack.reported['stack_name']}-reconciler"

    def round_now() -> dict[str, Any]:
        answer = functions.invoke(FunctionName=name, Payload=b"{}")
        reported = answer["Payload"].read()
        assert "FunctionError" not in answer, reported
        reconciled: dict[str, Any] = json.loads(reported)
        return reconciled

    return round_now
