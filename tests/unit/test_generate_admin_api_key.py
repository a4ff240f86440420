"""The script that makes keys: for the local stack or a deployed one, started with any Python."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from candle_collector.adapters.dynamodb.keys_table import KeysTable
from candle_collector.domain.api_key import ApiKey, Scope, belongs
from moto import mock_aws

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "generate_admin_api_key.py"

OUTPUTS = {"candle-collector-prod": [{"OutputKey": "KeysTableName", "OutputValue": "the-keys"}], "someone-elses": []}


class CloudFormation:
    """Knows the stacks above, as long as the region is theirs."""

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - as boto3 spells it
        if StackName not in OUTPUTS or os.environ["AWS_DEFAULT_REGION"] != "eu-central-1":
            error = {"Error": {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}}
            raise ClientError(error, "DescribeStacks")  # type: ignore[arg-type] # the stubs want the whole answer
        return {"Stacks": [{"Outputs": OUTPUTS[StackName]}]}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_admin_api_key", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Mock an AWS account that has a stack of ours in eu-central-1, and one that is not ours."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION"):
        # Set before it is deleted, so that what the script sets is undone as well.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName="the-keys",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "key_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key_id", "AttributeType": "S"}],
        )
        monkeypatch.setattr(boto3, "client", lambda _service: CloudFormation())
        yield


@pytest.mark.usefixtures("account")
def test_the_key_alone_goes_to_stdout_and_its_record_to_the_stacks_table(
    script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    script.main(["--stack-name", "candle-collector-prod", "--name", "dashboard", "--scope", "read"])
    printed = capsys.readouterr()
    key = ApiKey.parse(printed.out.removesuffix("\n"))
    assert key is not None
    stored = KeysTable("the-keys").get(key.key_id)
    assert stored is not None
    assert belongs(key, stored)
    assert (stored.name, stored.scope, stored.expires_at) == ("dashboard", Scope.READ, None)
    assert "only its hash is stored" in printed.err
    assert key.secret not in printed.err


@pytest.mark.usefixtures("account")
def test_a_key_is_for_an_admin_and_expires_when_asked_to(
    script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    before = datetime.now(UTC)
    script.main(["--stack-name", "candle-collector-prod", "--expires-in-days", "30"])
    key = ApiKey.parse(capsys.readouterr().out.strip())
    assert key is not None
    stored = KeysTable("the-keys").get(key.key_id)
    assert stored is not None
    assert stored.scope is Scope.ADMIN
    assert stored.expires_at is not None
    assert before + timedelta(days=30) <= stored.expires_at <= datetime.now(UTC) + timedelta(days=30)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--stack-name", "no-such-stack"], "no-such-stack does not answer"),
        (["--stack-name", "candle-collector-prod", "--region", "us-west-2"], "Look at its name"),
        (["--stack-name", "someone-elses"], "has no output 'KeysTableName'"),
        (["--stack-name", "candle-collector-prod", "--name", ""], "--name: "),
    ],
)
def test_what_cannot_be_done_is_told_with_the_remedy_and_no_key_is_printed(
    script: ModuleType, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        script.main(words)
    assert told in str(ended.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "words", [["--scope", "root"], ["--expires-in-days", "0"], ["--expires-in-days", "x"], ["--region", "us-east-1"]]
)
def test_a_command_line_that_makes_no_sense_is_refused(
    script: ModuleType, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        script.arguments(words)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_the_local_stack_is_taken_where_none_is_named(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "stack.json").write_text(json.dumps({"aws_endpoint_url": "http://127.0.0.1:4999"}))
    monkeypatch.setenv("LOCAL_DIR", str(tmp_path))
    environment = {"AWS_PROFILE": "mine", "AWS_ACCESS_KEY_ID": "mine"}
    monkeypatch.setattr(os, "environ", os.environ | environment)
    assert script.aim_at(script.arguments([])) == "candle-collector-local"
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4999"
    # Nobody's real credentials are sent to it.
    assert os.environ["AWS_ACCESS_KEY_ID"] == "test"
    assert "AWS_PROFILE" not in os.environ


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs a virtual environment to go on in")
def test_it_goes_on_in_the_projects_environment_from_any_python(tmp_path: Path) -> None:
    outside = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    ended = subprocess.run(  # noqa: S603 - the project's own script
        [outside, "-I", str(SCRIPT)],
        env={"LOCAL_DIR": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    # What it says after it has found the environment, and no stack.
    assert "Run `make up`, or name a deployed one" in ended.stderr
