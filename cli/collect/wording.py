"""Numbers, spans and outcomes in words, and the exit code; pure."""

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

from candle_collector.answers import OutcomeName, Results, Status, SymbolResult, Window
from candle_collector.domain import dates
from candle_collector.domain.interval import interval_named
from candle_collector.domain.run import Failure
from candle_collector.domain.wording import counted

MINUTE = 60
HOUR = 3600
EXIT_COLLECTED = 0
EXIT_INCOMPLETE = 1
EXIT_NOT_DONE = 2
EXIT_INTERRUPTED = 130
PACE_SECONDS = 15


def having(results: Results, *names: OutcomeName) -> list[SymbolResult]:
    """Return the series whose outcome is one of `names`, in the order of the answer."""
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


def open_time(opened: datetime) -> str:
    """Write an open time in UTC to the minute."""
    return opened.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def window(missing: Window) -> str:
    """Write a missing window by the open times of its first and its last candle."""
    start, end = moment(missing.start), moment(missing.end)
    first, last = open_time(start), open_time(end - (end - start) / missing.candles)
    return f"{first} (1 candle)" if missing.candles == 1 else f"{first} to {last} ({missing.candles:,} candles)"


def windows(missing: Sequence[Window], candles: int, most: int = 3) -> list[str]:
    """Write the first `most` missing windows, and of how many `candles` in all they are a part if there are more."""
    lines = [window(item) for item in missing[:most]]
    rest = candles - sum(item.candles for item in missing[:most])
    return [*lines, f"and {counted(rest, 'more candle')}"] if rest > 0 else lines


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


STATES: tuple[OutcomeName, ...] = ("complete", "skipped", "partial", "failed", "running", "pending")
"""Those in which a series can be, the ended ones first."""


def states(results: Results) -> list[tuple[int, OutcomeName]]:
    """Count the series in each state that has any: the answer's own counts are by crypto, whatever its intervals."""
    counts = ((len(having(results, name)), name) for name in STATES)
    return [(number, name) for number, name in counts if number]


def tally(results: Results) -> str:
    """Write how many series are in each state."""
    return ", ".join(f"{number} {name}" for number, name in states(results))


def length_of_run(results: Results) -> int:
    """Return how much time the run is about, in ms."""
    return dates.end_of(results.end_date) - dates.start_of(results.start_date)


def part_done(series: SymbolResult, length_ms: int) -> float:
    """Return how much of what a run is to do for a series is done, from 0 to 1.

    A crypto that is younger than the run's start is nearer to its end than it seems, and so is one that is not begun:
    the candles of the run's whole length stand for those that it will find missing.
    """
    if series.status not in {"running", "pending"}:
        return 1.0
    return min(1.0, max(series.records, series.compared or 0) / max(1, most_wanted(series, length_ms)))


def most_wanted(series: SymbolResult, length_ms: int) -> int:
    """Return how many candles a run is to bring of a series, or at most may, where that is not known yet."""
    if series.wanted_candles is not None:
        return series.wanted_candles
    return length_ms // interval_named(series.interval).length_ms


def share_done(results: Results) -> float:
    """Return how much of a run is done, from 0 to 1: the series that have ended, and what is stored of the others."""
    length = length_of_run(results)
    return sum(part_done(series, length) for series in results.details) / max(1, len(results.details))


def progress_line(
    status: Status, candles_per_second: float | None, seconds_left: float | None, warning: str | None = None
) -> str:
    """Write a run's progress in one plain line, for logs and pipes."""
    parts = []
    if status.progress is not None:
        progress = status.progress
        share = 100 * share_done(status.last_results) if status.last_results else progress.percent
        parts.append(f"{progress.done}/{progress.total} series ({share:.0f}%)")
    if status.last_results is not None:
        parts.append(counted(status.last_results.total_records, "candle"))
        if candles_per_second is not None:
            parts.append(f"{candles_per_second:,.0f} candles/s")
        parts.append(counted(requests_of(status.last_results), "request"))
        parts.append(tally(status.last_results))
    if seconds_left is not None and status.is_running and not warning:
        parts.append(f"about {span(seconds_left)} left")
    if status.waiting_for_exchange_until is not None:
        parts.append(waiting(moment(status.waiting_for_exchange_until)))
    if warning:
        parts.append(warning)
    return " | ".join(parts)


class Speed:
    """How fast a run goes, and how long it will take at this speed."""

    def __init__(self) -> None:
        self._candles = Pace()
        self._share = Pace()

    def after(self, status: Status) -> tuple[float | None, float | None]:
        """Add a look, and give candles a second and the seconds left; None where they are not known yet."""
        seconds, results = seconds_of(status), status.last_results
        if results is None or seconds is None:
            return None, None
        share = share_done(results)
        pace = self._share.after(seconds, share)
        left = status.progress.eta_seconds if status.progress is not None else None
        if pace is not None:
            left = (1 - share) / pace if pace > 0 else None
        return self._candles.after(seconds, results.total_records), left


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
    """What is done in a second over the last quarter of a minute, from what the status said at each look."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, float]] = deque()

    def after(self, seconds: float, done: float) -> float | None:
        """Add a look and give the pace; None until two looks lie apart.

        Parameters
        ----------
        seconds
            Since the run's start.
        done
            By the run so far: candles, or a share of it.
        """
        self._looks.append((seconds, done))
        while len(self._looks) > 2 and seconds - self._looks[1][0] >= PACE_SECONDS:  # noqa: PLR2004 - a pace needs two
            self._looks.popleft()
        first_seconds, first_done = self._looks[0]
        if seconds <= first_seconds:
            return None
        return (done - first_done) / (seconds - first_seconds)
