"""One run, from bringing up what collects to the exit code: up, trigger, follow, say."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from candle_collector.answers import Started, Status
from candle_collector.api import routes
from candle_collector.domain.wording import counted
from rich.console import Console
from rich.text import Text
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_fixed

from background.places import Places
from background.progress import StackError, as_typed
from cli.client import ApiError, ApiRefusedError, ApiUnansweredError, ApiUnreachableError, CollectorApi
from cli.collect import remedies
from cli.collect.arguments import CollectionRequest
from cli.collect.display import Display, display_for
from cli.collect.result import (
    how_to_go_on,
    how_to_look,
    how_to_read,
    how_to_see,
    show_result,
    totals,
    what_stays,
    where_it_lies,
)
from cli.collect.stack import Exchange, Stack, read_stack, worker_cold_starts
from cli.collect.wording import EXIT_INTERRUPTED, EXIT_NOT_DONE, MINUTE, exit_code, moment, seconds_of, span

LOOK_SECONDS = 1.0
# A stack that is stopped and started again is back within this, and its run goes on.
PATIENCE_SECONDS = 90.0
# How often somebody who waits for it hears so.
REMINDED_SECONDS = 10.0
# A worker stores a batch in well under a second; after this it is asked why nothing comes.
STALLED_SECONDS = 3.0
MOST_RUNS_WAITED_FOR = 10
_DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
_IN_PROGRESS, _NOT_FOUND, _TOO_MANY_REQUESTS, _SERVER_ERROR = "COLLECTION_IN_PROGRESS", 404, 429, 500

Wait = Callable[[float], None]


class _StoppedError(Exception):
    """There will be no result: what to say instead, and the exit code."""

    def __init__(self, exit_code: int, *lines: str) -> None:
        super().__init__(*lines)
        self.exit_code = exit_code
        self.lines = lines


class Requested(Protocol):
    """What a person asked for."""

    @property
    def exchange(self) -> str:
        """The exchange to start the stack with; empty for the one that it has."""

    def trigger_body(self, now: datetime) -> dict[str, Any]:
        """Make the body of the trigger, by the exchange's clock."""

    def describe(self, body: dict[str, Any]) -> str:
        """Write what the body asks for."""


class Runs(Protocol):
    """The home that collects."""

    def up(self, asked_exchange: str) -> None:
        """Bring it up with this exchange, or raise StackError."""

    def save(self) -> None:
        """Make sure that what it stored is on the disk."""

    def is_gone(self) -> bool:
        """Return whether its program has ended, and nobody is starting it again."""


class _Watch(NamedTuple):
    """What following a run takes: the API, where to say it, how to wait, and what runs behind the API."""

    api: CollectorApi
    console: Console
    stack_file: str
    wait: Wait
    home: Runs


class Ended(NamedTuple):
    """A run that was followed to its end.

    Attributes
    ----------
    counted
        How many candle requests the exchange counted meanwhile; None where that is not known.
    """

    run_id: str
    status: Status
    stack: Stack
    counted: int | None


def collect(
    request: CollectionRequest,
    places: Places,
    console: Console,
    home: Runs,
    wait: Wait = time.sleep,
) -> int:
    """Collect as requested, say what came of it, and return the exit code as `follow` does, or by the outcomes."""
    ended = follow(request, places, console, home, wait)
    if isinstance(ended, int):
        return ended
    return report(ended, places, console, is_first_look=request.is_first_look)


def report(ended: Ended, places: Places, console: Console, *, is_first_look: bool = False) -> int:
    """Say what came of a run and how to read what it stored, and return the exit code by its outcomes."""
    run_id, status, stack, counted_by_exchange = ended
    stack_file = _from_here(places.stack_file)
    _report(console, status, counted_by_exchange, places.logs_dir)
    if status.last_results is not None and status.last_results.details:
        say(console, where_it_lies(stack, _from_here(stack.state_dir)))
        say(console, how_to_read(stack.api_url, stack_file, run_id, status.last_results.details[0]))
    if stack.database_url is not None:
        details = status.last_results.details if status.last_results is not None else []
        say(console, what_stays(stack, [series.interval for series in details]))
    if is_first_look:
        say(console, how_to_go_on())
    say(console, how_to_see())
    return exit_code(status.last_results)


