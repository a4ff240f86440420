"""What may stand behind the ``?`` of a call: each name once, and of our own routes only what the route reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from candle_collector.api.binance_parameters import BinanceError
from candle_collector.api.routes import ADMIN, Route
from candle_collector.errors import InvalidRequestError

_KEY = "api_key"
"""On every route; the authorizer has a rule of its own for several."""

_NAME = re.compile(r"[A-Za-z_]{1,20}", re.ASCII)
"""A misspelt name is worth repeating; whatever else was sent is not."""


def check_query(route: Route, values: Mapping[str, Sequence[str]]) -> None:
    """Refuse a parameter that is given twice, of which an answer could go by one alone, and one that is not read.

    On the routes of Binance's shape its clients send more than is read here, as they do to Binance: what those refuse
    they say themselves.

    Parameters
    ----------
    values
        All values of each name.

    Raises
    ------
    InvalidRequestError, BinanceError
        One is given twice, or is not one of the route's.
    """
    twice = next((name for name, given in values.items() if len(given) > 1 and name != _KEY), None)
    if route.is_candles_route:
        if twice is not None:
            named = f" '{twice}'" if _NAME.fullmatch(twice) else ""
            raise BinanceError("DUPLICATE_PARAMETER", f"Duplicate values for parameter{named} detected.")
        return
    if twice is not None:
        raise InvalidRequestError(_field(twice), "is given more than once")
    if not route.path.startswith(ADMIN):
        return
    for name in values:
        if name not in {*route.query, _KEY}:
            raise InvalidRequestError(_field(name), f"is not a parameter of this route; {_what_it_takes(route, name)}")


def _field(name: str) -> str:
    return name if _NAME.fullmatch(name) else "query"


def _what_it_takes(route: Route, name: str) -> str:
    if not route.query:
        return "it takes none" if route.method == "GET" else "it takes none: fields go into the body"
    close = get_close_matches(name, route.query, n=1)
    return f"it takes {', '.join(route.query)}{f'; perhaps {close[0]} is meant' if close else ''}"
