"""A home of the archive on this machine: what all of them have in common, whatever stores the candles."""

from __future__ import annotations

import fcntl
import json
import os
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from background.exchange_choice import BINANCE, ExchangeChoice, binance_answers, choose
from background.files import digest_of, read_object, require_writable, write_private
from background.http_status import OK, http_status, json_answer
from background.places import PORT_VARIABLES, PROJECT, Places, base_folder, shown
from background.processes import Background, require_free
from background.progress import IS_CLONE, StackError, say, step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from background.kept_settings import KeptSettings

STARTS_WITHIN_S = 60
# A large state takes a while to save.
STOPS_WITHIN_S = 120
STANDALONE, LOCAL_AWS = "standalone", "local-aws"
TITLES = {STANDALONE: "the server", LOCAL_AWS: "the local AWS"}
"""The homes by the values of ON, and what they are called in sentences."""
_PROGRAMS = {STANDALONE: "server", LOCAL_AWS: "ministack"}


def program_of(on: str, places: Places) -> Background:
    """Return the program that serves a home; its log lies among the logs where it is the functions' own."""
    return Background(_PROGRAMS[on], places.run_dir, places.logs_dir if on == STANDALONE else None)


def running_home(places: Places) -> str | None:
    """Return the home that runs in these places, as ON names it; one runs at a time."""
    return next((on for on in TITLES if program_of(on, places).running() is not None), None)


