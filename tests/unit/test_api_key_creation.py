"""What is made and what is kept when a key is created."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from candle_collector.api.create_key import create_key, rotate_key
from candle_collector.domain.api_key import ApiKey, Scope, belongs

from tests.fakes.keys import KeysInMemory

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def test_the_record_of_a_new_key_is_stored_and_belongs_to_it() -> None:
    store = KeysInMemory()
    key, stored = create_key(store, name="dashboard", scope=Scope.READ, now=NOW, expires_at=NOW + timedelta(days=30))
    assert store.records == {key.key_id: stored}
    assert ApiKey.parse(key.text) == key
    assert belongs(key, stored)
    assert (stored.name, stored.scope, stored.created_at) == ("dashboard", Scope.READ, NOW)
    assert stored.expires_at == NOW + timedelta(days=30)
    assert stored.revoked_at is None


def test_nothing_of_the_secret_is_stored() -> None:
    key, stored = create_key(KeysInMemory(), name="admin", scope=Scope.ADMIN, now=NOW)
    kept = repr(asdict(stored))
    assert not any(key.secret[at : at + 8] in kept for at in range(len(key.secret) - 7))


def test_no_two_keys_are_alike() -> None:
    store = KeysInMemory()
    made = {create_key(store, name="admin", scope=Scope.ADMIN, now=NOW)[0].text for _ in range(200)}
    assert len(made) == len(store.records) == 200


@pytest.mark.parametrize("name", ["", "x" * 65, "two\nlines", "bell\x07"])
def test_a_name_that_could_not_be_shown_is_refused_and_nothing_stored(name: str) -> None:
    store = KeysInMemory()
    with pytest.raises(ValueError, match="name"):
        create_key(store, name=name, scope=Scope.ADMIN, now=NOW)
    assert store.records == {}


def test_a_key_that_has_expired_already_is_not_made() -> None:
    with pytest.raises(ValueError, match="future"):
        create_key(KeysInMemory(), name="admin", scope=Scope.ADMIN, now=NOW, expires_at=NOW)


def test_a_rotation_is_a_second_key_of_the_same_name_scope_and_length_of_life() -> None:
    store = KeysInMemory()
    old, _ = create_key(store, name="dashboard", scope=Scope.READ, now=NOW, expires_at=NOW + timedelta(days=30))
    later = NOW + timedelta(days=20)
    new, stored = rotate_key(store, old.key_id, now=later)
    assert new.key_id != old.key_id
    assert new.secret != old.secret
    assert (stored.name, stored.scope, stored.expires_at) == ("dashboard", Scope.READ, later + timedelta(days=30))
    assert all(record.is_live(later) for record in store.records.values())


def test_a_key_without_an_end_is_rotated_into_one_without_an_end() -> None:
    store = KeysInMemory()
    old, _ = create_key(store, name="admin", scope=Scope.ADMIN, now=NOW)
    assert rotate_key(store, old.key_id, now=NOW)[1].expires_at is None


def test_a_key_that_is_over_is_not_rotated() -> None:
    store = KeysInMemory()
    revoked, _ = create_key(store, name="admin", scope=Scope.ADMIN, now=NOW)
    store.revoke(revoked.key_id, NOW)
    expired, _ = create_key(store, name="admin", scope=Scope.ADMIN, now=NOW, expires_at=NOW + timedelta(days=1))
    for key_id in (revoked.key_id, expired.key_id, "nosuchkey0"):
        with pytest.raises(ValueError, match=f"there is no live key {key_id}"):
            rotate_key(store, key_id, now=NOW + timedelta(days=1))
    assert len(store.records) == 2
