"""The items of the runs table as PynamoDB models, and their way to and from the domain's values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pynamodb.attributes import (
    Attribute,
    BooleanAttribute,
    JSONAttribute,
    ListAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.constants import STRING
from pynamodb.models import Model

from candle_collector.domain import windows
from candle_collector.domain.candle import INTERVAL
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.run import Failure, Outcome, Run, RunState, RunSymbol, SymbolRecord
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window

KEEP_RUNS = timedelta(days=90)
"""How long a run is kept after it started; series, universes and candles are kept for good."""

_HOUR_FORM = "%Y-%m-%dT%H"
_MOMENT_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"

M = TypeVar("M", bound=Model)


class HourAttribute(Attribute[int]):
    """An hour as ``2025-01-31T12``: readable in the console, and in order."""

    attr_type = STRING

    def serialize(self, value: int) -> str:
        """Write an hour."""
        return windows.moment_of(value).strftime(_HOUR_FORM)

    def deserialize(self, value: str) -> int:
        """Read an hour."""
        return _hour(value)


class WindowAttribute(Attribute[Window]):
    """A window as ``2025-01-31T12/2025-02-01T00``, half open."""

    attr_type = STRING

    def serialize(self, value: Window) -> str:
        """Write a window."""
        return "/".join(windows.moment_of(hour).strftime(_HOUR_FORM) for hour in value)

    def deserialize(self, value: str) -> Window:
        """Read a window."""
        start, end = value.split("/")
        return Window(_hour(start), _hour(end))


class MomentAttribute(Attribute[datetime]):
    """An aware UTC time with a fixed number of digits, so that text compares as time does."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        """Write a time."""
        return value.astimezone(UTC).strftime(_MOMENT_FORM)

    def deserialize(self, value: str) -> datetime:
        """Read a time."""
        return datetime.strptime(value, _MOMENT_FORM).replace(tzinfo=UTC)


def _hour(text: str) -> int:
    return windows.hour_of(datetime.strptime(text, _HOUR_FORM).replace(tzinfo=UTC))


class _Item(Model):
    """What all items of the table have."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    version = NumberAttribute(default=1)


class RunItem(_Item):
    """``RUN#id``/``RUN``."""

    mode = UnicodeAttribute()
    window = WindowAttribute()
    symbols: JSONAttribute = JSONAttribute()
    batch_size = NumberAttribute()
    created_at = MomentAttribute()
    deadline = MomentAttribute()
    recheck = BooleanAttribute()
    weight_limit = NumberAttribute()
    weight_seconds = NumberAttribute()
    clock_offset_ms = NumberAttribute()
    state = UnicodeAttribute()
    started_at = MomentAttribute(null=True)
    ended_at = MomentAttribute(null=True)
    end_reason = UnicodeAttribute(null=True)
    open_symbols = UnicodeSetAttribute(null=True)
    counts = JSONAttribute(null=True)
    note = UnicodeAttribute(null=True)
    expires_at = TTLAttribute()


class SymbolItem(_Item):
    """``RUN#id``/``SYM#BTCUSDT``."""

    trading = BooleanAttribute()
    outcome = UnicodeAttribute()
    turn = NumberAttribute()
    claimed_until = MomentAttribute(null=True)
    updated_at = MomentAttribute(null=True)
    resends = NumberAttribute(default=0)
    range = WindowAttribute(null=True)
    stored_before = NumberAttribute(null=True)
    records = NumberAttribute(default=0)
    requests = NumberAttribute(default=0)
    retries = NumberAttribute(default=0)
    attempts = NumberAttribute(default=0)
    due_at = MomentAttribute(null=True)
    asked_to = HourAttribute(null=True)
    given_up: ListAttribute[Window] = ListAttribute(of=WindowAttribute, null=True)  # type: ignore[arg-type] # as below
    missing: ListAttribute[Window] = ListAttribute(of=WindowAttribute, null=True)  # type: ignore[arg-type] # the stubs want the value's type here
    missing_hours = NumberAttribute(default=0)
    failure = JSONAttribute(null=True)
    first = HourAttribute(null=True)
    last = HourAttribute(null=True)
    closed_by = UnicodeAttribute(null=True)
    expires_at = TTLAttribute()


class MarkItem(_Item):
    """A record that only says that something is so: a run's place in the history, an open run, an occurrence."""

    at = MomentAttribute(null=True)
    expires_at = TTLAttribute(null=True)


class LeaseItem(_Item):
    """``LEASE``/``LEASE``: the one run that may be active."""

    run_id = UnicodeAttribute()
    expires = MomentAttribute()


class RateLimiterItem(_Item):
    """``GATE``/``GATE``: the weight reserved in a period, and the closed door."""

    period = NumberAttribute(null=True)
    reserved = NumberAttribute(null=True)
    blocked_until = MomentAttribute(null=True)
    failure = JSONAttribute(null=True)
    permanent = BooleanAttribute(null=True)
    clock_offset_ms = NumberAttribute(null=True)


class SeriesItem(_Item):
    """``SERIES``/``BTCUSDT#1h``."""

    first = HourAttribute(null=True)
    last = HourAttribute(null=True)
    absent = WindowAttribute(null=True)
    delisted = WindowAttribute(null=True)
    years: JSONAttribute = JSONAttribute()
    failed_windows = JSONAttribute(null=True, attr_name="troubles")


