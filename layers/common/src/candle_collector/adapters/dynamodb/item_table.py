"""A table of items and the one connection that all its models share."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, TypeVar

import botocore
from botocore.config import Config
from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.models import Model

from candle_collector.adapters.dynamodb.items import Item
from candle_collector.adapters.dynamodb.refusals import refusal
from candle_collector.errors import CollectorError, StaleTurnError

_USER_AGENT = f"candle-collector Botocore/{botocore.__version__}"
_CONDITION_FAILED = "ConditionalCheckFailed"
_CONFLICT = "TransactionConflict"
_CONFLICT_TRIES = 8

T = TypeVar("T")

M = TypeVar("M", bound=Model)


class ItemTable:
    """A table in DynamoDB, with time-outs that fit into a function's life.

    Parameters
    ----------
    name
        The table's name.
    schema
        A model with the table's keys; those of the runs table where none is given.
    where
        Region, host and credentials as PynamoDB names them; those of the environment where none are given.
    """

    def __init__(
        self,
        name: str,
        schema: type[Model] = Item,
        *,
        connect_timeout_seconds: float = 2,
        read_timeout_seconds: float = 5,
        max_retry_attempts: int = 7,
        where: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        options = {
            "table_name": name,
            "connect_timeout_seconds": connect_timeout_seconds,
            "read_timeout_seconds": read_timeout_seconds,
            "max_retry_attempts": max_retry_attempts,
            **where,
        }
        self._meta = type("Meta", (), options)
        self._table = self._bound(schema, {})._get_connection()  # noqa: SLF001 - PynamoDB has no public way to it
        # botocore puts its own name together twice a call, a quarter of a small call's CPU (measured)
        self.connection.session.set_default_client_config(Config(user_agent=_USER_AGENT))

    @property
    def connection(self) -> Connection:
        """The connection, for transactions."""
        return self._table.connection

    @property
    def client(self) -> Any:
        """The botocore client of the connection, which checks no parameters."""
        return self.connection.client

    def model(self, model: type[M]) -> type[M]:
        """Return a model as one of this table, on its connection: a client of its own costs 55 to 84 ms of CPU."""
        return self._bound(model, {"_connection": self._table})

    def _bound(self, model: type[M], members: dict[str, Any]) -> type[M]:
        bound: type[M] = type(model)(  # type: ignore[misc] # a class made at run time
            model.__name__, (model,), {"Meta": self._meta, "__module__": model.__module__, **members}
        )
        return bound


class _ConflictError(CollectorError):
    """Another write of the same item was under way: nothing was changed, and boto3 does not try again (measured)."""


def new_revision() -> str:
    """Return the name of a write: by it a write whose reply was lost is known from somebody else's."""
    return secrets.token_hex(8)


def write(step: Callable[[], T]) -> T:
    """Do a write, again where another of the same item was under way, and translate its errors."""
    for attempt in range(_CONFLICT_TRIES):
        try:
            with translate_errors():
                return step()
        except _ConflictError:
            time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - spreads load, guards nothing
    raise CollectorError(f"the runs table was busy with the same item {_CONFLICT_TRIES} times; try again")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn PynamoDB's errors into ours: a condition that failed is a stale turn."""
    try:
        yield
    except PynamoDBException as error:
        reasons = error.cancellation_reasons if isinstance(error, TransactWriteError) else ()
        # PynamoDB's own property fails where there was no answer at all, such as after a time-out
        response = getattr(error.cause, "response", None) or {}
        codes = [response.get("Error", {}).get("Code") or "", *(reason.code for reason in reasons if reason)]
        if any(_CONDITION_FAILED in code for code in codes):
            raise StaleTurnError(str(error)) from error
        if any(_CONFLICT in code for code in codes):
            raise _ConflictError(str(error)) from error
        raise CollectorError(refusal("the runs table refused", error, *codes)) from error