def follow(
    request: Requested,
    places: Places,
    console: Console,
    home: Runs,
    wait: Wait = time.sleep,
) -> Ended | int:
    """Start a run as requested, and show it until it ends.

    Parameters
    ----------
    request
        What to do.
    places
        Where the stack says its addresses and writes its logs.
    console
        Where to say it.
    home
        What is to be up for it.
    wait
        Waits so many seconds between two looks.

    Returns
    -------
    Ended | int
        The run, or the exit code where it was not seen to its end: 2 when it was not started or is not seen any more,
        130 after Ctrl-C.
    """

    def begin(api: CollectorApi, exchange: Exchange) -> Callable[[], Started]:
        body = request.trigger_body(exchange.now(datetime.now(UTC)))
        say(console, f"Asking for {request.describe(body)} ...")
        return lambda: api.trigger(body)

    return _followed(request.exchange, begin, places, console, home=home, wait=wait)


def follow_retry(
    run_id: str | None, places: Places, console: Console, home: Runs, wait: Wait = time.sleep
) -> Ended | int:
    """Start a run of what another one could not get, and show it until it ends, as `follow` does.

    Without an id it is the newest that has something to retry; the note of the run that is started names it.
    """

    def begin(api: CollectorApi, _: Exchange) -> Callable[[], Started]:
        which = "the newest run that left something" if run_id is None else f"run {run_id}"
        say(console, f"Asking again for what {which} could not get ...")
        return lambda: api.retry(run_id or routes.NEWEST)

    return _followed("", begin, places, console, home=home, wait=wait)


def _followed(
    asked_exchange: str,
    begin: Callable[[CollectorApi, Exchange], Callable[[], Started]],
    places: Places,
    console: Console,
    *,
    home: Runs,
    wait: Wait,
) -> Ended | int:
    """Bring the home up, start what `begin` returns a start of, and show it until it ends."""
    stack_file = _from_here(places.stack_file)
    try:
        stack = _up(asked_exchange, places.stack_file, home)
        api, exchange = CollectorApi(stack.api_url, stack.api_key), Exchange(stack.exchange_url)
        start = begin(api, exchange)
        counted_before: int | None = None

        def ask() -> Started:
            nonlocal counted_before
            counted_before = exchange.candle_requests()
            return start()

        watch = _Watch(api, console, stack_file, wait, home)
        run_id = _start(watch, ask)
        status = _follow(watch, run_id)
        home.save()
    except _StoppedError as stop:
        console.print()
        for number, line in enumerate(stop.lines):
            say(console, line, "red" if number == 0 and stop.exit_code == EXIT_NOT_DONE else "")
        return stop.exit_code
    except KeyboardInterrupt:  # from the trigger on, the steps answer it themselves
        console.print()
        say(console, "Stopped before anything was started.")
        return EXIT_INTERRUPTED
    return Ended(run_id, status, stack, _difference(exchange.candle_requests(), counted_before))


def _up(exchange: str, stack_file: Path, home: Runs) -> Stack:
    try:
        home.up(exchange)
        return read_stack(stack_file)
    except StackError as error:
        raise _StoppedError(EXIT_NOT_DONE, str(error)) from error


