"""The commands that list, rotate and revoke keys of a deployed stack."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace

import boto3
import pytest
from candle_collector.adapters.dynamodb.keys_table import KeysTable
from candle_collector.api.create_key import create_key
from candle_collector.domain.api_key import ApiKey, Scope, belongs
from moto import mock_aws

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
STACK = ["--stack-name", "candle-collector-prod"]
NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def commands() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module("api_keys")


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeysTable]:
    """Mock an AWS account with the table of keys of one stack."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    outputs = [{"OutputKey": "KeysTableName", "OutputValue": "the-keys"}]
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName="the-keys",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "key_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key_id", "AttributeType": "S"}],
        )
        told = SimpleNamespace(describe_stacks=lambda **_: {"Stacks": [{"Outputs": outputs}]})
        monkeypatch.setattr(boto3, "client", lambda _service: told)
        yield KeysTable("the-keys")


def said(commands: ModuleType, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    commands.main([*words, *STACK])
    return capsys.readouterr().out


def test_a_list_tells_the_state_and_use_of_each_key_and_no_secret(
    commands: ModuleType, keys: KeysTable, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    live, _ = create_key(keys, name="admin", scope=Scope.ADMIN, now=now - timedelta(days=3))
    keys.note_use(live.key_id, NOW, unless_after=NOW)
    expired, _ = create_key(
        keys, name="guest", scope=Scope.READ, now=now - timedelta(days=2), expires_at=now - timedelta(days=1)
    )
    revoked, _ = create_key(keys, name="lost", scope=Scope.READ, now=now - timedelta(days=1))
    keys.revoke(revoked.key_id, now)
    title, *rows = said(commands, capsys, "list").splitlines()
    assert title.split()[:4] == ["KEY", "ID", "NAME", "SCOPE"]
    assert [row.split()[:4] for row in rows] == [
        [live.key_id, "admin", "admin", "live"],
        [expired.key_id, "guest", "read", "expired"],
        [revoked.key_id, "lost", "read", "revoked"],
    ]
    assert rows[0].split()[-3:] == ["never", "2025-06-01", "12:00"]
    assert rows[1].split()[-1] == "never"
    table = "\n".join(rows)
    for key in (live, expired, revoked):
        assert not any(key.secret[at : at + 8] in table for at in range(len(key.secret) - 7))


def test_a_rotation_prints_a_second_key_and_leaves_the_first_as_it_is(
    commands: ModuleType, keys: KeysTable, capsys: pytest.CaptureFixture[str]
) -> None:
    old, stored = create_key(keys, name="dashboard", scope=Scope.READ, now=NOW)
    new = ApiKey.parse(said(commands, capsys, "rotate", old.key_id).removesuffix("\n"))
    assert new is not None
    record = keys.get(new.key_id)
    assert belongs(new, record)
    assert record is not None
    assert (record.name, record.scope) == ("dashboard", Scope.READ)
    assert keys.get(old.key_id) == stored


def test_a_revocation_is_in_the_table_and_can_be_repeated(
    commands: ModuleType, keys: KeysTable, capsys: pytest.CaptureFixture[str]
) -> None:
    key, _ = create_key(keys, name="lost", scope=Scope.ADMIN, now=NOW)
    assert f"{key.key_id} (lost) is refused since" in said(commands, capsys, "revoke", key.key_id)
    first = keys.get(key.key_id)
    assert first is not None
    assert first.revoked_at is not None
    said(commands, capsys, "revoke", key.key_id)
    assert keys.get(key.key_id) == first


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_a_key_id_that_is_not_there_is_told_with_the_remedy(
    commands: ModuleType, keys: KeysTable, command: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        commands.main([command, "nosuchkey0", *STACK])
    assert "nosuchkey0" in str(ended.value)
    assert "`list` shows" in str(ended.value)
    assert list(keys.all()) == []


@pytest.mark.parametrize("words", [[], ["revoke"], ["delete", "abcdefghij"], ["list", "--region", "us-east-1"]])
def test_a_command_line_that_makes_no_sense_is_refused(
    commands: ModuleType, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        commands.arguments(words)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_the_commands_of_the_local_stack_say_what_is_missing_where_it_is_down(
    commands: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "environ", os.environ | {"LOCAL_DIR": str(tmp_path)})
    with pytest.raises(SystemExit) as ended:
        commands.main(["list"])
    assert "Run `make up`" in str(ended.value)
