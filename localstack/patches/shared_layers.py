"""Gap: MiniStack unpacks every layer again for every worker, 3 to 5 s of each cold start.

Goes when: the workers of one layer version share its unpacked folder.
"""

# ruff: noqa: SLF001 - MiniStack offers no hook

from __future__ import annotations

import hashlib
import io
import os
import threading
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

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


def share_layers(lambda_runtime: ModuleType, lambda_service: ModuleType, layers: SharedLayers) -> None:
    """Let MiniStack's workers import layers from the shared folders."""
    unpatched: Callable[[Any], None] = lambda_runtime.Worker._spawn

    def spawn(worker: Any) -> None:
        config = worker.config
        archives = [lambda_service._resolve_layer_zip(layer) for layer in config.get("Layers") or []]
        folders = os.pathsep.join(str(layers.unpack(archive)) for archive in archives if archive)
        variables = {**(config.get("Environment") or {}).get("Variables", {}), LAYERS_VARIABLE: folders}
        worker.config = {**config, "Layers": [], "Environment": {"Variables": variables}}
        try:
            unpatched(worker)
        finally:
            worker.config = config

    lambda_runtime.Worker._spawn = spawn
