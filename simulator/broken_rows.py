"""Faults of single rows in an otherwise right answer of klines; `ROW_FAULTS` names them all.

Each gets the rows as lists of columns, the request's parameters and the rule's options; `row` says which row is
corrupted, the one in the middle by default.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from simulator.answers import Answer
from simulator.intervals import DAY_MS, INTERVALS, Interval

Rows = list[Any]
RowFault = Callable[[Rows, Mapping[str, str], Mapping[str, Any]], Rows]

_OPEN_TIME, _OPEN, _HIGH, _LOW, _CLOSE, _VOLUME, _CLOSE_TIME, _QUOTE_VOLUME, _TRADES, _TAKER_BASE = range(10)
_TEN_YEARS_MS = 3_654 * DAY_MS
_LONGEST_MONTH_MS = 31 * DAY_MS


def with_rows(answer: Answer, corrupted: Callable[[Rows], Rows]) -> Answer:
    """Return the answer with other rows; one that holds no candles, an error for instance, stays as it is."""
    rows = json.loads(answer.body)
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], list):
        return answer
    changed = corrupted(rows)
    return replace(answer, body=json.dumps(changed, separators=(",", ":")).encode(), rows=len(changed))


def _column(index: int, change: Callable[[Any], Any]) -> RowFault:
    """Change one column of one row."""

    def fault(rows: Rows, _: Mapping[str, str], options: Mapping[str, Any]) -> Rows:
        row = rows[_which(rows, options)]
        row[index] = change(row[index])
        return rows

    return fault


def _row(change: Callable[[list[Any]], Any]) -> RowFault:
    """Put something else in the place of one row."""

    def fault(rows: Rows, _: Mapping[str, str], options: Mapping[str, Any]) -> Rows:
        index = _which(rows, options)
        rows[index] = change(rows[index])
        return rows

    return fault


def _which(rows: Rows, options: Mapping[str, Any]) -> int:
    return min(int(options.get("row", len(rows) // 2)), len(rows) - 1)


def _moved(row: list[Any], interval: Interval, slots: int) -> list[Any]:
    """Return the row so many slots of its interval later, or earlier."""
    open_ms, close_ms = (interval.after(row[_OPEN_TIME], slots + more) for more in (0, 1))
    return [open_ms, *row[1:_CLOSE_TIME], close_ms - 1, *row[_CLOSE_TIME + 1 :]]


def _swapped(first: int, second: int) -> Callable[[list[Any]], list[Any]]:
    def change(row: list[Any]) -> list[Any]:
        row[first], row[second] = row[second], row[first]
        return row

    return change


def _high_below_low(row: list[Any]) -> list[Any]:
    row[_HIGH], row[_LOW] = row[_LOW], f"{float(row[_HIGH]) + 1:.8f}"
    return row


def _before_start(rows: Rows, params: Mapping[str, str], _: Mapping[str, Any]) -> Rows:
    interval = INTERVALS[params["interval"]]
    start_ms = int(params.get("startTime", rows[0][_OPEN_TIME]))
    slots = -1 - (rows[0][_OPEN_TIME] - start_ms) // (interval.length_ms or _LONGEST_MONTH_MS)
    while interval.after(rows[0][_OPEN_TIME], slots) >= start_ms:  # months, of which most are shorter
        slots -= 1
    return [_moved(rows[0], interval, slots), *rows]


def _from_the_future(rows: Rows, params: Mapping[str, str], _: Mapping[str, Any]) -> Rows:
    interval = INTERVALS[params["interval"]]
    return [*rows, _moved(rows[-1], interval, _TEN_YEARS_MS // (interval.length_ms or _LONGEST_MONTH_MS))]


def _more_than_limit(rows: Rows, params: Mapping[str, str], _: Mapping[str, Any]) -> Rows:
    interval = INTERVALS[params["interval"]]
    missing = int(params.get("limit", 500)) + 1 - len(rows)
    return rows + [_moved(rows[-1], interval, index + 1) for index in range(missing)]


ROW_FAULTS: Mapping[str, RowFault] = {
    "short_answer": lambda rows, _, options: rows[: int(options.get("rows", 1))],
    "hole": lambda rows, _, options: [row for index, row in enumerate(rows) if index != _which(rows, options)],
    "duplicated_row": lambda rows, _, __: [rows[0], *rows],
    "unordered_rows": lambda rows, _, __: rows[::-1],
    "off_grid_row": _column(_OPEN_TIME, lambda opened: opened + 1),
    "row_before_start": _before_start,
    "row_from_the_future": _from_the_future,
    "more_than_limit": _more_than_limit,
    "high_below_low": _row(_high_below_low),
    "close_above_high": _column(_CLOSE, lambda price: f"{float(price) * 2 + 1:.8f}"),
    "open_below_low": _column(_OPEN, lambda price: f"{float(price) / 2:.8f}"),
    "zero_price": _row(lambda row: [row[0], *["0.00000000"] * 4, *row[5:]]),
    "negative_price": _column(_LOW, lambda price: f"-{price}"),
    "negative_volume": _column(_VOLUME, lambda _: "-1.00000000"),
    "negative_trades": _column(_TRADES, lambda _: -1),
    "taker_above_volume": _column(_TAKER_BASE, lambda taken: f"{float(taken) * 10 + 1e6:.8f}"),
    "nan": _column(_CLOSE, lambda _: float("nan")),
    "nan_text": _column(_CLOSE, lambda _: "NaN"),
    "infinity": _column(_HIGH, lambda _: float("inf")),
    "infinity_text": _column(_HIGH, lambda _: "Infinity"),
    "exponent": _column(_VOLUME, lambda _: "1e400"),
    "price_as_number": _column(_CLOSE, float),
    "price_missing": _column(_CLOSE, lambda _: None),
    "price_empty": _column(_CLOSE, lambda _: ""),
    "price_in_words": _column(_CLOSE, lambda _: "about five"),
    "price_in_other_digits": _column(_CLOSE, lambda price: price.translate({48 + n: 0x660 + n for n in range(10)})),
    "too_many_decimals": _column(_CLOSE, lambda price: price + "123456789"),
    "too_many_digits": _column(_HIGH, lambda price: "9" * 60 + price),
    "time_as_text": _column(_OPEN_TIME, str),
    "time_as_fraction": _column(_OPEN_TIME, lambda opened: opened + 0.5),
    "time_in_microseconds": _column(_OPEN_TIME, lambda opened: opened * 1000),
    "time_in_seconds": _column(_OPEN_TIME, lambda opened: opened // 1000),
    "negative_time": _column(_OPEN_TIME, lambda opened: -opened),
    "trades_as_text": _column(_TRADES, str),
    "trades_as_truth": _column(_TRADES, lambda _: True),
    "column_missing": _row(lambda row: row[:-2]),
    "column_too_many": _row(lambda row: [*row, "0"]),
    "columns_swapped": _row(_swapped(_CLOSE, _QUOTE_VOLUME)),
    "row_is_object": _row(lambda row: dict(enumerate(row))),
    "row_is_null": _row(lambda _: None),
    "row_is_text": _row(lambda _: "row"),
}
"""Kind of fault to what it does. A row cannot say that it belongs to another symbol: it does not carry one."""
