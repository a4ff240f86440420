"""Reads query strings as Binance does, with its error codes and texts (errors.md of binance-spot-api-docs)."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from simulator.market import Listing

_INTEGER = re.compile(r"[0-9]{1,20}")
_LARGEST = 2**63 - 1
_SYMBOL = re.compile(r"(?:[A-Z0-9._-]|[^\x00-\x7f]){1,50}")
_TIME_ZONE = re.compile(r"([+-]?)(\d{1,2})(?::(\d{2}))?")
_STATUSES = ("TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY")
_HOUR_MINUTES = 60


@dataclass
class BinanceError(Exception):
    """An answer of status 400 with one of Binance's error codes."""

    code: int
    message: str

    def body(self) -> bytes:
        """Return the body as Binance words it."""
        return json.dumps({"code": self.code, "msg": self.message}, separators=(",", ":")).encode()


class Parameters:
    """The parameters of one request, checked as they are read.

    Parameters
    ----------
    sent
        Names and values in the order they were sent.
    allowed
        The names that the endpoint reads.

    Raises
    ------
    BinanceError
        -1101 for a name that was sent twice, -1104 for a name that the endpoint does not read.
    """

    def __init__(self, sent: Iterable[tuple[str, str]], allowed: tuple[str, ...]) -> None:
        pairs = list(sent)
        self._values: Mapping[str, str] = dict(pairs)
        if len(self._values) < len(pairs):
            raise BinanceError(-1101, "Duplicate values for a parameter detected.")
        read = [name for name in self._values if name in allowed]
        if len(read) < len(pairs):
            raise BinanceError(
                -1104,
                f"Not all sent parameters were read; read '{len(read)}' parameter(s) but was sent '{len(pairs)}'.",
            )

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        """Return a mandatory value; -1102 where it is missing or empty."""
        if not (value := self._values.get(name)):
            raise BinanceError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def optional(self, name: str) -> str | None:
        """Return a value or None; -1105 where it was sent empty."""
        value = self._values.get(name)
        if value == "":
            raise BinanceError(-1105, f"Parameter '{name}' was empty.")
        return value

    def integer(self, name: str) -> int | None:
        """Return a whole number of at most 64 bits or None; -1100 for other characters, -1130 beyond the range."""
        if (value := self.optional(name)) is None:
            return None
        if not _INTEGER.fullmatch(value):
            raise _illegal(name, "^[0-9]{1,20}$")
        number = int(value)
        if number > _LARGEST:
            raise _invalid(name)
        return number

    def limit(self, default: int, largest: int) -> int:
        """Return how many rows are asked for; more than `largest` means `largest`, none is -1130."""
        number = self.integer("limit")
        if number == 0:
            raise _invalid("limit")
        return default if number is None else min(number, largest)

    def time_zone_ms(self) -> int:
        """Return by how much days start before UTC's; zones that are off by less than an hour are not served."""
        value = self.optional("timeZone") or "0"
        if not (match := _TIME_ZONE.fullmatch(value)):
            raise _invalid("timeZone")
        minutes = int(match[2]) * _HOUR_MINUTES + int(match[3] or 0)
        signed = -minutes if match[1] == "-" else minutes
        if minutes % _HOUR_MINUTES or not -12 * _HOUR_MINUTES <= signed <= 14 * _HOUR_MINUTES:
            raise _invalid("timeZone")
        return signed * 60_000

    def symbol(self, listings: Mapping[str, Listing], name: str = "symbol") -> str:
        """Return a listed symbol; -1100 for characters no symbol has, -1121 for one that is not listed."""
        return _listed(self.text(name), listings, name)

    def symbols(self, listings: Mapping[str, Listing]) -> list[str]:
        """Return the symbols of a JSON list such as ``["BTCUSDT","ETHUSDT"]``."""
        try:
            names = json.loads(self.text("symbols"))
        except ValueError:
            names = None
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise _illegal("symbols", r'^\[("[A-Z0-9-_.]{1,50}"(,"[A-Z0-9-_.]{1,50}"){0,}){0,1}\]$')
        return [_listed(name, listings, "symbols") for name in names]

    def status(self) -> str | None:
        """Return the wanted ``symbolStatus`` or None."""
        value = self.optional("symbolStatus")
        if value is not None and value not in _STATUSES:
            raise _invalid("symbolStatus")
        return value

    def permissions(self) -> set[str] | None:
        """Return the wanted permissions, one name or a JSON list of names, or None."""
        value = self.optional("permissions")
        if value is None:
            return None
        try:
            names = json.loads(value) if value.startswith("[") else [value]
        except ValueError:
            raise _invalid("permissions") from None
        return {str(name) for name in names}

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a ``true`` or ``false``."""
        value = self.optional(name)
        if value not in {None, "true", "false"}:
            raise _invalid(name)
        return default if value is None else value == "true"

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of `choices`, the first by default."""
        value = self.optional(name) or choices[0]
        if value not in choices:
            raise _invalid(name)
        return value

    def alone(self, *names: str) -> None:
        """Refuse parameters that exclude each other: -1128."""
        if sum(name in self for name in names) > 1:
            raise BinanceError(-1128, "Combination of optional parameters invalid.")


def _listed(symbol: str, listings: Mapping[str, Listing], name: str) -> str:
    if not _SYMBOL.fullmatch(symbol):
        raise _illegal(name, "^[A-Z0-9-_.]{1,50}$")
    if symbol not in listings:
        raise BinanceError(-1121, "Invalid symbol.")
    return symbol


def _illegal(name: str, legal: str) -> BinanceError:
    return BinanceError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def _invalid(name: str) -> BinanceError:
    return BinanceError(-1130, f"Data sent for parameter '{name}' is not valid.")
