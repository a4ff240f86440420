"""The table of API keys in memory; it counts reads and keeps the notes of use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from candle_collector.domain.api_key import StoredKey
from candle_collector.errors import CollectorError


class KeysInMemory:
    """An `ApiKeyStore`.

    Attributes
    ----------
    reads
        How often a record was asked for.
    notes
        The ids and times of the uses that were written down.
    takes_notes
        Set to False, it fails to write a use down.
    """

    def __init__(self, *stored: StoredKey) -> None:
        self.records = {key.key_id: key for key in stored}
        self.reads = 0
        self.notes: list[tuple[str, datetime]] = []
        self.takes_notes = True

    def get(self, key_id: str) -> StoredKey | None:
        self.reads += 1
        return self.records.get(key_id)

    def all(self) -> Iterator[StoredKey]:
        yield from self.records.values()

    def put(self, key: StoredKey) -> None:
        self.records[key.key_id] = key

    def revoke(self, key_id: str, at: datetime) -> StoredKey | None:
        stored = self.records.get(key_id)
        if stored is not None and stored.revoked_at is None:
            self.records[key_id] = replace(stored, revoked_at=at)
        return self.records.get(key_id)

    def note_use(self, key_id: str, at: datetime, *, unless_after: datetime) -> None:
        if not self.takes_notes:
            raise CollectorError("the table takes no notes")
        stored = self.records[key_id]
        if stored.last_used_at is None or stored.last_used_at <= unless_after:
            self.records[key_id] = replace(stored, last_used_at=at)
            self.notes.append((key_id, at))
