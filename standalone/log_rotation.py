"""The log that this process writes to by its standard output: put aside when it has grown large, a few parts kept."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

BYTES = 20_000_000
PARTS = 4
"""How many older parts are kept: `server.log.1` is the newest of them."""

EVERY_SECONDS = 5.0

_STANDARD = (1, 2)


class LogRotation:
    """Keeps a log small while it is written; whoever writes to the standard output or error goes on in a new file.

    Parameters
    ----------
    path
        The log. Where the standard output is something else, such as a terminal, nothing is done.
    """

    def __init__(self, path: Path, *, most: int = BYTES) -> None:
        self._path = path
        self._most = most

    def watch(self, stopping: threading.Event, renewed: Callable[[], None] = lambda: None) -> None:
        """Look now and then until the process stops; `renewed` is called when others are to write to a new file."""
        while not stopping.wait(EVERY_SECONDS):
            if self.look():
                renewed()

    def look(self) -> bool:
        """Put the log aside if it is large, and return whether it was."""
        try:
            if not self._is_ours() or self._path.stat().st_size <= self._most:
                return False
            self._put_aside()
        except OSError as error:  # it grows on: the next look may be luckier
            log.warning("the log could not be put aside", extra={"reason": str(error)})
            return False
        return True

    def _is_ours(self) -> bool:
        """Return whether both the standard output and the standard error are the log."""
        try:
            written = self._path.stat()
        except FileNotFoundError:
            return False
        return all(os.path.samestat(os.fstat(number), written) for number in _STANDARD)

    def _put_aside(self) -> None:
        for number in range(PARTS, 0, -1):
            newer = self._part(number - 1) if number > 1 else self._path
            if newer.exists():
                newer.replace(self._part(number))
        write_to(self._path)

    def _part(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def write_to(log_file: Path) -> None:
    """Let what this process writes to its standard output and error be added to a file, which is made if need be.

    Raises
    ------
    OSError
        It cannot be opened.
    """
    new = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for number in _STANDARD:
            os.dup2(new, number)
    finally:
        os.close(new)
