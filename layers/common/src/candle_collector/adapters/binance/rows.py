"""Reads Binance's answers, and believes none that is wrong in any part."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter, ge
from typing import Any, TypeVar

from candle_collector.adapters.binance.plain_rows import COLUMNS, TIME_MOST, TRADES_MOST, read_plain
from candle_collector.domain.candle import Candle, trim
from candle_collector.domain.interval import Interval
from candle_collector.domain.universe import Listing, is_symbol

REJECTED_MOST = 10
"""How many wrong rows an answer may have and still be one of candles; with more it is refused whole."""

_CLOSE_TIME = 6
_NUMBER_MOST = 10**9
_RESTART_LEAST_MS = 60_000
"""A candle that was cut at its start by less is more likely a wrong open time than a restart of the exchange."""

_DECIMALS = re.compile(r"(?:\d{1,20}(?:\.\d{1,8})?,){8}", re.ASCII)
_VOLUME = re.compile(r"(?=.{1,40}\Z)\d{1,30}(?:\.\d+)?", re.ASCII)
"""A plain decimal of a volume: beyond anything traded in a day, in any asset, and far from what cannot be computed."""

_VOLUME_LEAST = Decimal("0.000001")

_NEAR = Decimal("0.01")
"""What a pegged coin stays within on a quiet day; no crypto near 1.00 does for 24 hours."""

_COMMAS_MOST, _COLONS_MOST, _BRACKETS_MOST = 1_500_000, 400_000, 200_000
"""What a listing's body may have of each: every value has one before it, so they bound what parsing builds.

Today's 3,600 symbols have 240,000, 211,000 and 54,000; with the permission sets, which a server may send though it is
asked not to, 1,030,000 commas (by the symbols recorded in 2025). At these bounds, in 24 MB of text that Python keeps
in four bytes a character, the whole process took 204 MB (measured).
"""

_READ_NAMES = frozenset(
    [
        *("symbols", "symbol", "baseAsset", "quoteAsset", "status", "quoteVolume", "lowPrice", "highPrice"),
        *("rateLimits", "rateLimitType", "interval", "intervalNum", "limit"),
    ]
)

_RULES_MOST = 8_000
"""The most characters of what else is said of a symbol; Binance's have 1,600 (recorded in 2025)."""

_FILTER_MOST, _FILTER_TEXT_MOST = 16, 64
"""The most members of a filter, and the most characters of a text in it; Binance's have 6 and 24."""

_Item = TypeVar("_Item")


class WrongAnswerError(Exception):
    """The answer is not what the exchange's documentation promises."""


def _refuse(constant: str) -> None:
    raise WrongAnswerError(f"{constant} is not JSON")


def read_json(body: bytes, *, names: Collection[str] | None = None) -> Any:
    """Parse strict JSON: no NaN, no Infinity; nesting and digits as far as the interpreter bounds them.

    Parameters
    ----------
    names
        What is kept of each object, the rest being dropped while the body is still parsed; without it, everything.

    Raises
    ------
    WrongAnswerError
        It is not JSON.
    """
    kept = None if names is None else lambda item: _kept(item, names)
    try:
        return json.loads(body, parse_constant=_refuse, object_hook=kept)
    except (ValueError, RecursionError) as error:
        raise WrongAnswerError(f"the body is not JSON: {type(error).__name__}") from error


