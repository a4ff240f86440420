"""The calls to the candle table: batches, queries, and writes of what is still as it was read.

Made with botocore's client in the plain wire form: the client's check of every parameter, two thirds of a batch's CPU,
is off (measured).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from candle_collector.adapters.dynamodb.refusals import refusal
from candle_collector.errors import CollectorError

Attributes = Mapping[str, Any]
"""An item, or a part of it, in DynamoDB's own form."""

PAGE_MOST = 366
"""The most items of a page of a query with a limit: as many as fit a page with room to spare."""

_BATCH_MOST = 25
"""The most items of a BatchWriteItem (AWS's limit)."""

_BATCH_TRIES = 16
"""A new table takes 4,000 units a second: with 20 workers 8 tries were too few (tests/model)."""

_WAIT_MOST = 2.5

_MOVED_TRIES = 40
"""20 writers of one item come to their turn in 20 rounds where each tries in each."""

_MOVED_WAIT_MOST = 0.25

_MOVED_CODES = frozenset(
    {
        "ConditionalCheckFailed",
        "ConditionalCheckFailedException",
        "TransactionConflict",  # a transaction with the same item is under way; boto3 does not try again (measured)
        "TransactionConflictException",
    }
)

T = TypeVar("T")


class MovedOnError(CollectorError):
    """An item is not as it was read, or another writer is at it: nothing was changed."""


class CandleItems:
    """The items of the candle table.

    Parameters
    ----------
    table
        Its name.
    client
        A DynamoDB client that checks no parameters: `ItemTable.client`.
    """

    def __init__(self, table: str, *, client: Any, sleep: Callable[[float], None] = time.sleep) -> None:
        self._table = table
        self._client = client
        self._sleep = sleep

    def get(self, series: str, block: str) -> Attributes | None:
        """Return an item as of now; by a query, which every function that reads may do."""
        return next(self.query(series, (block, block), ConsistentRead=True), None)

    def query(
        self, series: str, ends: tuple[str, str] | None, *, attributes: Sequence[str] = (), **options: Any
    ) -> Iterator[Attributes]:
        """Yield the items between two keys, which are included, or all of a series, page after page.

        Parameters
        ----------
        attributes
            Those that come, beside the `block` of the key; all where none are named.
        """
        names = {"#series": "series"}
        values = {":series": {"S": series}}
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "#series = :series",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            **options,
        }
        if ends:
            request["KeyConditionExpression"] += " AND #block BETWEEN :first AND :last"
            values |= {":first": {"S": ends[0]}, ":last": {"S": ends[1]}}
        if attributes:
            request["ProjectionExpression"] = ", ".join(("#block", *attributes))
        if ends or attributes:
            names["#block"] = "block"
        while True:
            page = self._call("query", **request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
            if "Limit" in request:  # blocks without candles lie in between: few calls step over any number of them
                request["Limit"] = min(2 * request["Limit"], PAGE_MOST)

    def put(self, item: Attributes, *, read: Attributes | None, names: Sequence[str]) -> None:
        """Write an item if it is still as it was `read`, by the attributes of these names; None says there was not one.

        Raises
        ------
        MovedOnError
            It is not. So it also ends where it is written, and the reply was lost: whoever reads it again sees it.
        """
        self._call("put_item", **self._conditional(item, read, names))

    def put_both(self, item: Attributes, other: Attributes, *, read: Attributes, names: Sequence[str]) -> None:
        """Write an item as `put` does, and in one step with it another one.

        Raises
        ------
        MovedOnError
            The first is not as it was read; neither is written.
        """
        both = [self._conditional(item, read, names), {"TableName": self._table, "Item": other}]
        self._call("transact_write_items", TransactItems=[{"Put": put} for put in both])

    def put_all(self, items: Sequence[Attributes], fence: Callable[[], None]) -> None:
        """Write items in batches, whatever stands there, and what the table did not take again.

        Raises
        ------
        CollectorError
            It never took some.
        """
        for start in range(0, len(items), _BATCH_MOST):
            left = [{"PutRequest": {"Item": item}} for item in items[start : start + _BATCH_MOST]]
            for attempt in range(_BATCH_TRIES):
                fence()
                answer = self._call("batch_write_item", RequestItems={self._table: left})
                left = answer.get("UnprocessedItems", {}).get(self._table, [])
                if not left:
                    break
                self._wait(0.05 * 2**attempt, _WAIT_MOST)
            if left:
                raise CollectorError(f"the candle table left {len(left)} items unwritten in {_BATCH_TRIES} tries")

    def retried(self, step: Callable[[], T]) -> T:
        """Do a step that reads and writes until nobody has come in between.

        Raises
        ------
        CollectorError
            Somebody has each time.
        """
        for attempt in range(_MOVED_TRIES):
            try:
                return step()
            except MovedOnError:
                self._wait(0.01 * 2**attempt, _MOVED_WAIT_MOST)
        raise CollectorError(
            f"others wrote the same item of the candle table in each of {_MOVED_TRIES} tries; try again"
        )

    def _wait(self, seconds: float, most: float) -> None:
        self._sleep(random.uniform(0, min(most, seconds)))  # noqa: S311 - spreads load, guards nothing

    def _conditional(self, item: Attributes, read: Attributes | None, names: Sequence[str]) -> dict[str, Any]:
        request: dict[str, Any] = {"TableName": self._table, "Item": item}
        if read is None:
            return request | {"ConditionExpression": f"attribute_not_exists({names[0]})"}
        same = [f"{name} = :{name}" if name in read else f"attribute_not_exists({name})" for name in names]
        values = {f":{name}": read[name] for name in names if name in read}
        return request | {"ConditionExpression": " AND ".join(same), "ExpressionAttributeValues": values}

    def _call(self, operation: str, **request: Any) -> Any:
        try:
            return getattr(self._client, operation)(**request)
        except (BotoCoreError, ClientError) as error:
            response = getattr(error, "response", None) or {}  # None where no answer came
            code = response.get("Error", {}).get("Code", "")
            reasons = {reason.get("Code") for reason in response.get("CancellationReasons", ())}
            if _MOVED_CODES & {code, *reasons}:
                raise MovedOnError("an item of the candle table is not as it was read") from error
            raise CollectorError(refusal(f"the candle table refused {operation}", error, code)) from error
