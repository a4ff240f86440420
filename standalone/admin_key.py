"""The admin key in a file that only its owner can read: made where the file has none that the database knows."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from candle_collector.api.create_key import create_key
from candle_collector.domain.api_key import ApiKey, Scope, belongs
from candle_collector.ports import ApiKeyStore

NAME = "standalone"


def ensure_key(path: Path, store: ApiKeyStore, now: datetime) -> bool:
    """Make sure that the file holds a live admin key of this database, and return whether one was made.

    Raises
    ------
    OSError
        The file cannot be read or written.
    """
    if path.exists() and _is_live(path.read_text(encoding="utf-8", errors="replace").strip(), store, now):
        return False
    key, _ = create_key(store, name=NAME, scope=Scope.ADMIN, now=now)
    _write_private(path, key.text + "\n")
    return True


def _is_live(text: str, store: ApiKeyStore, now: datetime) -> bool:
    key = ApiKey.parse(text)
    stored = store.get(key.key_id) if key else None
    return (
        key is not None
        and stored is not None
        and belongs(key, stored)
        and stored.is_live(now)
        and stored.scope.covers(Scope.ADMIN)
    )


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)
