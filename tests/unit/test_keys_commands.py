"""`candles keys`, for the local stack or a deployed one, and the script that makes the first key from any Python."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from candle_collector.adapters.dynamodb.keys_table import KeysTable
from candle_collector.api.create_key import create_key
from candle_collector.domain.api_key import ApiKey, Scope, belongs
from moto import mock_aws

from cli.main import main
from cli.stacks import AwsStack
from tests.explore import quick_moto

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "generate_admin_api_key.py"
STACK = ["--stack-name", "candle-collector-prod"]
NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
OUTPUTS = {"candle-collector-prod": [{"OutputKey": "KeysTableName", "OutputValue": "the-keys"}], "someone-elses": []}


class CloudFormation:
    """Knows the stacks above, as long as the region is theirs."""

    def __init__(self, region: str) -> None:
        self._region = region

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - as boto3 spells it
        if StackName not in OUTPUTS or self._region != "eu-central-1":
            error = {"Error": {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}}
            raise ClientError(error, "DescribeStacks")  # type: ignore[arg-type] # the stubs want the whole answer
        return {"Stacks": [{"Outputs": OUTPUTS[StackName]}]}


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeysTable]:
    """Mock an AWS account that has a stack of ours in eu-central-1, and one that is not ours."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    quick_moto.install(monkeypatch)
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName="the-keys",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "key_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key_id", "AttributeType": "S"}],
        )
        monkeypatch.setattr(AwsStack, "client", lambda stack, _service: CloudFormation(stack.environment["AWS_REGION"]))
        yield KeysTable("the-keys")


def output_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(["keys", *words, *STACK]) == 0
    return capsys.readouterr().out


def test_the_key_alone_goes_to_stdout_and_its_record_to_the_stacks_table(
    keys: KeysTable, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "create", *STACK, "--name", "dashboard", "--scope", "read"]) == 0
    printed = capsys.readouterr()
    key = ApiKey.parse(printed.out.removesuffix("\n"))
    assert key is not None
    stored = keys.get(key.key_id)
    assert stored is not None
    assert belongs(key, stored)
    assert (stored.name, stored.scope, stored.expires_at) == ("dashboard", Scope.READ, None)
    assert "only its hash is stored" in printed.err
    assert key.secret not in printed.err


def test_a_key_is_for_an_admin_and_expires_when_asked_to(keys: KeysTable, capsys: pytest.CaptureFixture[str]) -> None:
    before = datetime.now(UTC)
    key = ApiKey.parse(output_of(capsys, "create", "--expires-in-days", "30").strip())
    assert key is not None
    stored = keys.get(key.key_id)
    assert stored is not None
    assert stored.scope is Scope.ADMIN
    assert stored.expires_at is not None
    assert before + timedelta(days=30) <= stored.expires_at <= datetime.now(UTC) + timedelta(days=30)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--stack-name", "no-such-stack"], "no-such-stack does not answer"),
        (["--stack-name", "candle-collector-prod", "--region", "us-west-2"], "look at its name"),
        (["--stack-name", "someone-elses"], "has no output KeysTableName"),
        (["--stack-name", "candle-collector-prod", "--name", "x" * 300], "--name: "),
        (["--region", "us-east-1"], "--region and --profile go with --stack-name"),
    ],
)
def test_what_cannot_be_done_is_reported_with_the_remedy_and_no_key_is_printed(
    capsys: pytest.CaptureFixture[str], words: list[str], problem: str
) -> None:
    assert main(["keys", "create", *words]) == 2
    printed = capsys.readouterr()
    assert problem in printed.err
    assert printed.out == ""


