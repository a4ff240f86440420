"""The candle table: one item for each series and UTC day, each hour a line of text in an attribute of its own.

Written with botocore's client in the plain wire form: a day has up to 24 attributes that no model lists better, and the
client's check of every parameter, two thirds of a batch's CPU, is off (measured).
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from candle_collector.adapters.dynamodb.refusals import refusal
from candle_collector.domain import windows
from candle_collector.domain.candle import INTERVAL, Candle, candle_from_line
from candle_collector.domain.candle_columns import CandleColumns, columns_of
from candle_collector.domain.progress import Revision
from candle_collector.domain.windows import HOURS_A_DAY, Window, Windows
from candle_collector.errors import CollectorError, StaleTurnError, StoredCandleDamagedError
from candle_collector.ports import Revised, StoredDays

_BATCH_MOST = 25
"""The most items of a BatchWriteItem (AWS's limit)."""

_BATCH_TRIES = 16
"""A new table takes 4,000 units a second: with 20 workers 8 tries were too few (tests/model)."""

_WAIT_MOST = 2.5

_PAGE_DAYS_MOST = 366
"""The most days that a page of a reading with a limit has."""

_STORED = {"#stored": "stored"}  # a reserved word of DynamoDB's

_REVISED = "#revised"
"""What the keys of replaced candles end with, so that no query for a series meets them."""

_HOUR = "%Y-%m-%dT%H"
"""What the key of a replaced candle begins with."""

_HOURS = tuple(f"h{hour:02}" for hour in range(HOURS_A_DAY))


class CandlesTable:
    """The candles in DynamoDB.

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

    def coverage(self, symbol: str, within: Window) -> StoredDays:
        """Read which hours of the touched days are known, by projection: no candle crosses the wire."""
        if not within.hours:
            return StoredDays((), (), frozenset())
        stored: list[int] = []
        never: list[int] = []
        days: list[str] = []
        for item in self._query(
            _series(symbol),
            _days(within),
            ProjectionExpression="#day, #stored, never_printed",
            ExpressionAttributeNames=_STORED,
            ConsistentRead=True,
        ):
            day = item["day"]["S"]
            days.append(day)
            try:
                midnight = windows.first_hour_of(day)
                stored += [midnight + int(hour) for hour in item.get("stored", {}).get("NS", ())]
                never += [midnight + int(hour) for hour in item.get("never_printed", {}).get("NS", ())]
            except ValueError as error:
                raise StoredCandleDamagedError(f"{_series(symbol)} {day}: {error}") from error
        return StoredDays(windows.from_hours(stored), windows.from_hours(never), frozenset(days))

    def store(
        self,
        symbol: str,
        candles: Sequence[Candle],
        never_printed: Windows,
        *,
        absent_days: frozenset[str],
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        """Write whole days that have no item yet in batches, and all others by merging hour by hour."""
        by_midnight: dict[int, dict[int, str]] = defaultdict(dict)
        for candle in candles:
            hour = candle.hour % HOURS_A_DAY
            by_midnight[candle.hour - hour][hour] = candle.line()
        by_day = {windows.day_of(midnight): lines for midnight, lines in by_midnight.items()}
        gone: dict[str, list[int]] = defaultdict(list)
        for hour in windows.hours_in(never_printed):
            gone[windows.day_of(hour)].append(hour % HOURS_A_DAY)
        whole = [day for day, lines in by_day.items() if day in absent_days and len(lines) == HOURS_A_DAY]
        self._put_whole([_whole_day(symbol, day, by_day.pop(day)) for day in whole], fence)
        for day in sorted({*by_day, *gone}):
            fence()
            self._merge(symbol, day, by_day.get(day, {}), gone.get(day, []))

    def _put_whole(self, items: Sequence[Mapping[str, Any]], fence: Callable[[], None]) -> None:
        """Write items in batches, and what the table did not take again."""
        for start in range(0, len(items), _BATCH_MOST):
            left = [{"PutRequest": {"Item": item}} for item in items[start : start + _BATCH_MOST]]
            for attempt in range(_BATCH_TRIES):
                fence()
                answer = self._call("batch_write_item", RequestItems={self._table: left})
                left = answer.get("UnprocessedItems", {}).get(self._table, [])
                if not left:
                    break
                self._sleep(random.uniform(0, min(_WAIT_MOST, 0.05 * 2**attempt)))  # noqa: S311 - spreads load
            if left:
                raise CollectorError(f"the candle table left {len(left)} items unwritten in {_BATCH_TRIES} tries")

    def _merge(self, symbol: str, day: str, lines: Mapping[int, str], gone: Sequence[int]) -> None:
        """Add hours to a day's item, or make it. Repeating it changes nothing, and a stored value stays."""
        sets = [f"{_HOURS[hour]} = if_not_exists({_HOURS[hour]}, :{_HOURS[hour]})" for hour in lines]
        adds = ["#stored :stored"] if lines else []
        adds += ["never_printed :gone"] if gone else []
        values: dict[str, Any] = {f":{_HOURS[hour]}": {"S": line} for hour, line in lines.items()}
        if lines:
            values[":stored"] = {"NS": [str(hour) for hour in lines]}
        names = {"ExpressionAttributeNames": _STORED} if lines else {}
        if gone:
            values[":gone"] = {"NS": [str(hour) for hour in gone]}
        self._call(
            "update_item",
            TableName=self._table,
            Key=_key(symbol, day),
            UpdateExpression=" ".join([f"SET {', '.join(sets)}"] * bool(sets) + [f"ADD {', '.join(adds)}"]),
            ExpressionAttributeValues=values,
            **names,
        )

    def revise(
        self, symbol: str, revisions: Sequence[Revision], *, run_id: str, at: datetime, fence: Callable[[], None]
    ) -> None:
        """Replace each candle in one transaction with the item that keeps both values."""
        for stored, offered in revisions:
            fence()
            name = _HOURS[stored.hour % HOURS_A_DAY]
            replaced = {
                "TableName": self._table,
                "Key": _key(symbol, windows.day_of(stored.hour)),
                "UpdateExpression": f"SET {name} = :new",
                "ConditionExpression": f"{name} = :old",
                "ExpressionAttributeValues": {":old": {"S": stored.line()}, ":new": {"S": offered.line()}},
            }
            kept = {
                **_revision_key(symbol, stored.hour, run_id),
                "stored": {"S": stored.line()},
                "offered": {"S": offered.line()},
                "at": {"S": at.isoformat()},
            }
            try:
                self._call(
                    "transact_write_items",
                    TransactItems=[{"Update": replaced}, {"Put": {"TableName": self._table, "Item": kept}}],
                )
            except StaleTurnError:
                continue  # it was replaced already, perhaps by this very request whose reply was lost

    def revised(self, symbol: str, within: Window | None = None) -> list[Revised]:
        """Read the items that keep both values."""
        found: list[Revised] = []
        if within and not within.hours:
            return found
        # their keys are longer than a day, and "~" comes behind whatever follows it
        ends = within and (
            f"{windows.moment_of(within.start):{_HOUR}}",
            f"{windows.moment_of(within.end - 1):{_HOUR}}~",
        )
        for item in self._query(f"{_series(symbol)}{_REVISED}", ends, ConsistentRead=True):
            day, run_id = item["day"]["S"].split(" ")
            hour = windows.hour_of(datetime.fromisoformat(f"{day}:00+00:00"))
            pair = (candle_from_line(hour, item[name]["S"]) for name in ("stored", "offered"))
            found.append(Revised(Revision(*pair), run_id, datetime.fromisoformat(item["at"]["S"])))
        return found

    def candles(self, symbol: str, within: Window, *, limit: int, newest: bool = False) -> list[Candle]:
        """Return stored candles, reading no more days than their number needs."""
        found: list[Candle] = []
        if not within.hours or limit <= 0:
            return found
        days = min(limit // HOURS_A_DAY + 2, _PAGE_DAYS_MOST)
        for item in self._query(_series(symbol), _days(within), Limit=days, ScanIndexForward=not newest):
            of_day = [candle for candle in _candles_of(item) if within.start <= candle.hour < within.end]
            found += reversed(of_day) if newest else of_day
            if len(found) >= limit:
                break
        return sorted(found[:limit])

    def columns(self, symbol: str, within: Window) -> CandleColumns:
        """Return the columns of the stored candles, which come as lines."""
        return columns_of(self.candles(symbol, within, limit=within.hours))

    def first_hour(self, symbol: str) -> int | None:
        """Return the hour of the first stored candle: one item, where it holds a candle."""
        return next((hours[0] for hours in self._hours_by_day(symbol, newest=False)), None)

    def last_hour(self, symbol: str) -> int | None:
        """Return the hour of the last stored candle: one item, where it holds a candle."""
        return next((hours[-1] for hours in self._hours_by_day(symbol, newest=True)), None)

    def _hours_by_day(self, symbol: str, *, newest: bool) -> Iterator[list[int]]:
        """Yield the stored hours of each day that has one; a day of never printed hours alone is stepped over."""
        for item in self._query(_series(symbol), None, Limit=1, ScanIndexForward=not newest, ConsistentRead=True):
            midnight = windows.first_hour_of(item["day"]["S"])
            if hours := [midnight + hour for hour, name in enumerate(_HOURS) if name in item]:
                yield hours

    def _query(self, series: str, ends: tuple[str, str] | None, **options: Any) -> Iterator[dict[str, Any]]:
        """Yield the items between two keys, which are included, or all of them, page after page."""
        names = {"#series": "series"} | options.pop("ExpressionAttributeNames", {})
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "#series = :series",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {":series": {"S": series}},
            **options,
        }
        if ends:
            request["KeyConditionExpression"] += " AND #day BETWEEN :first AND :last"
            names["#day"] = "day"
            request["ExpressionAttributeValues"] |= {
                ":first": {"S": ends[0]},
                ":last": {"S": ends[1]},
            }
        while True:
            page = self._call("query", **request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
            if "Limit" in request:  # days without candles lie in between: few calls step over any number of them
                request["Limit"] = min(2 * request["Limit"], _PAGE_DAYS_MOST)

    def _call(self, operation: str, **request: Any) -> Any:
        try:
            return getattr(self._client, operation)(**request)
        except (BotoCoreError, ClientError) as error:
            response = getattr(error, "response", {})
            reasons = response.get("CancellationReasons", ())
            if any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons):
                raise StaleTurnError("a candle is not as it was read") from error
            code = response.get("Error", {}).get("Code", "")
            raise CollectorError(refusal(f"the candle table refused {operation}", error, code)) from error


def _days(within: Window) -> tuple[str, str]:
    """Return the keys of the first and the last day that a window touches; it has hours."""
    return windows.day_of(within.start), windows.day_of(within.end - 1)


def _series(symbol: str) -> str:
    return f"{symbol}#{INTERVAL}"


def _key(symbol: str, day: str) -> dict[str, Any]:
    return {"series": {"S": _series(symbol)}, "day": {"S": day}}


def _revision_key(symbol: str, hour: int, run_id: str) -> dict[str, Any]:
    return {
        "series": {"S": f"{_series(symbol)}{_REVISED}"},
        "day": {"S": f"{windows.moment_of(hour):{_HOUR}} {run_id}"},
    }


def _whole_day(symbol: str, day: str, lines: Mapping[int, str]) -> dict[str, Any]:
    hours = {_HOURS[hour]: {"S": line} for hour, line in lines.items()}
    return {**_key(symbol, day), **hours, "stored": {"NS": [str(hour) for hour in lines]}}


def _candles_of(item: Mapping[str, Any]) -> list[Candle]:
    """Return the candles of a day's item, by hour."""
    day = item["day"]["S"]
    midnight = windows.first_hour_of(day)
    try:
        return [candle_from_line(midnight + hour, item[name]["S"]) for hour, name in enumerate(_HOURS) if name in item]
    except (ValueError, KeyError) as error:
        raise StoredCandleDamagedError(f"{item['series']['S']} {day}: {error}") from error
