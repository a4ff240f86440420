"""The table of keys, on moto's DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.client import BaseClient
from candle_collector.adapters.dynamodb.keys_table import KeysTable
from candle_collector.api.create_key import create_key
from candle_collector.domain.api_key import USE_NOTED_EVERY, Scope, StoredKey
from candle_collector.errors import CollectorError
from candle_collector.ports import ApiKeyStore
from moto import mock_aws

from tests.fakes.keys import KeysInMemory

NOW = datetime(2025, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)
RECORD = StoredKey(key_id="abcdefghij", name="Öffner 键", scope=Scope.READ, secret_hash="f" * 64, created_at=NOW)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeysTable]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        for name in ("keys", "keys-of-another-stage"):
            boto3.client("dynamodb").create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": "key_id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "key_id", "AttributeType": "S"}],
            )
        yield KeysTable("keys")


def test_an_unknown_key_has_no_record(table: KeysTable) -> None:
    assert table.get("abcdefghij") is None


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
def test_a_record_is_read_back_as_it_was_written(table: KeysTable, record: StoredKey) -> None:
    table.put(record)
    assert table.get(record.key_id) == record


@pytest.fixture(params=["the table", "the fake"])
def store(request: pytest.FixtureRequest, table: KeysTable) -> ApiKeyStore:
    """Give the table and the tests' stand-in for it: both keep the same promises."""
    return table if request.param == "the table" else KeysInMemory()


def test_a_revocation_changes_nothing_else_and_keeps_its_first_time(store: ApiKeyStore) -> None:
    store.put(RECORD)
    assert store.revoke(RECORD.key_id, NOW) == replace(RECORD, revoked_at=NOW)
    assert store.revoke(RECORD.key_id, NOW + timedelta(days=1)) == replace(RECORD, revoked_at=NOW)
    assert store.get(RECORD.key_id) == replace(RECORD, revoked_at=NOW)


def test_an_unknown_key_is_not_revoked_and_not_made_by_it(store: ApiKeyStore) -> None:
    assert store.revoke("abcdefghij", NOW) is None
    assert list(store.all()) == []


def test_all_records_are_reported(store: ApiKeyStore) -> None:
    records = [replace(RECORD, key_id=f"abcdefghi{number}") for number in range(5)]
    for record in records:
        store.put(record)
    assert sorted(store.all(), key=lambda key: key.key_id) == records


def test_of_two_uses_within_five_minutes_the_first_is_noted(store: ApiKeyStore) -> None:
    store.put(RECORD)
    minutes = [NOW + timedelta(minutes=minute) for minute in (0, 4, 5)]
    for at in minutes[:2]:
        store.note_use(RECORD.key_id, at, unless_after=at - USE_NOTED_EVERY)
    assert store.get(RECORD.key_id) == replace(RECORD, last_used_at=minutes[0])
    store.note_use(RECORD.key_id, minutes[2], unless_after=minutes[2] - USE_NOTED_EVERY)
    assert store.get(RECORD.key_id) == replace(RECORD, last_used_at=minutes[2])


def test_a_note_never_makes_a_record(table: KeysTable) -> None:
    table.note_use("abcdefghij", NOW, unless_after=NOW - USE_NOTED_EVERY)
    assert table.get("abcdefghij") is None


def test_a_note_that_cannot_be_written_is_reported_in_our_own_words(table: KeysTable) -> None:
    nowhere = KeysTable("no-such-table")
    table.put(RECORD)
    with pytest.raises(CollectorError, match="took no note"):
        nowhere.note_use(RECORD.key_id, NOW, unless_after=NOW - USE_NOTED_EVERY)


def test_the_tables_of_two_stages_do_not_meet(table: KeysTable) -> None:
    other = KeysTable("keys-of-another-stage")
    table.put(RECORD)
    assert other.get(RECORD.key_id) is None
    assert table.get(RECORD.key_id) == RECORD


def test_no_piece_of_a_secret_is_in_the_table(table: KeysTable) -> None:
    key, _ = create_key(table, name="admin", scope=Scope.ADMIN, now=NOW)
    kept = str(boto3.client("dynamodb").scan(TableName="keys")["Items"])
    assert key.key_id in kept
    assert not any(key.secret[at : at + 8] in kept for at in range(len(key.secret) - 7))


def test_a_record_is_read_as_of_now(table: KeysTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica that is behind would let a revoked key in; moto has none, so the request is looked at."""
    consistent: list[object] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined] # the stubs leave out what is not public

    def watched(client: BaseClient, operation: str, parameters: dict[str, object]) -> object:
        if operation == "GetItem":
            consistent.append(parameters.get("ConsistentRead"))
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", watched)
    table.get(RECORD.key_id)
    assert consistent == [True]
