"""Changes to how MiniStack runs functions: unpacked layers are shared, and what functions log goes to files at once.

As shipped, MiniStack unpacks every layer again for every worker (3 to 5 s of a cold start), and functions' output can
be read only after the invocation has ended.
"""

from __future__ import annotations

import hashlib
import io
import logging
import logging.handlers
import os
import threading
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

LOG_BYTES = 10_000_000
LOG_FILES_KEPT = 3
LAYERS_VARIABLE = "_LAMBDA_LAYERS_DIRS"


class SharedLayers:
    """Layers, each unpacked once into a folder that is named by its content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._unpacked: dict[int, tuple[bytes, Path]] = {}

    def unpack(self, archive: bytes) -> Path:
        """Give the folder of an unpacked layer.

        Parameters
        ----------
        archive
            The layer's zip file, as it was published.
        """
        with self._lock:
            # MiniStack hands out the same object each time: known by identity, it need not be hashed again.
            known = self._unpacked.get(id(archive))
            if known is not None and known[0] is archive:
                return known[1]
            target = self._folder / hashlib.sha256(archive).hexdigest()[:16]
            if not target.is_dir():
                unfinished = target.with_suffix(".unfinished")
                with zipfile.ZipFile(io.BytesIO(archive)) as packed:
                    packed.extractall(unfinished)
                unfinished.rename(target)
            self._unpacked[id(archive)] = (archive, target)
            return target


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


def share_layers(lambda_runtime: ModuleType, lambda_service: ModuleType, layers: SharedLayers) -> None:
    """Let MiniStack's workers import layers from the shared folders."""
    unpatched: Callable[[Any], None] = lambda_runtime.Worker._spawn  # noqa: SLF001 - there is no public way in

    def spawn(worker: Any) -> None:
        config = worker.config
        archives = [lambda_service._resolve_layer_zip(layer) for layer in config.get("Layers") or []]  # noqa: SLF001 - as above
        folders = os.pathsep.join(str(layers.unpack(archive)) for archive in archives if archive)
        variables = {**(config.get("Environment") or {}).get("Variables", {}), LAYERS_VARIABLE: folders}
        worker.config = {**config, "Layers": [], "Environment": {"Variables": variables}}
        try:
            unpatched(worker)
        finally:
            worker.config = config

    lambda_runtime.Worker._spawn = spawn  # noqa: SLF001 - as above


def tee_logs(lambda_runtime: ModuleType, logs: FunctionLogs) -> None:
    """Copy every line that a function writes to its file, when it is written."""

    def read_stderr(worker: Any) -> None:
        for line in worker._proc.stderr:  # noqa: SLF001 - this is MiniStack's method, and one line more
            text = line.rstrip("\n")
            worker._stderr_queue.put(text)  # noqa: SLF001 - as above
            logs.write(worker.func_name, text)

    lambda_runtime.Worker._read_stderr = read_stderr  # noqa: SLF001 - as above