def _kept(item: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return what is kept of an object while a listing is parsed.

    A symbol's other members become one text at once, and a filter stays whole until then.
    """
    if "filterType" in item:
        return item if len(item) <= _FILTER_MOST and all(map(_is_small, item.values())) else {}
    kept = {name: value for name, value in item.items() if name in names}
    if "baseAsset" in item:
        others = {name: value for name, value in item.items() if name not in names and name != "permissionSets"}
        rules = json.dumps(others, ensure_ascii=False, separators=(",", ":"))
        kept["rules"] = rules if len(rules) <= _RULES_MOST else ""
    return kept


def _is_small(value: Any) -> bool:
    return len(value) <= _FILTER_TEXT_MOST if isinstance(value, str) else not isinstance(value, list | dict)


def read_listing_json(body: bytes) -> Any:
    """Parse the body of a listing as `read_json` does, and keep of its objects only what is read of them.

    Raises
    ------
    WrongAnswerError
        It is not JSON, or has so many values that it is not a listing: they would fill the memory.
    """
    brackets = body.count(b"[") + body.count(b"{")
    if brackets > _BRACKETS_MOST or body.count(b",") > _COMMAS_MOST or body.count(b":") > _COLONS_MOST:
        raise WrongAnswerError("the body has more values than a listing")
    return read_json(body, names=_READ_NAMES)


@dataclass(frozen=True)
class ReadCandles:
    """The rows of an answer.

    Attributes
    ----------
    candles
        The right ones, the running one included.
    rejected
        The slots of the wrong ones, and what is wrong with each.
    slots
        The slots of all rows, ascending.
    interval
        What a slot is.
    """

    candles: tuple[Candle, ...]
    rejected: Mapping[int, str]
    slots: tuple[int, ...]
    interval: Interval

    def whole(self) -> tuple[Candle, ...]:
        """Return the candles of an answer in which every row is right.

        Raises
        ------
        WrongAnswerError
            One is wrong: it is named, with what is wrong.
        """
        for slot, reason in self.rejected.items():
            raise WrongAnswerError(f"the row of {self.interval.format(slot)}: {reason}")
        return self.candles


def read_candles(rows: Any, interval: Interval, *, start: int, limit: int, running: int) -> ReadCandles:
    """Return the candles of an answer, and which of its rows are wrong.

    A row belongs to the slot in which it opens. One that opens off the grid is right where its time is borne
    out: by a row beside it that opens as long after its own slot, or, for the answer's first and last row, which may
    have none, by its own close time: a slot later, or sooner where it was cut short by a minute and more. So were the
    candles of 2018-02-09 09:00 to 02-11 04:00 UTC, at 28 min 14.789 s, the last of which closed a second after its
    slot (measured on BTCUSDT). A single row off the grid among others is wrong.

    Parameters
    ----------
    rows
        The parsed body.
    start
        The slot that was asked from.
    limit
        How many rows were asked for.
    running
        The slot that runs now by the exchange's clock.

    Raises
    ------
    WrongAnswerError
        It is not a list of rows in the order of their slots, or too many of them are wrong: then none is believed.
    """
    if not isinstance(rows, list) or len(rows) > limit:
        raise WrongAnswerError("the body is not a list of at most as many rows as were asked for")
    if plain := read_plain(rows, interval):
        slots = tuple(map(attrgetter("slot"), plain))
        _check_order(slots, start, running)
        return ReadCandles(plain, {}, slots, interval)
    opened = [_open_time(row) for row in rows]
    slots = tuple(interval.slot_at(time) for time in opened)
    _check_order(slots, start, running)
    candles: list[Candle] = []
    rejected: dict[int, str] = {}
    for at, row in enumerate(rows):
        try:
            candle = _read_row(row, interval)
            _check_offset(at, opened, interval.length_ms, closed=row[_CLOSE_TIME])
            candles.append(candle)
        except WrongAnswerError as error:
            rejected[slots[at]] = str(error)
            if len(rejected) > REJECTED_MOST:
                raise WrongAnswerError(f"more than {REJECTED_MOST} rows are wrong; the last: {error}") from error
    return ReadCandles(tuple(candles), rejected, slots, interval)


def _check_order(slots: Sequence[int], start: int, running: int) -> None:
    """Refuse slots that do not ascend between the one that was asked from and the one that runs."""
    before = start - 1
    for slot in slots if any(map(ge, (before, *slots), slots)) else slots[-1:]:
        if slot <= before:
            raise WrongAnswerError(f"the row of slot {slot} is out of order, twice, or before the asked start")
        before = slot
    if before > running:
        raise WrongAnswerError(f"the row of slot {before} is from the future")


def _open_time(row: Any) -> int:
    """Return a row's open time, in ms since 1970 UTC."""
    if not isinstance(row, list) or not row or type(row[0]) is not int or not 0 <= row[0] <= TIME_MOST:
        raise WrongAnswerError("a row has no open time")
    return row[0]


def _check_offset(at: int, opened: Sequence[int], length_ms: int, *, closed: int) -> None:
    """Refuse a row that opens off the grid where nothing else in the answer bears it out."""
    offset = opened[at] % length_ms
    if not offset:
        return
    beside = [opened[index] % length_ms for index in (at - 1, at + 1) if 0 <= index < len(opened)]
    lasted = closed + 1 - opened[at]
    bears_itself_out = lasted == length_ms or (0 < lasted < length_ms and offset >= _RESTART_LEAST_MS)
    at_an_end = at in {0, len(opened) - 1}
    if offset not in beside and not (at_an_end and bears_itself_out):
        raise WrongAnswerError(f"its open time {opened[at]} is off the grid, and those beside it are not")


def _read_row(row: list[Any], interval: Interval) -> Candle:
    """Read a row: openTime, open, high, low, close, volume, closeTime, quote volume, trades, takerBase, takerQuote."""
    if len(row) != COLUMNS:
        raise WrongAnswerError(f"it has {len(row)} columns in place of {COLUMNS}")
    opened, open_, high, low, close, volume, closed, quote_volume, trades, taker_base, taker_quote, _ = row
    if type(closed) is not int or type(trades) is not int or not 0 <= trades <= TRADES_MOST:
        raise WrongAnswerError("its close time or its count of trades is not a number of that kind")
    try:
        decimals = ",".join(  # noqa: FLY002 - unlike an f-string, join refuses what is not text
            (open_, high, low, close, volume, quote_volume, taker_base, taker_quote, "")
        )
    except TypeError:
        raise WrongAnswerError("a price or a volume is not text") from None
    if not _DECIMALS.fullmatch(decimals):
        raise WrongAnswerError("a price or a volume is not a decimal")
    bottom, top = Decimal(low), Decimal(high)
    if not (0 < bottom <= Decimal(open_) <= top and bottom <= Decimal(close) <= top):
        raise WrongAnswerError("a price is zero, or open or close is not between low and high")
    if Decimal(taker_base) > Decimal(volume) or Decimal(taker_quote) > Decimal(quote_volume):
        raise WrongAnswerError("takers bought more than was traded")
    slot, offset = divmod(opened, interval.length_ms)
    return Candle(
        slot,
        trim(open_),
        trim(high),
        trim(low),
        trim(close),
        trim(volume),
        trim(quote_volume),
        trades,
        trim(taker_base),
        trim(taker_quote),
        offset,
    )


def read_listings(body: Any) -> tuple[Listing, ...]:
    """Return every symbol of an exchangeInfo answer that is one.

    Raises
    ------
    WrongAnswerError
        It is not such an answer, or says two things of a symbol.
    """
    try:
        listings = [
            Listing(
                symbol=_text(item["symbol"]),
                base_asset=_text(item["baseAsset"]),
                quote_asset=_text(item["quoteAsset"]),
                status=_text(item["status"]),
                rules=item.get("rules", ""),
            )
            for item in body["symbols"]
        ]
    except (KeyError, TypeError) as error:
        raise WrongAnswerError(f"exchangeInfo is not as documented: {error}") from error
    by_symbol = _once((listing.symbol, listing) for listing in listings if is_symbol(listing.symbol))
    return tuple(by_symbol.values())


def _once(items: Iterable[tuple[str, _Item]]) -> dict[str, _Item]:
    """Return what is said of each symbol; twice the same is said once."""
    said: dict[str, _Item] = {}
    for symbol, item in items:
        if said.setdefault(symbol, item) != item:
            raise WrongAnswerError(f"{symbol:.40} is listed twice, and not as the same")
    return said


_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400}


