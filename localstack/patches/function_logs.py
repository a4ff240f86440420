"""Gap: with MiniStack, what a function logs can be read only after the invocation has ended.

Goes when: lines come while a function runs, in an order that can be followed.
"""

# ruff: noqa: SLF001 - MiniStack offers no hook

from __future__ import annotations

import logging
import logging.handlers
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

LOG_BYTES = 10_000_000
LOG_FILES_KEPT = 3


class FunctionLogs:
    """One rotated file for each function, one line for each line that it wrote."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._files: dict[str, logging.Logger] = {}

    def write(self, function: str, line: str) -> None:
        """Append one line of a function's output."""
        self._file(function).info("%s", line)

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            for handler in file.handlers:
                handler.close()

    def _file(self, function: str) -> logging.Logger:
        with self._lock:
            if function not in self._files:
                self._folder.mkdir(parents=True, exist_ok=True)
                handler = logging.handlers.RotatingFileHandler(
                    self._folder / f"{function}.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES_KEPT, encoding="utf-8"
                )
                handler.setFormatter(logging.Formatter("%(message)s"))
                # Not under the root logger: MiniStack's own output must not carry the functions' lines again.
                file = logging.Logger(function, logging.INFO)  # noqa: LOG001 - on purpose, as just said
                file.addHandler(handler)
                self._files[function] = file
            return self._files[function]


def write_logs_at_once(lambda_runtime: ModuleType, logs: FunctionLogs) -> None:
    """Copy every line that a function writes to its file, when it is written.

    Raises
    ------
    AttributeError
        MiniStack reads the lines in another way.
    """
    _ = lambda_runtime.Worker._read_stderr  # it is replaced, so it must be there

    def read_stderr(worker: Any) -> None:
        # MiniStack's own method, and one line more
        for line in worker._proc.stderr:
            text = line.rstrip("\n")
            worker._stderr_queue.put(text)
            logs.write(worker.func_name, text)

    lambda_runtime.Worker._read_stderr = read_stderr
