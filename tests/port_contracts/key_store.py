"""What a store of the keys' records promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from candle_collector.domain.api_key import USE_NOTED_EVERY, Scope, StoredKey
from candle_collector.ports import ApiKeyStore

NOW = datetime(2025, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)
RECORD = StoredKey(key_id="abcdefghij", name="Öffner 键", scope=Scope.READ, secret_hash="f" * 64, created_at=NOW)


class KeyStoreContract:
    """Tests of whatever the fixture `keys` gives."""

    def test_an_unknown_key_has_no_record(self, keys: ApiKeyStore) -> None:
        assert keys.get(RECORD.key_id) is None
        assert list(keys.all()) == []

    @pytest.mark.parametrize(
        "record",
        [
            RECORD,
            replace(RECORD, expires_at=NOW.replace(year=2026)),
            replace(RECORD, revoked_at=NOW.replace(year=2027)),
            replace(RECORD, last_used_at=NOW.replace(year=2028)),
        ],
        ids=["plain", "with an expiry", "revoked", "used"],
    )
    def test_a_record_is_read_back_as_it_was_written(self, keys: ApiKeyStore, record: StoredKey) -> None:
        keys.put(record)
        assert keys.get(record.key_id) == record

    def test_a_record_is_written_over_the_one_of_the_same_key(self, keys: ApiKeyStore) -> None:
        keys.put(RECORD)
        keys.put(replace(RECORD, name="another"))
        assert list(keys.all()) == [replace(RECORD, name="another")]

    def test_a_revocation_changes_nothing_else_and_keeps_its_first_time(self, keys: ApiKeyStore) -> None:
        keys.put(RECORD)
        assert keys.revoke(RECORD.key_id, NOW) == replace(RECORD, revoked_at=NOW)
        assert keys.revoke(RECORD.key_id, NOW + timedelta(days=1)) == replace(RECORD, revoked_at=NOW)
        assert keys.get(RECORD.key_id) == replace(RECORD, revoked_at=NOW)

    def test_an_unknown_key_is_not_revoked_and_not_made_by_it(self, keys: ApiKeyStore) -> None:
        assert keys.revoke(RECORD.key_id, NOW) is None
        assert list(keys.all()) == []

    def test_all_records_are_reported(self, keys: ApiKeyStore) -> None:
        records = [replace(RECORD, key_id=f"abcdefghi{number}") for number in range(5)]
        for record in records:
            keys.put(record)
        assert sorted(keys.all(), key=lambda key: key.key_id) == records

    def test_of_two_uses_within_five_minutes_the_first_is_noted(self, keys: ApiKeyStore) -> None:
        keys.put(RECORD)
        minutes = [NOW + timedelta(minutes=minute) for minute in (0, 4, 5)]
        for at in minutes[:2]:
            keys.note_use(RECORD.key_id, at, unless_after=at - USE_NOTED_EVERY)
        assert keys.get(RECORD.key_id) == replace(RECORD, last_used_at=minutes[0])
        keys.note_use(RECORD.key_id, minutes[2], unless_after=minutes[2] - USE_NOTED_EVERY)
        assert keys.get(RECORD.key_id) == replace(RECORD, last_used_at=minutes[2])
