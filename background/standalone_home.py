"""The archive as a server of this machine, started in the background or in this terminal, and its database."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import candle_collector
from candle_collector.errors import SettingError
from candle_collector.settings import Setting, Settings

from background.files import digest_of, left_as_it_was, read_object, without_new, write_private
from background.home import STANDALONE, STARTS_WITHIN_S, STOPS_WITHIN_S, TITLES, Home, running_home
from background.http_status import OK, http_status
from background.kept_settings import DEFAULT_INTERVALS, INTERVALS, KeptSettings, as_expressions
from background.places import PORT_VARIABLES, PROJECT, Places
from background.progress import StackError, say, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from background.exchange_choice import ExchangeChoice

DATABASE_URL = "DATABASE_URL"
_TABLE: dict[str, Setting[Any]] = {value.name: value for value in vars(Settings).values() if isinstance(value, Setting)}
# what the server itself knows, or this program
_NOT_GIVEN = {"STAGE", "CANDLES_TABLE", "RUNS_TABLE", "KEYS_TABLE", "COLLECT_QUEUE_URL", "EXCHANGE_BASE_URL"}
_OF_THE_SERVER = {"RECONCILER_SCHEDULE", "LOG_LEVEL"}
SETTINGS = frozenset({DATABASE_URL, *_TABLE, *_OF_THE_SERVER} - _NOT_GIVEN)
"""The variables that set up the server."""
_SECRET = frozenset({"NOTIFY_WEBHOOK_URL", "NOTIFY_WEBHOOK_SECRET", "NOTIFY_SMTP_URL"})
"""They are kept for the server, and shown nowhere."""
LOCAL_HOST = "127.0.0.1"
DATABASE_REFUSED = 3
"""What the server exits with where it is asked what it would refuse, and it is the database."""
_OWN_DATABASE = f"`make up {DATABASE_URL}=default`"


def without_password(url: str) -> str:
    """Return a database's address with stars for its password."""
    return re.sub(r"([?&]password=)[^&]*", r"\1***", re.sub(r"(://[^:/@]*):[^/]*@", r"\1:***@", url))


@contextmanager
def _on_signals(handle: Callable[[int, object], None], *numbers: signal.Signals) -> Iterator[None]:
    """Have signals be handled so for as long as this lasts."""
    before = {number: signal.getsignal(number) for number in numbers}
    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _has_series(database: Path) -> bool:
    """Return whether a file holds anything, as it does where another program has written meanwhile."""
    if not database.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
            return opened.execute("SELECT 1 FROM series").fetchone() is not None
    except sqlite3.Error:
        return True


def _exit(number: int, _: object) -> None:
    sys.exit(128 + number)