def read_weight_limit(body: Any) -> tuple[int, int]:
    """Return the weight limit of an exchangeInfo answer, and the seconds that it is for.

    Raises
    ------
    WrongAnswerError
        It has none.
    """
    try:
        for item in body["rateLimits"]:
            if item["rateLimitType"] == "REQUEST_WEIGHT":
                limit, seconds = int(item["limit"]), _SECONDS[item["interval"]] * int(item["intervalNum"])
                if 0 < limit <= _NUMBER_MOST and 0 < seconds <= _NUMBER_MOST:
                    return limit, seconds
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise WrongAnswerError(f"rateLimits is not as documented: {error}") from error
    raise WrongAnswerError("exchangeInfo names no weight limit")


def read_volumes(body: Any) -> Mapping[str, Decimal]:
    """Return the quote volume by symbol of a ticker/24hr answer, to the last digit; under a millionth it is 0.

    Raises
    ------
    WrongAnswerError
        It is not such an answer, or says two things of a symbol.
    """
    try:
        return _once((_text(item["symbol"]), _read_volume(_text(item["quoteVolume"]))) for item in body)
    except (KeyError, TypeError) as error:
        raise WrongAnswerError(f"ticker/24hr is not as documented: {error}") from error


def read_at_par(body: Any) -> frozenset[str]:
    """Return the symbols of a ticker/24hr answer of which every trade of the day was within a hundredth of 1.00.

    A price that is not one says nothing of its symbol: no answer is refused for it.
    """
    return frozenset(
        item["symbol"]
        for item in body
        if all(_is_near_one(item.get(name)) for name in ("lowPrice", "highPrice")) and item.get("symbol")
    )


def _is_near_one(text: Any) -> bool:
    is_price = isinstance(text, str) and _VOLUME.fullmatch(text)
    return bool(is_price) and abs(Decimal(text) - 1) <= _NEAR


def _read_volume(text: str) -> Decimal:
    """Read a volume so that its own text is a plain decimal again, which Python's of 0.00000000 is not."""
    if not _VOLUME.fullmatch(text):
        raise WrongAnswerError(f"ticker/24hr has a volume that is not an amount: {text!r:.50}")
    volume = Decimal(trim(text))
    return volume if volume >= _VOLUME_LEAST else Decimal(0)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is not text")
    return value
