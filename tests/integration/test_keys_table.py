"""The table of keys, on moto's DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest
from candle_collector.adapters.keys_table import KeysTable
from candle_collector.create_key import create_key
from candle_collector.domain.api_key import Scope, StoredKey
from moto import mock_aws

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
    [RECORD, replace(RECORD, expires_at=NOW.replace(year=2026)), replace(RECORD, revoked_at=NOW.replace(year=2027))],
    ids=["plain", "with an expiry", "revoked"],
)
def test_a_record_is_read_back_as_it_was_written(table: KeysTable, record: StoredKey) -> None:
    table.put(record)
    assert table.get(record.key_id) == record


def test_a_revocation_replaces_the_record(table: KeysTable) -> None:
    table.put(RECORD)
    table.put(replace(RECORD, revoked_at=NOW))
    read = table.get(RECORD.key_id)
    assert read is not None
    assert read.revoked_at == NOW


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
