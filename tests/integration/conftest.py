"""AWS in this process: moto, with the tables and the queue as the template has them; and databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend

from tests.explore import quick_moto
from tests.integration.databases import database, module_database, new_postgres_url, postgres_server, postgres_url

__all__ = ["database", "module_database", "new_postgres_url", "postgres_server", "postgres_url"]

TABLES = {"candles": ("series", "block"), "runs": ("pk", "sk"), "keys": ("key_id",)}


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    """Mock AWS for a module, whose adapters may live as long: making a client is what takes time."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
            patch.setenv(name, "eu-central-1")
        _make_writes_atomic(patch)
        quick_moto.install(patch)
        with mock_aws():
            yield
        client.cache_clear()


def _make_writes_atomic(patch: pytest.MonkeyPatch) -> None:
    """Let moto's tables check and write in one step, as DynamoDB does: threads would else come in between.

    What is read, or answered to an update, is a copy: moto gives the item itself, which others change meanwhile.
    """
    lock = threading.RLock()

    def locked(operation: Callable[..., Any], copied: Callable[[Any], Any]) -> Callable[..., Any]:
        def one_at_a_time(*arguments: Any, **options: Any) -> Any:
            with lock:
                return copied(operation(*arguments, **options))

        return one_at_a_time

    for name in ("get_item", "put_item", "update_item", "delete_item", "transact_write_items"):
        copied = deepcopy if name in {"get_item", "update_item"} else lambda answer: answer
        patch.setattr(DynamoDBBackend, name, locked(getattr(DynamoDBBackend, name), copied))


@cache
def client(service: str) -> Any:
    """Return a client of the module's AWS."""
    return boto3.client(service)  # type: ignore[call-overload] # the service's name comes as text


@pytest.fixture
def tables(aws: None) -> Iterator[None]:
    """Make the tables, and drop them with all that is in them."""
    assert aws is None
    dynamodb = client("dynamodb")
    for table, keys in TABLES.items():
        dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        )
    yield
    for table in TABLES:
        dynamodb.delete_table(TableName=table)


@pytest.fixture
def queue_url(aws: None) -> Iterator[str]:
    """Make the workers' queue, and drop it."""
    assert aws is None
    url = str(client("sqs").create_queue(QueueName="collect")["QueueUrl"])
    yield url
    client("sqs").delete_queue(QueueUrl=url)
