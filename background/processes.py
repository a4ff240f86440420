"""Programs in the background: started detached, found again by their records, ended by pid only if they are ours."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from background.progress import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LAST_LINES = 15
LOG_BYTES = 20_000_000


@dataclass(frozen=True)
class Record:
    """What is known of a program in the background.

    Attributes
    ----------
    pid
        Its process id when it was started; another program may have it by now.
    token
        A text that only this program's command line holds.
    purpose
        What it was started for; a program with another purpose is started instead of it, not used.
    ports
        Those that it listens on.
    """

    pid: int
    token: str
    purpose: str
    ports: Sequence[int] = ()


class Background:
    """One program in the background.

    Parameters
    ----------
    name
        What its record and its log are named by.
    folder
        Where they lie.
    logs
        Where the log lies, if not there.
    """

    def __init__(self, name: str, folder: Path, logs: Path | None = None) -> None:
        self.name = name
        self.log = (logs or folder) / f"{name}.log"
        self._file = folder / f"{name}.json"
        self._started: subprocess.Popen[bytes] | None = None
        self._log_began = 0

    def running(self) -> Record | None:
        """Give its record if it runs; a record that was left behind by one that has ended is removed."""
        if self._started is not None:
            # One that this very program has started stays a zombie until it is asked for.
            self._started.poll()
        try:
            record = Record(**json.loads(self._file.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            # Half written when the machine went down: it says nothing.
            record = Record(0, "", "")
        if record.pid and record.token in command_line(record.pid):
            return record
        if self._started is not None and self._started.pid == record.pid:
            self._started.wait()  # it has ended since it was asked for
        self._file.unlink(missing_ok=True)
        return None

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        purpose: str,
        working_folder: Path,
        *,
        python: Path | None = None,
        ports: Sequence[int] = (),
        attached: bool = False,
    ) -> Record:
        """Start it in a session of its own.

        Parameters
        ----------
        arguments
            The interpreter's, such as `-m simulator --port 5050`.
        environment
            All of its environment.
        python
            The interpreter that runs it; this program's own where it is None.
        ports
            What it will listen on.
        attached
            Whether it writes to this terminal instead of its log.
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        # An option that Python carries and ignores: it marks the command line of any module.
        token = f"candle-stack={secrets.token_hex(8)}"
        with self._opened_log() as output:
            process = self._started = subprocess.Popen(
                [str(python or sys.executable), "-X", token, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=None if attached else output,
                stderr=None if attached else output,
                env=dict(environment),
                cwd=working_folder,
                start_new_session=True,  # Ctrl-C reaches the program that started it, which ends it cleanly
            )
        while token not in command_line(process.pid) and process.poll() is None:
            # A moment after the start the system does not say the command line yet.
            time.sleep(0.01)
        record = Record(process.pid, token, purpose, list(ports))
        unfinished = self._file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(record)))
        unfinished.replace(self._file)
        return record

    def wait_until(self, ready: Callable[[], bool], within_s: float) -> None:
        """Wait until it is ready.

        Raises
        ------
        StackError
            It has ended, or is not ready within `within_s` seconds; with the last lines of its log.
        """
        deadline = time.monotonic() + within_s
        while not ready():
            ended = self.running() is None
            if ended or time.monotonic() > deadline:
                problem = "ended at once" if ended else f"did not answer within {within_s:.0f} s"
                lines = self._lines_since_start()[-LAST_LINES:]
                raise StackError("\n".join([f"{self.name} {problem}. Its last lines:", *lines]), f"see {self.log}.")
            time.sleep(0.05)

    def ended(self) -> int:
        """Wait until the program that this one has started ends, and return its exit code."""
        return self._started.wait() if self._started is not None else 0

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program, if it runs."""
        record = self.running()
        if record is not None:
            _signal(record.pid, number)

    def _opened_log(self) -> BinaryIO:
        """Open the log to be gone on with; one that has grown large is put aside first."""
        if self.log.is_file() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_name(self.log.name + ".1"))
        self._log_began = self.log.stat().st_size if self.log.is_file() else 0
        return self.log.open("ab")

    def _lines_since_start(self) -> list[str]:
        try:
            with self.log.open("rb") as log:
                log.seek(self._log_began)
                return log.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def stop(self, within_s: float) -> bool:
        """End it cleanly, by force after `within_s` seconds; return whether it was running."""
        record = self.running()
        if record is None:
            return False
        _signal(record.pid, signal.SIGTERM)
        deadline = time.monotonic() + within_s
        while self.running() is not None:
            if time.monotonic() > deadline:
                _signal(record.pid, signal.SIGKILL)
                deadline = float("inf")
            time.sleep(0.05)
        return True


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def command_line(pid: int) -> str:
    """Give the command line of a process, empty where there is no such process; a zombie has none either."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        if Path("/proc/self/cmdline").exists():
            return ""
    # macOS has no /proc.
    reported = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return reported.stdout.strip()


def port_is_taken(port: int) -> bool:
    """Return whether something listens on a port of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port(first: int) -> int:
    """Return the first free port from one on, of the next hundred; the one itself where none is free."""
    return next((port for port in range(first, min(first + 100, 65_536)) if not port_is_taken(port)), first)


def owner_of(port: int) -> str:
    """Report, where the system lets us know, who listens on a port, such as ` (pid 4711, nginx)`."""
    try:
        requested = ["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"]
        reported = subprocess.run(requested, capture_output=True, text=True, check=False, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    fields = {line[0]: line[1:] for line in reversed(reported.splitlines()) if line}
    return f" (pid {fields['p']}, {fields.get('c', 'its name is not reported')})" if "p" in fields else ""


def require_free(port: int, variable: str, what: str) -> None:
    """Make sure that a port is free.

    Raises
    ------
    StackError
        It is not; the message names the variable that chooses another one.
    """
    if port_is_taken(port):
        macos = " On macOS, AirPlay Receiver listens on port 5000." if port == 5000 else ""  # noqa: PLR2004 - the API's default
        raise StackError(
            f"Port {port}, for {what}, is taken by another program{owner_of(port)}.{macos}",
            f"stop that program, or choose another port: {variable}={free_port(port + 1)}",
        )