def _start(watch: _Watch, ask: Callable[[], Started]) -> str:
    """Start the run and give its id; where another one is active, that one is shown first."""
    console = watch.console
    for _ in range(MOST_RUNS_WAITED_FOR):
        try:
            started = ask()
        except ApiRefusedError as error:
            run_id = error.refusal.run_id
            if error.refusal.code != _IN_PROGRESS or run_id is None:
                raise _StoppedError(EXIT_NOT_DONE, str(error), _remedy(error)) from error
            if not _is_known(watch.api, run_id):
                watch.wait(LOOK_SECONDS)
                continue
            say(console, f"Run {run_id} is active, and one runs at a time: yours starts when it has ended.", "yellow")
            say(console, "Ctrl-C ends the waiting; `make cancel` ends that run.", "yellow")
            _follow(watch, run_id, is_ours=False)
            watch.wait(LOOK_SECONDS)
        except (ApiUnreachableError, ApiUnansweredError) as error:
            raise _StoppedError(EXIT_NOT_DONE, str(error), _remedy(error)) from error
        except KeyboardInterrupt as error:
            look = how_to_look(watch.api.url, watch.stack_file, None)
            raise _StoppedError(EXIT_INTERRUPTED, "Stopped while asking; the run may have started:", look) from error
        else:
            days = f"{started.start_date} to {started.end_date}"
            cryptos = f"{counted(started.total_cryptos, 'crypto')}, candles of {' and '.join(started.intervals)}"
            takes = started.estimated_minutes * MINUTE
            about = f", about {span(takes)}" if takes >= MINUTE else ""
            say(console, f"Run {started.run_id}: {started.mode}, {days}, {cryptos}{about}.", "bold")
            if started.note:
                say(console, started.note, "yellow")
            return started.run_id
    raise _StoppedError(
        EXIT_NOT_DONE, "Other runs were active all the time; yours was not started.", "Ask again later."
    )


def _is_known(api: CollectorApi, run_id: str) -> bool:
    """Return whether the active run can be looked at: the moment it takes its lease it is not written down yet."""
    try:
        api.status(run_id)
    except ApiRefusedError as error:
        return error.http_status != _NOT_FOUND
    except ApiError:
        return True  # whoever looks next says what is wrong
    return True


def _follow(watch: _Watch, run_id: str, *, is_ours: bool = True) -> Status:
    """Show the run until it ends; the run itself does not depend on being watched."""
    stalled = Stalled(watch.api)
    try:
        with display_for(watch.console) as display:
            while True:
                status = _look(watch, run_id, display)
                display.show(status, stalled.reason(status))
                if not status.is_running:
                    return status
                watch.wait(LOOK_SECONDS)
    except ApiError as error:
        not_started = () if is_ours else ("What you asked for was not started: ask again afterwards.",)
        if _was_killed(error, watch.home):
            raise _StoppedError(
                EXIT_NOT_DONE,
                f"What collects has ended before run {run_id} did ({error}).",
                *not_started,
                f"`make up` starts it again, and `make status` shows the run. {remedies.WHY_IT_ENDED}",
            ) from error
        raise _StoppedError(EXIT_NOT_DONE, f"{error}; run {run_id} may go on.", *not_started, _remedy(error)) from error
    except KeyboardInterrupt as error:
        if not is_ours:
            raise _StoppedError(
                EXIT_INTERRUPTED, f"Run {run_id} goes on. What you asked for was not started."
            ) from error
        raise _StoppedError(
            EXIT_INTERRUPTED,
            f"Run {run_id} goes on without this display.",
            "  make status    # how it is\n"
            "  make cancel    # end it; what it stored stays\n"
            "  make retry     # afterwards: ask again for what it could not get",
            how_to_look(watch.api.url, watch.stack_file, run_id),
        ) from error


class _Hindrance(NamedTuple):
    """What holds a run up, and how it is said: a sentence with a time stays as long as the cause does."""

    cause: str
    said: str


