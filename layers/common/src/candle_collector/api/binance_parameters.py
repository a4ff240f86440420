"""Reads Binance's parameters and headers as Binance does, with its errors for what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import IntEnum

from candle_collector.errors import CollectorError

_WHOLE = re.compile(r"\d{1,20}", re.ASCII)
_LARGEST = 2**63 - 1

_MS_MOST = 253_402_300_799_999
"""The last ms of the calendar, 9999-12-31. As microseconds it lies in 1978: no number can be meant as both."""

ERROR_CODES = {
    "ILLEGAL_CHARACTERS": -1100,
    "DUPLICATE_PARAMETER": -1101,
    "MISSING_PARAMETER": -1102,
    "UNKNOWN_PARAMETER": -1104,
    "EMPTY_PARAMETER": -1105,
    "INVALID_INTERVAL": -1120,
    "INVALID_SYMBOL": -1121,
    "INVALID_COMBINATION": -1128,
    "INVALID_PARAMETER": -1130,
    "INVALID_TIME_UNIT": -1194,
}
"""Our codes and Binance's numbers for the same (Binance's errors.md)."""


class BinanceError(CollectorError):
    """An error in Binance's words.

    Attributes
    ----------
    word
        Our own code.
    code, msg
        Binance's number and text.
    """

    def __init__(self, word: str, msg: str) -> None:
        super().__init__(msg)
        self.word = word
        self.code = ERROR_CODES[word]
        self.msg = msg


class TimeUnit(IntEnum):
    """In which unit times are answered: how many of it a ms has."""

    MILLISECOND = 1
    MICROSECOND = 1000


def read_time_unit(headers: Mapping[str, Iterable[str]]) -> TimeUnit:
    """Return the unit that the header X-MBX-TIME-UNIT asks for; ms without it.

    Parameters
    ----------
    headers
        All values by name, in whatever case.

    Raises
    ------
    BinanceError
        It is another word, or two words.
    """
    words = {value for name, values in headers.items() if name.lower() == "x-mbx-time-unit" for value in values}
    if not words:
        return TimeUnit.MILLISECOND
    (word, *more) = words
    if more or word not in _UNITS:
        text = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
        raise BinanceError("INVALID_TIME_UNIT", text)
    return _UNITS[word]


_UNITS = {word: unit for unit in TimeUnit for word in (unit.name, unit.name.lower())}


def refuse_unknown(parameters: Mapping[str, str], known: frozenset[str]) -> None:
    """Refuse a question with parameters that nobody reads, as Binance counts them."""
    read, sent = sum(name in known for name in parameters), len(parameters)
    if read < sent:
        raise BinanceError(
            "UNKNOWN_PARAMETER",
            f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.",
        )


def mandatory(parameters: Mapping[str, str], name: str) -> str:
    """Return a parameter that has to be there."""
    value = parameters.get(name, "")
    if not value:
        text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        raise BinanceError("MISSING_PARAMETER", text)
    return value


def optional(parameters: Mapping[str, str], name: str) -> str | None:
    """Return a parameter, None where it is not sent."""
    value = parameters.get(name)
    if value == "":
        raise BinanceError("EMPTY_PARAMETER", f"Parameter '{name}' was empty.")
    return value


def number(parameters: Mapping[str, str], name: str) -> int | None:
    """Return a whole number from 0 to the most that a LONG holds, None where it is not sent."""
    value = optional(parameters, name)
    if value is None:
        return None
    if not _WHOLE.fullmatch(value):
        raise illegal(name, "^[0-9]{1,20}$")
    if int(value) > _LARGEST:
        raise invalid(name)
    return int(value)


def microseconds(parameters: Mapping[str, str], name: str) -> int | None:
    """Return a moment, in microseconds since 1970 UTC, that is sent in ms or in microseconds.

    Binance takes both and does not document how it distinguishes them (rest-api.md). A number up to the last ms of the
    calendar is one of ms here, and any larger one is microseconds, which are of 1978 and later then. The largest LONG,
    which programs send where they mean no end, is after every candle in either unit.
    """
    value = number(parameters, name)
    return value * 1000 if value is not None and value <= _MS_MOST else value


def illegal(name: str, legal: str) -> BinanceError:
    """Return the error for characters that a parameter cannot have."""
    text = f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    return BinanceError("ILLEGAL_CHARACTERS", text)


def invalid(name: str) -> BinanceError:
    """Return the error for a value that a parameter cannot have."""
    return BinanceError("INVALID_PARAMETER", f"Data sent for parameter '{name}' is not valid.")
