"""A run's progress on the screen: a picture that is redrawn at a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from candle_collector.answers import Results, Status
from candle_collector.domain.wording import counted
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.collect.result import STYLES
from cli.collect.wording import (
    Speed,
    having,
    length_of_run,
    moment,
    most_wanted,
    progress_line,
    requests_of,
    seconds_of,
    share_done,
    span,
    states,
    waiting,
)

RUNNING_LINES = 8
PLAIN_SECONDS = 5.0
BAR_WIDTH = 40


class Display(Protocol):
    """Shows one status after the other."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def show(self, status: Status, warning: str | None = None) -> None:
        """Show how far the run is, and what holds it up."""
        ...

    def note(self, text: str) -> None:
        """Say something beside the progress."""
        ...


def picture(
    status: Status, candles_per_second: float | None, seconds_left: float | None, warning: str | None = None
) -> RenderableType:
    """Draw a status: the overall bar, the rate, the tally, the series now running."""
    parts: list[RenderableType] = []
    if status.progress is not None:
        progress = status.progress
        bar = Table.grid(padding=(0, 1))
        left = "" if seconds_left is None or warning else f"about {span(seconds_left)} left"
        share = share_done(status.last_results) if status.last_results is not None else progress.percent / 100
        bar.add_row(
            ProgressBar(total=1, completed=share, width=BAR_WIDTH, complete_style="green"),
            Text(f"{progress.done}/{progress.total} series", style="bold"),
            f"{100 * share:.0f}%",
            Text(span(seconds_of(status) or 0), style="dim"),
            Text(left, style="dim"),
        )
        parts.append(bar)
    if status.last_results is not None:
        results = status.last_results
        figures = [counted(results.total_records, "candle"), counted(requests_of(results), "request")]
        if candles_per_second is not None:
            figures.insert(1, f"{candles_per_second:,.0f} candles/s")
        parts.append(Text("  ".join(figures), style="cyan"))
        parts.append(Text("  ").join(Text(f"{number} {name}", STYLES[name]) for number, name in states(results)))
        parts.append(_running(results))
    if status.waiting_for_exchange_until is not None:
        parts.append(Text(waiting(moment(status.waiting_for_exchange_until)), style="yellow"))
    if warning:
        parts.append(Text(warning, style="bold red"))
    return Group(*parts)


def _running(results: Results) -> RenderableType:
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="bold")
    lines.add_column(justify="right")
    lines.add_column(justify="right")
    lines.add_column(style="yellow")
    running, length_ms = having(results, "running"), length_of_run(results)
    for symbol in running[:RUNNING_LINES]:
        retries = f"{symbol.retries} retried" if symbol.retries else ""
        lines.add_row(
            escape(f"  {symbol.symbol} {symbol.interval}"),
            f"{symbol.records:,} of up to {counted(most_wanted(symbol, length_ms), 'candle')}",
            counted(symbol.requests, "request"),
            retries,
        )
    if len(running) > RUNNING_LINES:
        lines.add_row(f"  and {len(running) - RUNNING_LINES} more")
    return lines


class TerminalDisplay:
    """Redraws one picture in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._speed = Speed()

    def __enter__(self) -> Self:
        """Take over the terminal's last lines."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Clear the picture, so that what follows stands where it was."""
        self._live.stop()

    def show(self, status: Status, warning: str | None = None) -> None:
        """Draw the picture again."""
        self._live.update(picture(status, *self._speed.after(status), warning), refresh=True)

    def note(self, text: str) -> None:
        """Print a line above the picture."""
        self._live.console.print(Text(text, style="yellow"))


class PlainDisplay:
    """Prints a line when something changed, at most one every few seconds, without control codes."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._speed = Speed()
        self._warned: str | None = None
        self._last_line = ""
        self._last_at: float | None = None

    def __enter__(self) -> Self:
        """Nothing is to be taken over."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is to be released."""

    def show(self, status: Status, warning: str | None = None) -> None:
        """Print the status's line, unless the last one is too fresh or the same.

        A new warning is printed at once, and once: as long as it stays, nothing moves.
        """
        line = progress_line(status, *self._speed.after(status), warning)
        now = self._clock()
        is_known = warning == self._warned
        too_fresh = self._last_at is not None and now - self._last_at < PLAIN_SECONDS and is_known
        self._warned = warning
        if line == self._last_line or too_fresh or (warning and is_known):
            return
        self._last_line, self._last_at = line, now
        self.note(line)

    def note(self, text: str) -> None:
        """Print a line at once."""
        self._console.print(Text(text), soft_wrap=True)


def display_for(console: Console) -> Display:
    """Choose by where the output goes; FORCE_COLOR alone does not make a pipe a terminal."""
    at_terminal = console.file.isatty() and not console.is_dumb_terminal
    return TerminalDisplay(console) if at_terminal else PlainDisplay(console)
