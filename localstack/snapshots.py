"""Saves MiniStack's state while it runs, so that a kill costs at most the last seconds.

MiniStack itself saves only when it is stopped. Its state lives in the memory of one process, so a fork of that process
is a consistent picture of it: the child writes it down at low priority while the parent serves on.
"""

from __future__ import annotations

import copy
import gc
import json
import os
import signal
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

SECONDS_BETWEEN = 3.0
# Not more than this part of the time goes into saving, however large the state has become.
SHARE_OF_TIME = 0.25
_NICENESS = 10


def dump_at_once(value: Any, file: TextIO, **options: Any) -> None:
    """Do what `json.dump` does, by the encoder in C, which `json.dump` leaves aside: several times faster."""
    file.write(json.dumps(value, **options))


class FastJson:
    """Stands for the `json` module inside MiniStack's persistence."""

    dump = staticmethod(dump_at_once)
    load = staticmethod(json.load)
    JSONDecodeError = json.JSONDecodeError


class Snapshots:
    """Snapshots of MiniStack's state on a timer, when something has changed.

    Parameters
    ----------
    save
        Writes the whole state, each file replaced atomically.
    kept_open
        A file descriptor that the saving child keeps: the lock on the state folder, which so outlives a killed parent
        until its last snapshot is written.
    """

    def __init__(self, save: Callable[[], None], kept_open: int) -> None:
        self._save = save
        self._kept_open = kept_open
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._saving = threading.Lock()
        self._timer = threading.Thread(target=self._run, name="snapshots", daemon=True)

    def start(self) -> None:
        """Begin to save."""
        self._timer.start()

    def note_change(self) -> None:
        """Report that there is something to save."""
        self._changed.set()

    def has_changes(self) -> bool:
        """Return whether there is something that no snapshot holds yet."""
        return self._changed.is_set()

    def save_now(self) -> None:
        """Save, and return when it is on the disk."""
        with self._saving:
            # Cleared before the picture is taken: what changes from here on is for the next one.
            self._changed.clear()
            self._save_in_a_child()

    def stop(self) -> None:
        """End the timer; a snapshot that is being written is waited for."""
        self._ended.set()
        if self._timer.is_alive():
            self._timer.join()

    def _run(self) -> None:
        pause = SECONDS_BETWEEN
        while not self._ended.wait(pause):
            if self.has_changes():
                began = time.monotonic()
                self.save_now()
                pause = max(SECONDS_BETWEEN, (time.monotonic() - began) / SHARE_OF_TIME)

    def _save_in_a_child(self) -> None:
        with warnings.catch_warnings():
            # Python 3.12 warns of forks of threaded programs. The child only reads memory and writes files.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            try:
                self._save_as_child()
            finally:
                # Without the parent's clean-up: its sockets, its threads and its exit handlers are not the child's.
                os._exit(0)
        os.waitpid(child, 0)

    def _save_as_child(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.nice(_NICENESS)
        # The parent's ports must be free as soon as the parent is gone.
        os.closerange(3, self._kept_open)
        os.closerange(self._kept_open + 1, os.sysconf("SC_OPEN_MAX"))
        gc.disable()
        # Nothing else runs here that could change what is being written, so it need not be copied first.
        copy.deepcopy = _as_it_is  # type: ignore[assignment] # the child's own module, for its short life
        self._save()


def _as_it_is(value: Any, memo: Any = None) -> Any:  # noqa: ARG001 - the signature of copy.deepcopy
    return value


def saver(app: ModuleType, persistence: ModuleType) -> Callable[[], None]:
    """Make what saves all of MiniStack's state, by what its own shutdown calls."""
    persistence.json = FastJson  # type: ignore[attr-defined] # MiniStack's own import of it

    def save() -> None:
        # Both are private to MiniStack: its exact version is pinned, and tests run a kill -9 against it.
        app.save_all(app._build_persistence_save_dict())  # noqa: SLF001 - as said above

    return save
