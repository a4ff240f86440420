"""The table of keys, on moto's DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.client import BaseClient
from candle_collector.adapters.dynamodb.keys_table import KeysTable
from candle_collector.api.create_key import create_key
from candle_collector.domain.api_key import USE_NOTED_EVERY, Scope
from candle_collector.errors import CollectorError

from tests.fakes.keys import KeysInMemory
from tests.integration.conftest import client
from tests.port_contracts.key_store import NOW, RECORD, KeyStoreContract

STAGES = ("keys", "keys-of-another-stage")


@pytest.fixture
def table(aws: None) -> Iterator[KeysTable]:
    assert aws is None
    for name in STAGES:
        client("dynamodb").create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "key_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key_id", "AttributeType": "S"}],
        )
    yield KeysTable("keys")
    for name in STAGES:
        client("dynamodb").delete_table(TableName=name)


class TestKeysTable(KeyStoreContract):
    """The contract, on moto."""

    @pytest.fixture
    def keys(self, table: KeysTable) -> KeysTable:
        return table


class TestKeysInMemory(KeyStoreContract):
    """The contract, on the tests' stand-in."""

    @pytest.fixture
    def keys(self) -> KeysInMemory:
        return KeysInMemory()


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
    kept = str(client("dynamodb").scan(TableName="keys")["Items"])
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