class UniverseItem(_Item):
    """``UNIVERSE``/``2025-01-31``: the ranking of a day."""

    run_id = UnicodeAttribute()
    ranked: JSONAttribute = JSONAttribute()


def bind(model: type[M], table: str) -> type[M]:
    """Return the model as that of a named table, with waits that fit into a function's life."""
    meta = type(
        "Meta",
        (),
        {
            "table_name": table,
            "connect_timeout_seconds": 2,
            "read_timeout_seconds": 5,
            "max_retry_attempts": 7,
        },
    )
    bound: type[M] = type(model)(model.__name__, (model,), {"Meta": meta, "__module__": model.__module__})  # type: ignore[misc] # a class made at run time
    return bound


def run_key(run_id: str) -> str:
    """Return the partition of a run."""
    return f"RUN#{run_id}"


def symbol_key(symbol: str) -> str:
    """Return the sort key of a symbol in its run's partition."""
    return f"SYM#{symbol}"


def series_key(symbol: str) -> str:
    """Return the sort key of a series."""
    return f"{symbol}#{INTERVAL}"


def run_attributes(run: Run) -> dict[str, Any]:
    """Return a run's attributes."""
    return {
        "mode": run.mode,
        "window": run.window,
        "symbols": [[one.symbol, one.trading] for one in run.symbols],
        "batch_size": run.batch_size,
        "created_at": run.created_at,
        "deadline": run.deadline,
        "recheck": run.recheck,
        "weight_limit": run.weight_limit,
        "weight_seconds": run.weight_seconds,
        "clock_offset_ms": run.clock_offset_ms,
        "state": run.state.value,
        "open_symbols": set(run.open) or None,
        "note": run.note,
        "version": run.version,
        "expires_at": run.created_at + KEEP_RUNS,
    }


def run_of(item: RunItem) -> Run:
    """Return the run of an item."""
    return Run(
        run_id=item.pk.removeprefix("RUN#"),
        mode=item.mode,  # type: ignore[arg-type] # written from the same Literal
        start=item.window.start,
        end=item.window.end,
        symbols=tuple(RunSymbol(symbol, trading) for symbol, trading in item.symbols),
        batch_size=int(item.batch_size),
        created_at=item.created_at,
        deadline=item.deadline,
        recheck=item.recheck,
        weight_limit=int(item.weight_limit),
        weight_seconds=int(item.weight_seconds),
        clock_offset_ms=int(item.clock_offset_ms),
        state=RunState(item.state),
        started_at=item.started_at,
        ended_at=item.ended_at,
        end_reason=item.end_reason,
        open=frozenset(item.open_symbols or ()),
        counts=item.counts,
        note=item.note,
        version=int(item.version),
    )


def symbol_attributes(record: SymbolRecord) -> dict[str, Any]:
    """Return a symbol record's attributes, but for those that only conditional steps change."""
    return {
        "trading": record.trading,
        "outcome": record.outcome.value,
        "turn": record.turn,
        "claimed_until": record.claimed_until,
        "updated_at": record.updated_at,
        "resends": record.resends,
        "range": record.range,
        "stored_before": record.stored_before,
        "records": record.records,
        "requests": record.requests,
        "retries": record.retries,
        "attempts": record.attempts,
        "due_at": record.due_at,
        "asked_to": record.asked_to,
        "given_up": list(record.given_up) or None,
        "missing": list(record.missing) or None,
        "missing_hours": record.missing_hours,
        "failure": asdict(record.failure) if record.failure else None,
        "first": record.first,
        "last": record.last,
        "closed_by": record.closed_by,
        "version": record.version,
    }


def symbol_of(item: SymbolItem) -> SymbolRecord:
    """Return the record of an item."""
    return SymbolRecord(
        run_id=item.pk.removeprefix("RUN#"),
        symbol=item.sk.removeprefix("SYM#"),
        trading=item.trading,
        outcome=Outcome(item.outcome),
        turn=int(item.turn),
        claimed_until=item.claimed_until,
        updated_at=item.updated_at,
        resends=int(item.resends),
        range=item.range,
        stored_before=None if item.stored_before is None else int(item.stored_before),
        records=int(item.records),
        requests=int(item.requests),
        retries=int(item.retries),
        attempts=int(item.attempts),
        due_at=item.due_at,
        asked_to=item.asked_to,
        given_up=tuple(_windows(item.given_up)),
        missing=tuple(_windows(item.missing)),
        missing_hours=int(item.missing_hours),
        failure=Failure(**item.failure) if item.failure else None,
        first=item.first,
        last=item.last,
        closed_by=item.closed_by,
        version=int(item.version),
    )


def _windows(items: Iterable[Window] | None) -> Iterable[Window]:
    return (Window(*item) for item in items or ())


def series_of(item: SeriesItem) -> Series:
    """Return the series of an item."""
    return Series(
        symbol=item.sk.removesuffix(f"#{INTERVAL}"),
        first=item.first,
        last=item.last,
        absent=item.absent,
        delisted=item.delisted,
        years={int(year): int(hours) for year, hours in item.years.items()},
        failed_windows=tuple(
            FailedWindow(WindowAttribute().deserialize(window), attempts, error)
            for window, attempts, error in item.failed_windows or ()
        ),
        version=int(item.version),
    )
