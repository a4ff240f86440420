"""The items of the runs table: their attributes have the names of the domain's fields, so that one rule maps all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.models import Model

from candle_collector.adapters.dynamodb.attributes import (
    ComparisonAttribute,
    DisputeAttribute,
    EnumAttribute,
    FailedWindowsAttribute,
    FailureAttribute,
    IntAttribute,
    MomentAttribute,
    RunSeriesAttribute,
    SilenceAttribute,
    WindowAttribute,
    WindowsAttribute,
    YearsAttribute,
)
from candle_collector.domain.run import Outcome, RunState

KEEP_RUNS = timedelta(days=90)
"""How long a run is kept after it started; series, universes and candles are kept for good."""

_KEYS_AND_AGE = frozenset({"pk", "sk", "expires_at", "write_id"})


class Item(Model):
    """What all items of the table have."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    version = IntAttribute(default=1)


class RunItem(Item):
    """``RUN#id``/``RUN``."""

    mode = UnicodeAttribute()
    start_ms = IntAttribute()
    end_ms = IntAttribute()
    closed_ms = IntAttribute()
    series = RunSeriesAttribute()
    batch_size = IntAttribute()
    created_at = MomentAttribute()
    deadline = MomentAttribute()
    recheck = BooleanAttribute()
    repair = BooleanAttribute(null=True)
    sample = IntAttribute(null=True)
    weight_limit = IntAttribute()
    weight_seconds = IntAttribute()
    clock_offset_ms = IntAttribute()
    estimated_seconds = IntAttribute(default=0)
    state = EnumAttribute(RunState)
    started_at = MomentAttribute(null=True)
    ended_at = MomentAttribute(null=True)
    end_reason = UnicodeAttribute(null=True)
    open_numbers = UnicodeSetAttribute(null=True)
    counts = JSONAttribute(null=True)
    note = UnicodeAttribute(null=True)
    write_id = UnicodeAttribute(null=True)
    expires_at = TTLAttribute()


class SymbolItem(Item):
    """``RUN#id``/``SERIES#binance:BTCUSDT#1h``."""

    trading = BooleanAttribute()
    outcome = EnumAttribute(Outcome)
    turn = IntAttribute()
    claimed_until = MomentAttribute(null=True)
    updated_at = MomentAttribute(null=True)
    resends = IntAttribute(default=0)
    range = WindowAttribute(null=True)
    stored_before = IntAttribute(null=True)
    records = IntAttribute(default=0)
    requests = IntAttribute(default=0)
    retries = IntAttribute(default=0)
    attempts = IntAttribute(default=0)
    due_at = MomentAttribute(null=True)
    asked_to = IntAttribute(null=True)
    given_up = WindowsAttribute(null=True)
    refused = IntAttribute(default=0)
    rejected = WindowsAttribute(null=True)
    missing = WindowsAttribute(null=True)
    missing_slots = IntAttribute(default=0)
    failure = FailureAttribute(null=True)
    first = IntAttribute(null=True)
    last = IntAttribute(null=True)
    closed_by = UnicodeAttribute(null=True)
    comparison = ComparisonAttribute(null=True)
    stopping = BooleanAttribute(null=True)
    revision = UnicodeAttribute(null=True)
    expires_at = TTLAttribute()


class MarkItem(Item):
    """A record that only says that something is so: a run's place in the history, an open run, an occurrence."""

    at = MomentAttribute(null=True)
    run_id = UnicodeAttribute(null=True)
    expires_at = TTLAttribute(null=True)


class LeaseItem(Item):
    """``LEASE``/``LEASE``: the one run that may be active."""

    run_id = UnicodeAttribute()
    expires = MomentAttribute()


class RateLimiterItem(Item):
    """``GATE``/``GATE``: the weight reserved in a period, a ban, a refusal and the exchange's clock."""

    period = IntAttribute(null=True)
    period_seconds = IntAttribute(null=True)
    reserved = IntAttribute(null=True)
    reservation_id = UnicodeAttribute(null=True)
    blocked_until = MomentAttribute(null=True)
    failure = FailureAttribute(null=True)
    block_id = UnicodeAttribute(null=True)
    blocks = IntAttribute(null=True)
    refused_until = MomentAttribute(null=True)
    refusal = FailureAttribute(null=True)
    refusal_id = UnicodeAttribute(null=True)
    clock_offset_ms = IntAttribute(null=True)


class MarketItem(Item):
    """``MARKET``/``MARKET``: what the exchange last said of its market, as compressed JSON."""

    taken_at = MomentAttribute()
    answers = BinaryAttribute(legacy_encoding=False)


class MarketClaimItem(Item):
    """``MARKET``/``CLAIM``: whose turn it is to ask for the market."""

    claim_id = UnicodeAttribute()
    until = MomentAttribute()


class FailedStartItem(Item):
    """``FAILED_START``/``FAILED_START``: the last start by a schedule of which nothing came."""

    mode = UnicodeAttribute()
    due = MomentAttribute()
    at = MomentAttribute()
    reason = UnicodeAttribute()


class FailedTurnItem(Item):
    """``FAILED_START``/``FAILED_TURN``: the last turn of a worker that failed, and not for the first time."""

    run_id = UnicodeAttribute()
    series = UnicodeAttribute()
    at = MomentAttribute()
    reason = UnicodeAttribute()


class ListingsItem(Item):
    """``LISTINGS``/``LISTINGS``: what the exchange last said of each symbol of a run, as compressed JSON."""

    listings = BinaryAttribute(legacy_encoding=False)


class SeriesItem(Item):
    """``SERIES``/``binance:BTCUSDT#1h``."""

    first = IntAttribute(null=True)
    last = IntAttribute(null=True)
    absent = WindowAttribute(null=True)
    delisted = WindowAttribute(null=True)
    years = YearsAttribute()
    failed_windows = FailedWindowsAttribute(null=True, attr_name="troubles")
    rejected = FailedWindowsAttribute(null=True)
    denied = WindowsAttribute(null=True)
    silence = SilenceAttribute(null=True)
    disputed = DisputeAttribute(null=True)
    revision = UnicodeAttribute(null=True)


class UniverseItem(Item):
    """``UNIVERSE``/``2025-01-31#USDT``: the ranking of a day in a quote asset."""

    run_id = UnicodeAttribute()
    ranked: JSONAttribute = JSONAttribute()


def attributes_of(value: object, model: type[Item]) -> dict[str, Any]:
    """Return the attributes of a model that a domain value fills: those with the name of one of its members.

    Empty windows and sets are left out, as DynamoDB knows no empty set.
    """
    names = model.get_attributes().keys() - _KEYS_AND_AGE
    values = {name: getattr(value, name) for name in names if hasattr(value, name)}
    return {name: value if value or value in (0, {}) else None for name, value in values.items()}


def fields_of(item: Item) -> dict[str, Any]:
    """Return what is written in an item by the names of the domain's fields; absent attributes are left to defaults."""
    values = {name: getattr(item, name) for name in item.get_attributes().keys() - _KEYS_AND_AGE}
    return {name: value for name, value in values.items() if value is not None}
