"""The body of a trigger, checked at the edge: every refusal names its field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from candle_collector.api.limits import BODY_MOST_BYTES
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.domain import dates
from candle_collector.domain.interval import Interval, interval_named
from candle_collector.domain.run import MODES, Mode
from candle_collector.domain.universe import QUOTES_MOST, SYMBOLS_MOST, as_quote_assets, as_symbol, is_symbol
from candle_collector.errors import InvalidRequestError, RequestTooLargeError

_NAME = re.compile(r"[a-z_]{1,20}", re.ASCII)


class TriggerBody(BaseModel):
    """What ``POST /api/admin/collect/trigger`` takes."""

    model_config = ConfigDict(extra="forbid", strict=True)

    mode: Mode
    start_date: str | None = None
    end_date: str | None = None
    symbols: Annotated[list[str], Field(min_length=1, max_length=SYMBOLS_MOST)] | None = None
    intervals: Annotated[list[str], Field(min_length=1, max_length=len(Interval))] | None = None
    top_n: Annotated[int, Field(ge=1, le=SYMBOLS_MOST)] | None = None
    quote_assets: Annotated[list[str], Field(min_length=1, max_length=QUOTES_MOST)] | None = None
    recheck: StrictBool = False
    repair: StrictBool = False
    sample: Annotated[int, Field(ge=1, le=100)] | None = None
    dry_run: StrictBool = False


def read_trigger(body: str | None) -> tuple[RunRequest, bool]:
    """Return the request of a body, and whether it is a dry run.

    Raises
    ------
    InvalidRequestError
        A field is not valid, or the body is too large.
    """
    text = body or ""
    if len(text.encode("utf-8", "surrogatepass")) > BODY_MOST_BYTES:
        raise RequestTooLargeError("body", f"is larger than {BODY_MOST_BYTES} bytes")
    try:
        parsed = TriggerBody.model_validate_json(text)
    except ValidationError as error:
        raise _refusal(error) from None
    symbols = None if parsed.symbols is None else tuple(dict.fromkeys(map(as_symbol, parsed.symbols)))
    for number, symbol in enumerate(symbols or (), 1):
        if not is_symbol(symbol):
            raise InvalidRequestError("symbols", f"number {number} is not a symbol; one is written like BTCUSDT")
    for field, value in (("top_n", parsed.top_n), ("quote_assets", parsed.quote_assets)):
        if parsed.symbols is not None and value is not None:
            raise InvalidRequestError(field, "goes without symbols: they replace the top N")
    _check_mode(parsed)
    request = RunRequest(
        mode=parsed.mode,
        start=_time("start_date", parsed.start_date),
        end=_time("end_date", parsed.end_date),
        symbols=symbols,
        intervals=_intervals(parsed.intervals),
        top_n=parsed.top_n,
        quote_assets=_quotes(parsed.quote_assets),
        recheck=parsed.recheck,
        repair=parsed.repair,
        sample=100 if parsed.sample is None else parsed.sample,
    )
    return request, parsed.dry_run


def _check_mode(body: TriggerBody) -> None:
    """Refuse a field that has no meaning in the mode."""
    if body.mode == "verify":
        given = {
            "top_n": body.top_n is not None,
            "quote_assets": body.quote_assets is not None,
            "recheck": body.recheck,
        }
        why = "does not go with the mode verify"
    else:
        given = {"repair": body.repair, "sample": body.sample is not None}
        why = "goes with the mode verify alone"
    for field, is_given in given.items():
        if is_given:
            raise InvalidRequestError(field, why)


def _intervals(names: list[str] | None) -> tuple[Interval, ...] | None:
    try:
        return None if names is None else tuple(sorted({interval_named(name) for name in names}))
    except ValueError as error:
        raise InvalidRequestError("intervals", str(error)) from None


def _quotes(names: list[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    try:
        return as_quote_assets(names)
    except ValueError as error:
        raise InvalidRequestError("quote_assets", str(error)) from None


def _time(field: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return dates.start_of(text) if field == "start_date" else dates.end_of(text)
    except ValueError as error:
        raise InvalidRequestError(field, str(error)) from None


def _refusal(error: ValidationError) -> InvalidRequestError:
    """Return the first complaint in words of ours, without what was sent."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else "body"
    match first["type"]:
        case "extra_forbidden":
            known = ", ".join(TriggerBody.model_fields)
            # A misspelt name is worth repeating; whatever else was sent is not.
            named = field if _NAME.fullmatch(field) else "body"
            wrong = "has a field that does not exist" if named == "body" else "is not a field"
            return InvalidRequestError(named, f"{wrong}; the fields are {known}")
        case "missing":
            return InvalidRequestError(field, "is missing; it takes backward, forward, gap_fill or verify")
        case "json_invalid":
            return InvalidRequestError("body", "is not JSON")
        case _ if len(first["loc"]) > 1:
            return InvalidRequestError(field, f"each must be a text, as in {_example(field)}{_TAKEN.get(field, '')}")
        case _:
            return InvalidRequestError(field, _sentence(field, first["type"], first.get("ctx") or {}))


_SENTENCES = {
    "literal_error": f"must be {', '.join(MODES[:-1])} or {MODES[-1]}",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "bool_type": "must be true or false",
    "list_type": "must be a list, such as {example}",
    "too_short": "must name at least one",
    "too_long": "must name at most {max_length}",
    "string_type": "must be a text",
    "model_type": "must be an object of JSON",
}
"""What a field takes, by the kinds of pydantic's complaints and the bounds that these name."""

_EXAMPLES = {"quote_assets": "USDT", "intervals": "1h"}
_TAKEN = {"intervals": f"; the intervals are {', '.join(map(str, Interval))}"}


def _example(field: str) -> str:
    return f'["{_EXAMPLES.get(field, "BTCUSDT")}"]'


def _sentence(field: str, kind: str, bounds: Mapping[str, Any]) -> str:
    sentence = _SENTENCES.get(kind, "is not valid").format_map({**bounds, "example": _example(field)})
    return f"{sentence}{_TAKEN.get(field, '')}"
