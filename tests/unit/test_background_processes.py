"""Programs in the background are found again and ended, and programs that are not ours are left alone."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from background.processes import Background, command_line, require_free
from background.progress import StackError

SLEEPS = ["-c", "import time; time.sleep(600)"]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Background]:
    background = Background("sleeper", tmp_path)
    yield background
    background.stop(within_s=10)


def start(background: Background, arguments: list[str], folder: Path) -> int:
    return background.start(arguments, os.environ, "a test", folder).pid


def test_what_was_started_is_found_again_and_ended(sleeper: Background, tmp_path: Path) -> None:
    pid = start(sleeper, SLEEPS, tmp_path)
    again = Background("sleeper", tmp_path).running()
    assert again is not None
    assert (again.pid, again.purpose) == (pid, "a test")
    assert Background("sleeper", tmp_path).stop(within_s=10)
    assert command_line(pid) == ""
    assert not sleeper.stop(within_s=10)


def test_one_that_does_not_end_when_it_is_asked_is_ended_by_force(sleeper: Background, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    deaf = "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    pid = start(sleeper, ["-c", f"{deaf}; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)", str(ready)], tmp_path)
    sleeper.wait_until(ready.exists, within_s=30)
    assert sleeper.stop(within_s=0)
    assert command_line(pid) == ""


def test_another_program_that_has_the_pid_now_is_left_alone(sleeper: Background, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, *SLEEPS]) as stranger:  # noqa: S603 - this interpreter
        record = {"pid": stranger.pid, "token": "candle-stack=0123", "purpose": ""}
        (tmp_path / "sleeper.json").write_text(json.dumps(record))
        assert sleeper.running() is None
        assert not sleeper.stop(within_s=10)
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("record", ["", "{", "[]", '{"pid": 1}'])
def test_a_record_that_was_half_written_counts_as_none(record: str, sleeper: Background, tmp_path: Path) -> None:
    (tmp_path / "sleeper.json").write_text(record)
    assert sleeper.running() is None


def test_one_that_ends_at_once_is_reported_with_its_last_words(sleeper: Background, tmp_path: Path) -> None:
    start(sleeper, ["-c", "raise SystemExit('no such replay')"], tmp_path)
    with pytest.raises(StackError, match=r"ended at once(.|\n)*no such replay(.|\n)*sleeper\.log"):
        sleeper.wait_until(lambda: False, within_s=30)


@contextmanager
def two_taken_ports() -> Iterator[int]:
    """Listen on two neighbouring ports, and yield the first."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            first.listen()
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):  # another program has it, or no port has that number
                continue
            second.listen()
            yield port
            return


def test_a_port_that_is_taken_is_reported_with_the_variable_that_chooses_another() -> None:
    with two_taken_ports() as port:
        with pytest.raises(StackError, match=rf"Port {port}(.|\n)*LOCAL_API_PORT=(\d+)$") as refused:
            require_free(port, "LOCAL_API_PORT", "the API")
        suggested = int(str(refused.value).rpartition("=")[2])
        assert suggested > port + 1
        require_free(suggested, "LOCAL_API_PORT", "the API")
    require_free(port, "LOCAL_API_PORT", "the API")