class Stalled:
    """Why a run does not move: asked of the API where nothing was stored for a while.

    Where somebody is needed, that is what the archive says first of itself, with its remedy.
    """

    def __init__(self, api: CollectorApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._moved_at = self._asked_at = clock()
        self._seen: tuple[int, int] | None = None
        self._found: _Hindrance | None = None

    def reason(self, status: Status) -> str | None:
        """Return what holds the run up, as far as the API knows; None while it moves."""
        results, now = status.last_results, self._clock()
        seen = (results.total_records, status.progress.done) if results and status.progress else None
        if seen != self._seen or not status.is_running:
            self._seen, self._moved_at, self._found = seen, now, None
        elif now - self._moved_at >= STALLED_SECONDS and now - self._asked_at >= STALLED_SECONDS:
            self._asked_at = now
            found = self._asked(now - self._moved_at)
            if found is None or self._found is None or found.cause != self._found.cause:
                self._found = found
        return None if self._found is None else self._found.said

    def _asked(self, seconds: float) -> _Hindrance | None:
        try:
            info = self._api.system_info()
        except ApiRefusedError as error:
            message = error.refusal.message
            return _Hindrance(message, message) if error.refusal.code == _DATABASE_UNAVAILABLE else None
        except ApiError:
            return None
        health, exchange = info.health, info.exchange
        if health.state == "needs_you":
            return _Hindrance(health.sentence, " ".join(filter(None, (health.sentence, health.remedy))))
        if exchange.reachable:
            return None
        since = datetime.now(UTC) - timedelta(seconds=seconds)
        said = f"The exchange at {exchange.base_url} does not answer; nothing was stored since {since:%H:%M:%S} UTC."
        return _Hindrance(exchange.base_url, said)


def _look(watch: _Watch, run_id: str, display: Display) -> Status:
    """Ask for the status; an API away for a while (a restart, a busy machine) is asked again.

    One whose program has ended is not waited for.
    """
    noted_at = 0.0

    def note(look: RetryCallState) -> None:
        nonlocal noted_at
        error = look.outcome.exception() if look.outcome is not None else None
        waited = max(look.seconds_since_start or 0.0, (look.attempt_number - 1) * LOOK_SECONDS)
        if look.attempt_number == 1:
            display.note(f"No status just now ({error}); looking again, for up to {PATIENCE_SECONDS:.0f} s.")
        elif waited - noted_at >= REMINDED_SECONDS:
            noted_at = waited
            display.note(
                f"No status for {waited:.0f} s ({error}); looking again until {PATIENCE_SECONDS:.0f} s are over."
            )

    patiently = Retrying(
        retry=retry_if_exception(lambda error: _passes(error) and not _was_killed(error, watch.home)),
        wait=wait_fixed(LOOK_SECONDS),
        stop=stop_after_delay(PATIENCE_SECONDS) | stop_after_attempt(round(PATIENCE_SECONDS / LOOK_SECONDS)),
        sleep=watch.wait,
        before_sleep=note,
        reraise=True,
    )
    return patiently(watch.api.status, run_id)


def _was_killed(error: BaseException, home: Runs) -> bool:
    return isinstance(error, ApiUnreachableError | ApiUnansweredError) and home.is_gone()


def _passes(error: BaseException) -> bool:
    if isinstance(error, ApiRefusedError):
        return error.http_status == _TOO_MANY_REQUESTS or error.http_status >= _SERVER_ERROR
    return isinstance(error, ApiUnreachableError | ApiUnansweredError)


def _report(console: Console, status: Status, counted_by_exchange: int | None, logs: Path) -> None:
    results = status.last_results
    if results is None:
        say(console, f"Run {status.run_id} ended without results. Look into {logs} for why.", "red")
        return
    show_result(console, results)
    cold_starts = worker_cold_starts(logs, moment(status.start_time)) if status.start_time else None
    say(console, totals(results, seconds_of(status), counted_by_exchange, cold_starts), "bold")


def _from_here(path: Path) -> str:
    """Write a path as it can be typed from the current folder."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _difference(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else after - before


def _remedy(error: ApiError) -> str:
    if isinstance(error, ApiRefusedError):
        return remedies.remedy(error.http_status, error.refusal)
    return remedies.UNREACHABLE if isinstance(error, ApiUnreachableError) else remedies.UNANSWERED


def say(console: Console, text: str, style: str = "") -> None:
    """Print lines: prose is wrapped between words at a terminal, commands (indented) are left whole to be copied."""
    for line in as_typed(text).splitlines():
        console.print(Text(line, style=style), soft_wrap=line.startswith("  ") or not console.is_terminal)