class StandaloneHome(Home):
    """The server, and the database it keeps.

    Parameters
    ----------
    places
        Folders and ports.
    goes_on_by_itself
        Whether it is started to go on by itself: then its schedules are on unless they were switched off.
    host
        The address that the server listens on.
    environment
        Where the settings are read that a person gives now, beside those that are kept.
    """

    on = STANDALONE

    def __init__(
        self,
        places: Places,
        *,
        goes_on_by_itself: bool = False,
        host: str = LOCAL_HOST,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        super().__init__(places, environment=environment)
        self._goes_on_by_itself = goes_on_by_itself
        self._host = host

    def serve(self, asked_exchange: str) -> int:
        """Serve in this terminal until it is stopped, and return the server's exit code.

        Raises
        ------
        StackError
            It cannot be started, or one runs already.
        """
        with self._alone():
            if running_home(self._places) == self.on:
                raise StackError("The server runs already.", "`candles down` stops it; `candles status` shows it.")
            choice = self._choose(asked_exchange)
            state, url = self._prepared(choice)
            self._check(state, url)
            self._check_exchange(choice, url)
            self._require_free_ports(choice)
            self._stop_other_home()
            self._ensure_exchange(choice, url)
            self._places.stack_file.unlink(missing_ok=True)
            with self._stopped_by_signals():
                self._start(state, url, attached=True)
                try:
                    self._describe(choice, state, url, self._ready(state))
                    self._keep(state)
                    self._remember(asked_exchange, state)
                    self._say_up(choice, state)
                except StackError as error:
                    ended = self._program.running() is None
                    self._program.stop(STOPS_WITHIN_S)
                    self._exchange.stop(STOPS_WITHIN_S)
                    if ended:  # it has said why, in this terminal
                        return self._program.ended()
                    raise error from None
        with self._stopped_by_signals():
            code = self._program.ended()
        with self._alone():
            self._places.stack_file.unlink(missing_ok=True)
            self._exchange.stop(STOPS_WITHIN_S)
        return code

    @contextmanager
    def _up_for_a_plan(self, asked_exchange: str) -> Iterator[None]:
        """Have a server answer that does nothing by itself, and take down what was brought up for it.

        No setting is kept, nor the exchange. An exchange that ran goes on, and stack.json is what it was. Files that
        had to be made where nothing was stored are removed. What stays is lines in the logs; where there was one, the
        database, in its newest form; and where it knew none, its admin key.
        """
        choice = self._choose(asked_exchange)
        state = self._places.local_dir / choice.folder
        # Else other programs may have the database open, whose files must not be taken from under them.
        is_fresh = not self._settings(state).get(DATABASE_URL) and not self._own_database(state).exists()
        exchange_ran = self._exchange.running() is not None
        self._keeps = False
        unused = without_new(state, unless=lambda: _has_series(self._own_database(state)))
        with unused if is_fresh else nullcontext(), left_as_it_was(self._places.stack_file):
            try:
                with _on_signals(_exit, signal.SIGTERM, signal.SIGHUP):
                    self._bring_up(asked_exchange, choice)
                    yield
            finally:
                self._stop()
                if not exchange_ran:
                    self._exchange.stop(STOPS_WITHIN_S)
                self._keeps = True

    def _stopped_by_signals(self) -> AbstractContextManager[None]:
        """Hand what ends this program to the server, which ends cleanly."""
        return _on_signals(
            lambda *_: self._program.signal(signal.SIGTERM), signal.SIGTERM, signal.SIGINT, signal.SIGHUP
        )

    def database_url(self, state: Path) -> str:
        """Return where the candles of a state folder are kept, its password included."""
        return self._settings(state).get(DATABASE_URL) or f"sqlite:///{self._own_database(state)}"

    def _own_database(self, state: Path) -> Path:
        return (state / "candles.db").absolute()

    def _settings(self, state: Path) -> dict[str, str]:
        return self._kept(state).with_those_of(self._given)

    def _kept(self, state: Path) -> KeptSettings:
        return KeptSettings(state / f"settings-{self.on}.json", SETTINGS)

    def _check(self, state: Path, exchange_url: str) -> None:
        settings = as_expressions(self._settings(state))
        try:
            for name in settings.keys() & _TABLE.keys():
                _TABLE[name].read(settings)
        except SettingError as error:
            raise StackError(f"{error}.", f"set {name} otherwise; {name}=default takes it back.") from error
        try:
            _ = Settings(settings).notify_webhook, Settings(settings).notify_mail
        except SettingError as error:
            raise StackError(f"{error}.", "set it otherwise; NAME=default takes a setting back.") from error
        self._check_database(state)
        if not self._answers_as_wanted(state, exchange_url):
            self._ask_the_server(state, exchange_url)

    def _check_database(self, state: Path) -> None:
        """Refuse a database that keeps the candles of another exchange: the candles of two never meet."""
        known = read_object(self._databases).get(self._database_id(state), state.name)
        if known != state.name:
            raise StackError(
                f"{DATABASE_URL} names a database that keeps the candles of another exchange ({known}).",
                f"give {state.name} a database of its own.",
            )

    def _ask_the_server(self, state: Path, exchange_url: str) -> None:
        """Let the server itself say what it would refuse: it knows databases, and this program does not.

        Raises
        ------
        StackError
        """
        running = self._program.running()
        checked = subprocess.run(
            [
                *(sys.executable, *self._arguments(state)),
                *("--check-beside", str(running.pid if running is not None else 0)),
            ],
            env=self._server_environment(state, exchange_url),
            cwd=self._working_folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if checked.returncode == 0:
            return
        refused = checked.stderr.strip().rstrip(".")
        if self._settings(state).get(DATABASE_URL) and checked.returncode == DATABASE_REFUSED:
            remedy = f"name another database, or go back to the one in the exchange's folder: {_OWN_DATABASE}."
        else:
            remedy = "" if checked.returncode == DATABASE_REFUSED else "set it otherwise; NAME=default takes it back."
        raise StackError(f"{refused}.", remedy)

    @property
    def _databases(self) -> Path:
        return self._places.local_dir / "databases.json"

    def _database_id(self, state: Path) -> str:
        return hashlib.sha256(without_password(self.database_url(state)).encode()).hexdigest()[:16]

    def _ports(self) -> Sequence[tuple[int, str, str]]:
        return [(self._places.api_port, PORT_VARIABLES["api"], "the API")]

    def _ensure_up(self, state: Path, exchange_url: str) -> str:
        if not self._answers_as_wanted(state, exchange_url):
            self._start_again(state, exchange_url)
        self._keep(state)
        return self._key(state)

    def _answers_as_wanted(self, state: Path, exchange_url: str) -> bool:
        """Return whether it runs with these settings in this version, and answers."""
        running = self._program.running()
        if running is None or running.purpose != self._purpose(state, exchange_url):
            return False
        key = self._key(state)
        return bool(key) and http_status(self._ping, key) == OK

    def _start_again(self, state: Path, exchange_url: str) -> None:
        running = self._program.running()
        if running is not None:
            is_wanted = running.purpose == self._purpose(state, exchange_url)
            why = "and does not answer" if is_wanted else "with other settings or in another version"
            say(f"The server runs {why}: starting it again.")
            self._places.stack_file.unlink(missing_ok=True)
            self._stop()
        with step("starting the server"):
            self._start(state, exchange_url)
            self._ready(state)

    def _start(self, state: Path, exchange_url: str, *, attached: bool = False) -> None:
        self._program.start(
            self._arguments(state),
            self._server_environment(state, exchange_url),
            self._purpose(state, exchange_url),
            self._working_folder,
            ports=[self._places.api_port],
            attached=attached,
        )

    def _ready(self, state: Path) -> str:
        """Wait until the server answers its admin key, and return the key."""

        def answers() -> bool:
            key = self._key(state)
            return bool(key) and http_status(self._ping, key) == OK

        self._program.wait_until(answers, STARTS_WITHIN_S)
        return self._key(state)

    @property
    def _ping(self) -> str:
        return f"http://{LOCAL_HOST}:{self._places.api_port}/api/v3/ping"

    def _key_file(self, state: Path) -> Path:
        return state / f"admin-key-{self._database_id(state)}"

    def _key(self, state: Path) -> str:
        try:
            return self._key_file(state).read_text().strip()
        except FileNotFoundError:
            return ""

    def _keep(self, state: Path) -> None:
        if not self._keeps:
            return
        settings = self._settings(state)
        if self._goes_on_by_itself:
            settings.setdefault("SCHEDULES_ENABLED", "true")
        self._kept(state).keep(settings)
        known = read_object(self._databases) | {self._database_id(state): state.name}
        write_private(self._databases, json.dumps(known) + "\n")

    def _in_force(self, state: Path, exchange_url: str) -> dict[str, str]:
        """Return all that the server is set up with."""
        settings = as_expressions(self._settings(state))
        settings.setdefault("SCHEDULES_ENABLED", "true" if self._goes_on_by_itself else "false")
        return settings | {
            "STAGE": "local",
            "EXCHANGE_BASE_URL": exchange_url,
            DATABASE_URL: self.database_url(state),
        }

    def _server_environment(self, state: Path, exchange_url: str) -> dict[str, str]:
        of_person = {name: text for name, text in os.environ.items() if name not in SETTINGS | _NOT_GIVEN}
        return of_person | self._in_force(state, exchange_url)

    def _arguments(self, state: Path) -> list[str]:
        served = ["--host", self._host, "--port", str(self._places.api_port), "--key-file", str(self._key_file(state))]
        served += ["--log-file", str(self._program.log)]
        return ["-m", "standalone", *served, *([] if self._keeps else ["--only-answer"])]

    def _purpose(self, state: Path, exchange_url: str) -> str:
        """Describe what the server is started for, without what it must not show."""
        settings = json.dumps(self._in_force(state, exchange_url), sort_keys=True)
        sources = [Path(candle_collector.__file__).parent, PROJECT / "functions", PROJECT / "standalone"]
        return f"{self._arguments(state)} {hashlib.sha256(settings.encode()).hexdigest()} {digest_of(sources)}"

    def _facts(self, state: Path) -> Mapping[str, object]:
        settings = self._settings(state)
        shown = sorted(settings.keys() - {DATABASE_URL})
        in_force = {name: "***" if name in _SECRET else settings[name] for name in shown}
        return {"database_url": without_password(self.database_url(state)), "settings": in_force}

    def _say_program(self, reported: Mapping[str, object], pid: int) -> None:
        say(f"server    pid {pid}")
        say(f"database  {reported['database_url']}")
        settings = reported.get("settings")
        if isinstance(settings, dict) and settings:
            say(f"settings  {', '.join(f'{name}={text}' for name, text in sorted(settings.items()))}")

    def _say_up(self, choice: ExchangeChoice, state: Path) -> None:
        database = without_password(self.database_url(state))
        say(f"{TITLES[self.on].capitalize()} is up: {self._places.api_url} (exchange: {choice.name}, {database})")
        in_force = self._in_force(state, "")
        if in_force["SCHEDULES_ENABLED"] == "true":
            intervals = " and ".join((in_force.get(INTERVALS) or DEFAULT_INTERVALS).split(","))
            say(f"It goes on by itself with candles of {intervals}, by COLLECTION_SCHEDULE. `make down` stops it.")
