"""How the domain's values are written into items: each type once, readable in the console."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pynamodb.attributes import Attribute
from pynamodb.constants import BINARY, LIST, NUMBER, STRING

from candle_collector.domain.comparison import Comparison, Difference
from candle_collector.domain.coverage import Silence
from candle_collector.domain.failed_window import FailedWindow
from candle_collector.domain.run import Failure, RunSeries
from candle_collector.domain.series import series_named
from candle_collector.domain.series_record import Dispute
from candle_collector.domain.windows import Window, Windows

_MOMENT_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"

E = TypeVar("E", bound=StrEnum)


class IntAttribute(Attribute[int]):
    """A whole number."""

    attr_type = NUMBER

    def serialize(self, value: int) -> str:
        """Write a number."""
        return str(value)

    def deserialize(self, value: str) -> int:
        """Read a number."""
        return int(value)


class EnumAttribute(Attribute[E], Generic[E]):
    """A member of an enumeration by its value."""

    attr_type = STRING

    def __init__(self, kind: type[E], **options: Any) -> None:
        super().__init__(**options)
        self._kind = kind

    def serialize(self, value: E) -> str:
        """Write a member."""
        return value.value

    def deserialize(self, value: str) -> E:
        """Read a member."""
        return self._kind(value)


class WindowAttribute(Attribute[Window]):
    """A window as ``482436/482448``, half open: slots of the item's series, or ms since 1970 UTC."""

    attr_type = STRING

    def serialize(self, value: Window) -> str:
        """Write a window."""
        return _window_text(value)

    def deserialize(self, value: str) -> Window:
        """Read a window."""
        return _window(value)


class WindowsAttribute(Attribute[Windows]):
    """Windows as a list of texts."""

    attr_type = LIST

    def serialize(self, value: Windows) -> list[dict[str, str]]:
        """Write windows."""
        return [{STRING: _window_text(window)} for window in value]

    def deserialize(self, value: Sequence[dict[str, str]]) -> Windows:
        """Read windows."""
        return tuple(_window(text[STRING]) for text in value)

    def set(self, value: Any) -> Any:
        """Return the action that sets it; PynamoDB takes what is not a list for one element."""
        return super().set(list(value))  # type: ignore[arg-type] # a list of the same windows


class MomentAttribute(Attribute[datetime]):
    """An aware UTC time with a fixed number of digits, so that text compares as time does."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        """Write a time."""
        return value.astimezone(UTC).strftime(_MOMENT_FORM)

    def deserialize(self, value: str) -> datetime:
        """Read a time."""
        return datetime.strptime(value, _MOMENT_FORM).replace(tzinfo=UTC)


class FailureAttribute(Attribute[Failure]):
    """Why something is missing, as JSON."""

    attr_type = STRING

    def serialize(self, value: Failure) -> str:
        """Write a failure."""
        return json.dumps(asdict(value))

    def deserialize(self, value: str) -> Failure:
        """Read a failure."""
        return Failure(**json.loads(value))


class ComparisonAttribute(Attribute[Comparison]):
    """What a verification found, as JSON: slots as numbers, and candles as the lines that are stored."""

    attr_type = STRING

    def serialize(self, value: Comparison) -> str:
        """Write a comparison."""
        return json.dumps(asdict(value))

    def deserialize(self, value: str) -> Comparison:
        """Read a comparison."""
        fields = json.loads(value)
        return Comparison(**{**fields, "differences": tuple(Difference(*item) for item in fields["differences"])})


class RunSeriesAttribute(Attribute[tuple[RunSeries, ...]]):
    """The series of a run as compressed JSON: ``[["binance:BTCUSDT#1h", true]]``.

    Each series that ends writes the run's item, and a write costs what the whole item has: of 3,500 series the names
    alone are 95 KB as text, and 15 compressed. In the console their records have them to read.
    """

    attr_type = BINARY

    def serialize(self, value: tuple[RunSeries, ...]) -> bytes:
        """Write series."""
        text = json.dumps([[str(item.series), item.trading] for item in value], ensure_ascii=False)
        return zlib.compress(text.encode(), 9)

    def deserialize(self, value: bytes) -> tuple[RunSeries, ...]:
        """Read series."""
        return tuple(RunSeries(series_named(name), trading) for name, trading in json.loads(zlib.decompress(value)))


class YearsAttribute(Attribute[dict[int, int]]):
    """Counts by year as JSON: ``{"2025": 8760}``."""

    attr_type = STRING

    def serialize(self, value: dict[int, int]) -> str:
        """Write counts."""
        return json.dumps({str(year): number for year, number in sorted(value.items())})

    def deserialize(self, value: str) -> dict[int, int]:
        """Read counts."""
        return {int(year): int(number) for year, number in json.loads(value).items()}


class FailedWindowsAttribute(Attribute[tuple[FailedWindow, ...]]):
    """Failed windows as JSON: ``[["482436/482448", 4, "the exchange answered 503"]]``."""

    attr_type = STRING

    def serialize(self, value: tuple[FailedWindow, ...]) -> str:
        """Write failed windows."""
        return json.dumps([[_window_text(failed.window), failed.attempts, failed.error] for failed in value])

    def deserialize(self, value: str) -> tuple[FailedWindow, ...]:
        """Read failed windows."""
        return tuple(FailedWindow(_window(text), attempts, error) for text, attempts, error in json.loads(value))


class SilenceAttribute(Attribute[Silence]):
    """What one run was not answered, as ``482436/482448 01JWNP30F0AAAAAAAAAAAAAAAA``."""

    attr_type = STRING

    def serialize(self, value: Silence) -> str:
        """Write a silence."""
        return f"{_window_text(value.window)} {value.run_id}"

    def deserialize(self, value: str) -> Silence:
        """Read a silence."""
        window, run_id = value.split(" ")
        return Silence(_window(window), run_id)


class DisputeAttribute(Attribute[Dispute]):
    """What one run was answered instead of what is stored, as ``0123abcd... 01JWNP30F0AAAAAAAAAAAAAAAA``."""

    attr_type = STRING

    def serialize(self, value: Dispute) -> str:
        """Write a dispute."""
        return f"{value.digest} {value.run_id}"

    def deserialize(self, value: str) -> Dispute:
        """Read a dispute."""
        return Dispute(*value.split(" "))


def _window_text(window: Window) -> str:
    return f"{window.start}/{window.end}"


def _window(text: str) -> Window:
    start, end = text.split("/")
    return Window(int(start), int(end))