def test_a_list_says_the_state_and_use_of_each_key_and_no_secret(
    keys: KeysTable, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    live, _ = create_key(keys, name="admin", scope=Scope.ADMIN, now=now - timedelta(days=3))
    keys.note_use(live.key_id, NOW, unless_after=NOW)
    expired, _ = create_key(
        keys, name="guest", scope=Scope.READ, now=now - timedelta(days=2), expires_at=now - timedelta(days=1)
    )
    revoked, _ = create_key(keys, name="lost", scope=Scope.READ, now=now - timedelta(days=1))
    keys.revoke(revoked.key_id, now)
    title, *rows = output_of(capsys, "list").splitlines()
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
    keys: KeysTable, capsys: pytest.CaptureFixture[str]
) -> None:
    old, stored = create_key(keys, name="dashboard", scope=Scope.READ, now=NOW)
    new = ApiKey.parse(output_of(capsys, "rotate", old.key_id).removesuffix("\n"))
    assert new is not None
    record = keys.get(new.key_id)
    assert belongs(new, record)
    assert record is not None
    assert (record.name, record.scope) == ("dashboard", Scope.READ)
    assert keys.get(old.key_id) == stored


def test_a_revocation_is_in_the_table_and_can_be_repeated(keys: KeysTable, capsys: pytest.CaptureFixture[str]) -> None:
    key, _ = create_key(keys, name="lost", scope=Scope.ADMIN, now=NOW)
    assert f"{key.key_id} (lost) is refused since" in output_of(capsys, "revoke", key.key_id)
    first = keys.get(key.key_id)
    assert first is not None
    assert first.revoked_at is not None
    output_of(capsys, "revoke", key.key_id)
    assert keys.get(key.key_id) == first


@pytest.mark.parametrize("action", ["rotate", "revoke"])
def test_a_name_in_the_place_of_an_id_is_answered_with_the_ids_of_that_name(
    action: str, keys: KeysTable, capsys: pytest.CaptureFixture[str]
) -> None:
    _, first = create_key(keys, name="reader", scope=Scope.READ, now=NOW)
    _, second = create_key(keys, name="reader", scope=Scope.READ, now=NOW + timedelta(hours=1))
    assert main(["keys", action, "reader", *STACK]) == 2
    said = capsys.readouterr().err
    assert "give its id, not its name" in said
    assert f"reader is the name of {first.key_id} and {second.key_id}." in said
    assert main(["keys", action, "nobody", *STACK]) == 2
    assert "nobody is the name" not in capsys.readouterr().err


@pytest.mark.parametrize("action", ["rotate", "revoke"])
def test_a_key_id_that_is_not_there_is_reported_with_the_remedy(
    keys: KeysTable, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    assert main(["keys", action, "nosuchkey0", *STACK]) == 2
    problem = capsys.readouterr().err
    assert "nosuchkey0" in problem
    assert "`candles keys list` shows" in problem
    assert list(keys.all()) == []


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["revoke"],
        ["delete", "abcdefghij"],
        ["create", "--scope", "root"],
        ["create", "--expires-in-days", "0"],
        ["create", "--expires-in-days", "x"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["keys", *words])
    assert ended.value.code == 2
    assert "  Remedy: `candles keys" in capsys.readouterr().err


def test_the_local_aws_sees_no_credentials_of_a_person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text(json.dumps({"aws_endpoint_url": "http://127.0.0.1:4999"}))
    for name, value in {"LOCAL_DIR": str(tmp_path), "LOCAL_AWS_PORT": "4999", "AWS_PROFILE": "mine"}.items():
        monkeypatch.setenv(name, value)
    stack = AwsStack.of_arguments(argparse.Namespace(stack_name=None, region=None, profile=None))
    assert stack.name == "candle-collector-local"
    where = stack.connection()
    assert where["host"] == "http://127.0.0.1:4999"
    # nobody's real credentials are sent to it
    assert (where["aws_access_key_id"], where["aws_secret_access_key"]) == ("test", "test")


def test_the_commands_say_what_is_missing_where_nothing_ever_ran(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOCAL_DIR", str(tmp_path))
    assert main(["keys", "list"]) == 2
    assert "`make up` starts it" in capsys.readouterr().err


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs a virtual environment to go on in")
def test_the_script_goes_on_in_the_projects_environment_from_any_python(tmp_path: Path) -> None:
    outside = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    ended = subprocess.run(  # noqa: S603 - the project's own script
        [outside, "-I", str(SCRIPT)],
        env={"LOCAL_DIR": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    # what it says after it has found the environment, and no stack
    assert "`make up` starts it" in ended.stderr
