"""Numbers, spans and outcomes in words, and the exit code; pure."""

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from candle_collector.answers import OutcomeName, Results, Status, SymbolResult, Window
from candle_collector.domain.run import Failure

MINUTE = 60
HOUR = 3600
EXIT_COLLECTED = 0
EXIT_INCOMPLETE = 1
EXIT_NOT_DONE = 2
EXIT_INTERRUPTED = 130
PACE_SECONDS = 15


def having(results: Results, *names: OutcomeName) -> list[SymbolResult]:
    """Return the symbols whose outcome is one of `names`, in the order of the answer."""
    return [symbol for symbol in results.details if symbol.status in names]


def requests_of(results: Results) -> int:
    """Return how many requests for candles the workers made."""
    return sum(symbol.requests for symbol in results.details)


def seconds_of(status: Status) -> float | None:
    """Return the seconds from a run's start until now, or until its end; the API reports only the former."""
    ended_at = status.last_results.ended_at if status.last_results is not None else None
    if ended_at is not None and status.start_time is not None:
        return (moment(ended_at) - moment(status.start_time)).total_seconds()
    return status.elapsed_seconds


def counted(number: int, noun: str) -> str:
    """Write `1 request`, `2,160 candles`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def span(seconds: float) -> str:
    """Write a time in seconds as a person says it: `8 s`, `1 min 05 s`, `2 h 10 min`."""
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"


def moment(text: str) -> datetime:
    """Read a moment of the API."""
    return datetime.fromisoformat(text)


def hour(opened: datetime) -> str:
    """Write an open time in UTC to the minute."""
    return opened.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def window(missing: Window) -> str:
    """Write a missing window by its first and last missing hour."""
    first, last = hour(moment(missing.start)), hour(moment(missing.end) - timedelta(hours=1))
    return f"{first} (1 hour)" if missing.hours == 1 else f"{first} to {last} ({missing.hours:,} hours)"


def windows(missing: Sequence[Window], hours: int, most: int = 3) -> list[str]:
    """Write the first `most` missing windows, and of how many `hours` in all they are a part if there are more."""
    lines = [window(item) for item in missing[:most]]
    rest = hours - sum(item.hours for item in missing[:most])
    return [*lines, f"and {counted(rest, 'more hour')}"] if rest > 0 else lines


def reason(error: Failure | None) -> str:
    """Write why a symbol is not complete, with what the exchange said."""
    if error is None:
        return "no reason given"
    marks = [error.kind]
    if error.http_status is not None:
        marks.append(f"HTTP {error.http_status}")
    if error.exchange_code is not None:
        marks.append(f"code {error.exchange_code}")
    if error.attempts:
        marks.append(counted(error.attempts, "attempt"))
    return f"{error.message} [{', '.join(marks)}]"


def states(results: Results) -> list[tuple[int, OutcomeName]]:
    """Count the symbols in each state that has any, the ended ones first."""
    counts: list[tuple[int, OutcomeName]] = [
        (results.complete, "complete"),
        (results.skipped, "skipped"),
        (results.partial, "partial"),
        (results.failed, "failed"),
        (len(having(results, "running")), "running"),
        (len(having(results, "pending")), "pending"),
    ]
    return [(number, name) for number, name in counts if number]


def tally(results: Results) -> str:
    """Write how many symbols are in each state."""
    return ", ".join(f"{number} {name}" for number, name in states(results))


def progress_line(status: Status, candles_per_second: float | None) -> str:
    """Write a run's progress in one plain line, for logs and pipes."""
    parts = []
    if status.progress is not None:
        progress = status.progress
        parts.append(f"{progress.done}/{progress.total} cryptos ({progress.percent:.0f}%)")
    if status.last_results is not None:
        parts.append(counted(status.last_results.total_records, "candle"))
        if candles_per_second is not None:
            parts.append(f"{candles_per_second:,.0f} candles/s")
        parts.append(counted(requests_of(status.last_results), "request"))
        parts.append(tally(status.last_results))
    if status.progress is not None and status.progress.eta_seconds is not None and status.is_running:
        parts.append(f"about {span(status.progress.eta_seconds)} left")
    if status.waiting_for_exchange_until is not None:
        parts.append(waiting(moment(status.waiting_for_exchange_until)))
    return " | ".join(parts)


def waiting(until: datetime) -> str:
    """Write that the exchange's limit holds the run back."""
    return f"waiting for the exchange until {until.astimezone(UTC):%H:%M:%S} UTC"


def exit_code(results: Results | None) -> int:
    """Give 0 when every symbol is complete or skipped and the counts add up, 1 otherwise."""
    if results is None:
        return EXIT_INCOMPLETE
    whole = results.complete + results.skipped == results.total_cryptos
    return EXIT_COLLECTED if whole and not results.partial and not results.failed else EXIT_INCOMPLETE


class Pace:
    """Candles a second over the last quarter of a minute, from what the status said at each look."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()

    def after(self, seconds: float, candles: int) -> float | None:
        """Add a look and give the pace; None until two looks lie apart.

        Parameters
        ----------
        seconds
            Since the run's start.
        candles
            Stored by the run so far.
        """
        self._looks.append((seconds, candles))
        while len(self._looks) > 2 and seconds - self._looks[1][0] >= PACE_SECONDS:  # noqa: PLR2004 - a pace needs two
            self._looks.popleft()
        first_seconds, first_candles = self._looks[0]
        if seconds <= first_seconds:
            return None
        return (candles - first_candles) / (seconds - first_seconds)