class Home(ABC):
    """The processes and files of one home in its places.

    Parameters
    ----------
    places
        Folders and ports.
    environment
        Where the settings are read that a person gives now, beside those that are kept.
    """

    on: ClassVar[str]

    def __init__(self, places: Places, *, environment: Mapping[str, str] = os.environ) -> None:
        self._places = places
        self._given = environment
        self._keeps = True
        self._program = program_of(self.on, places)
        self._exchange = Background("exchange", places.run_dir)
        self._last_exchange = places.local_dir / "last-exchange"

    def up(self, asked_exchange: str) -> None:
        """Bring it up: what runs and is current stays as it is.

        Parameters
        ----------
        asked_exchange
            As EXCHANGE; empty is the exchange that was used last, `auto` the first time.

        Raises
        ------
        StackError
            It cannot be brought up; what did start stays, and the next `up` goes on from there.
        """
        with self._alone():
            self._bring_up(asked_exchange, self._choose(asked_exchange))

    def _bring_up(self, asked_exchange: str, choice: ExchangeChoice) -> None:
        state, url = self._prepared(choice)
        # Whatever is wrong with settings, ports or the exchange stops here, before anything is stopped or started.
        self._check(state, url)
        self._check_exchange(choice, url)
        self._require_free_ports(choice)
        self._say_left(choice, state)
        self._stop_other_home()
        self._ensure_exchange(choice, url)
        key = self._ensure_up(state, url)
        self._describe(choice, state, url, key)
        self._remember(asked_exchange, state)
        if self._keeps:
            self._say_up(choice, state)

    @contextmanager
    def unchanged(self, asked_exchange: str) -> Iterator[None]:
        """Have it answer for as long as this lasts, and leave everything as it was: for a plan.

        What runs is asked as it is, else `_up_for_a_plan` says what is brought up, and what stays of it.

        Raises
        ------
        StackError
            What runs is another home, of another exchange, has other settings than are given, or does not answer; or
            nothing runs, and it cannot be brought up for a plan.
        """
        with self._alone():
            other = running_home(self._places)
            if other is None:
                with self._up_for_a_plan(asked_exchange):
                    yield
                return
            if other != self.on:
                raise StackError(
                    f"{capital(TITLES[other])} runs here, one home runs at a time, and a dry run stops nothing.",
                    f"ask it with ON={other}, or stop it first: `make down`.",
                )
            self._require_as_it_runs(asked_exchange)
        yield

    def _require_as_it_runs(self, asked_exchange: str) -> None:
        """Refuse a plan for what would have to be changed first.

        Raises
        ------
        StackError
        """
        reported = self.description()
        if reported is None or not self.answers():
            raise StackError(f"{capital(TITLES[self.on])} runs and does not answer.", "`make up` looks after it.")
        state = self._places.local_dir / Path(str(reported["state_dir"])).name
        if asked_exchange and self._choose(asked_exchange).folder != state.name:
            raise StackError(
                f"{capital(TITLES[self.on])} runs with the exchange {reported['exchange']}, and a dry run changes "
                "nothing.",
                "leave EXCHANGE out, or stop what runs first: `make down`.",
            )
        if changed := self._kept(state).changed_by(self._given):
            names = " and ".join(changed)
            raise StackError(
                f"A dry run changes no setting, and {TITLES[self.on]} runs with another {names}.",
                f"leave {names} out, or give it to `make up` first.",
            )

    def _say_left(self, choice: ExchangeChoice, state: Path) -> None:
        """Say what is collected no longer where what runs collects from another exchange."""
        reported = self.description()
        if reported is None or self._program.running() is None or reported.get("state_dir") == str(state):
            return
        left = reported["exchange"]
        say(
            f"What runs here collects from {left}; from now on it is {choice.name}, and nothing more of {left}. "
            f"What is stored stays; `make up EXCHANGE={left}` goes back to it."
        )

    def down(self) -> None:
        """Stop everything; what is stored is saved first."""
        with self._alone():
            other = running_home(self._places)
            if other not in (None, self.on):
                say(f"{capital(TITLES[self.on])} was not running; {TITLES[other or '']} is: ON={other} stops it.")
                return
            open_run = self._open_run()
            self._places.stack_file.unlink(missing_ok=True)
            stopped = self._stop() | self._exchange.stop(STOPS_WITHIN_S)
            what = capital(TITLES[self.on])
            say(f"{what} is down. What it stored stays." if stopped else f"{what} was not running.")
            if open_run:
                say(f"Run {open_run} was active: it goes on with the next `make up`.")

    def _open_run(self) -> str:
        """Return the run that is active, empty where there is not one, or nobody says."""
        reported = self.description()
        if reported is None or self._program.running() is None:
            return ""
        status = json_answer(f"{reported['api_url']}/api/admin/collect/status", str(reported["api_key"]), within_s=5)
        return str(status["run_id"]) if status.get("is_running") else ""

    def answers(self) -> bool:
        """Return whether the API answers."""
        reported = self.description()
        if reported is None or self._program.running() is None:
            return False
        return http_status(f"{reported['api_url']}/api/v3/ping", str(reported["api_key"]), within_s=5) == OK

    def is_gone(self) -> bool:
        """Return whether its program has ended, and no command is at work that may be starting it again."""
        if self._program.running() is not None:
            return False
        try:
            with self._lock.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return self._program.running() is None

    def status(self) -> bool:
        """Report what runs and where; answer whether all of it does."""
        reported = self.description()
        program, exchange = self._program.running(), self._exchange.running()
        if reported is None or program is None:
            what = capital(TITLES[self.on])
            say(f"{what} is down." if program is None else f"{what} is half up; `make up` completes it.")
            return False
        answers = http_status(f"{reported['api_url']}/api/v3/ping", str(reported["api_key"])) == OK
        say(
            f"API       {reported['api_url']}  "
            f"{'answers' if answers else 'does not answer: see ' + shown(self._program.log)}"
        )
        self._say_program(reported, program.pid)
        of_exchange = f", pid {exchange.pid}" if exchange else ""
        say(f"exchange  {reported['exchange_url']}  {reported['exchange']}{of_exchange}")
        say(f"state     {reported['state_dir']}")
        say(f"logs      {shown(self._places.logs_dir)}")
        return answers

    def description(self) -> dict[str, object] | None:
        """Give what stack.json says, None where it is missing."""
        return read_object(self._places.stack_file) or None

    def save(self) -> None:  # noqa: B027 - nothing is to be done where each write is on the disk
        """Make sure that what was reported is on the disk."""

    @abstractmethod
    def _up_for_a_plan(self, asked_exchange: str) -> AbstractContextManager[None]:
        """Have it answer where nothing runs, and do nothing else, for as long as this lasts.

        Raises
        ------
        StackError
        """

    @abstractmethod
    def _kept(self, state: Path) -> KeptSettings:
        """Return the settings that were kept for a state."""

    @abstractmethod
    def _check(self, state: Path, exchange_url: str) -> None:
        """Look at the settings and the database, so that what is wrong is refused before anything is stopped."""

    @abstractmethod
    def _ports(self) -> Sequence[tuple[int, str, str]]:
        """Return the ports it needs, each with its variable and what it is for."""

    @abstractmethod
    def _ensure_up(self, state: Path, exchange_url: str) -> str:
        """Start it unless it runs and is current, and return its admin key."""

    @abstractmethod
    def _facts(self, state: Path) -> Mapping[str, object]:
        """Return what stack.json says of this home alone."""

    @abstractmethod
    def _say_program(self, reported: Mapping[str, object], pid: int) -> None:
        """Print the lines of the status that are about this home alone."""

    @abstractmethod
    def _say_up(self, choice: ExchangeChoice, state: Path) -> None:
        """Say that it is up, and where."""

    def _stop(self) -> bool:
        """Stop the home's own program; return whether it ran."""
        if self._program.running() is None:
            return False
        with step(f"stopping {TITLES[self.on]}"):
            return self._program.stop(STOPS_WITHIN_S)

    def _prepared(self, choice: ExchangeChoice) -> tuple[Path, str]:
        """Return the state folder of an exchange, which is there, and the address of the exchange."""
        state = self._places.local_dir / choice.folder
        state.mkdir(parents=True, exist_ok=True)
        require_writable(state)
        return state, choice.url or f"http://127.0.0.1:{self._places.exchange_port}"

    @property
    def _working_folder(self) -> Path:
        return PROJECT if IS_CLONE else self._places.local_dir

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._places.local_dir.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Another command is at work on this stack; waiting for it ...")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @property
    def _lock(self) -> Path:
        return self._places.local_dir / "up.lock"

    def _last_asked(self) -> str:
        try:
            return self._last_exchange.read_text().strip() or "auto"
        except FileNotFoundError:
            return "auto"

    def _remember(self, asked_exchange: str, state: Path) -> None:
        if not self._keeps:
            return
        write_private(self._places.ports_file, json.dumps(self._places.ports_to_keep()) + "\n")
        write_private(self._last_exchange, (asked_exchange or self._last_asked()) + "\n")
        write_private(self._last_state, state.name + "\n")

    def last_state(self) -> Path | None:
        """Return the state folder of what runs here, else of what ran last; None where nothing ever ran."""
        try:
            return self._places.local_dir / self._last_state.read_text().strip()
        except FileNotFoundError:
            return None

    @property
    def _last_state(self) -> Path:
        return self._places.local_dir / f"last-state-{self.on}"

    def _choose(self, requested: str) -> ExchangeChoice:
        wanted = requested or self._last_asked()
        choice = choose(wanted, binance_answers, base_folder())
        if wanted == "auto" and choice.is_ours:
            say("*" * 79)
            say(f"* {BINANCE} does not answer from here: the SIMULATED exchange is used.")
            say("* Its candles are synthetic. EXCHANGE=binance insists on the real one.")
            say("*" * 79)
        elif not requested and wanted != "auto":
            say(f"Exchange: {choice.name}, as last time (EXCHANGE=auto chooses again).")
        return choice

    def _check_exchange(self, choice: ExchangeChoice, url: str) -> None:
        if not choice.is_ours and http_status(f"{url}/api/v3/ping") != OK:
            raise StackError(
                f"The exchange at {url} does not answer.",
                "EXCHANGE=simulated collects synthetic candles without a network."
                if url == BINANCE
                else "start it first.",
            )

    def _require_free_ports(self, choice: ExchangeChoice) -> None:
        """Refuse a port that another program has, while what runs here still runs."""
        programs = [*(program_of(on, self._places) for on in TITLES), self._exchange]
        ours = {port for program in programs for record in (program.running(),) if record for port in record.ports}
        needed = [*self._ports()]
        if choice.is_ours:
            needed.append((self._places.exchange_port, PORT_VARIABLES["exchange"], f"the {choice.folder} exchange"))
        for port, variable, what in needed:
            if port not in ours:
                require_free(port, variable, what)

    def _stop_other_home(self) -> None:
        other = running_home(self._places)
        if other is not None and other != self.on:
            say(f"{capital(TITLES[other])} runs here, and one home runs at a time: stopping it; what it stored stays.")
            self._places.stack_file.unlink(missing_ok=True)
            with step(f"stopping {TITLES[other]}"):
                program_of(other, self._places).stop(STOPS_WITHIN_S)

    def _ensure_exchange(self, choice: ExchangeChoice, url: str) -> None:
        if not choice.is_ours:
            if self._keeps:
                self._exchange.stop(STOPS_WITHIN_S)
            return
        port = self._places.exchange_port
        arguments = ["-m", "simulator", "--port", str(port), *choice.arguments]
        purpose = f"{arguments} {digest_of([PROJECT / 'simulator'])}"
        running = self._exchange.running()
        if running is not None and running.purpose == purpose:
            return
        if running is not None and not self._keeps:
            raise StackError(
                "The exchange that runs here is another one, and a dry run stops nothing.",
                "stop it first: `make down`.",
            )
        if running is not None:
            say("The exchange that runs is another one: stopping it.")
            self._exchange.stop(STOPS_WITHIN_S)
        with step(f"starting the exchange ({choice.name})"):
            self._exchange.start(arguments, os.environ, purpose, self._working_folder, ports=[port])
            self._exchange.wait_until(lambda: http_status(f"{url}/api/v3/ping") == OK, STARTS_WITHIN_S)

    def _describe(self, choice: ExchangeChoice, state: Path, exchange_url: str, key: str) -> None:
        processes = {program.name: program.running() for program in (self._program, self._exchange)}
        reported: Mapping[str, object] = {
            "on": self.on,
            "api_url": self._places.api_url,
            "api_key": key,
            "exchange_url": exchange_url,
            "exchange": choice.name,
            "state_dir": str(state),
            "logs_dir": str(self._places.logs_dir),
            "pids": {name: record.pid for name, record in processes.items() if record is not None},
            **self._facts(state),
        }
        write_private(self._places.stack_file, json.dumps(reported, indent=2) + "\n")


def capital(text: str) -> str:
    """Write a sentence's beginning with a capital letter."""
    return text[:1].upper() + text[1:]
