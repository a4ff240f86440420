"""The container, the compose file and the unit of systemd name commands, files and ports that there are."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from background.places import DEFAULT_PORTS
from background.standalone_home import SETTINGS
from cli.main import parser_for

PROJECT = Path(__file__).resolve().parents[2]
DOCKERFILE = (PROJECT / "Dockerfile").read_text().replace("\\\n", " ")
UNIT = PROJECT / "deploy" / "candles.service"
API_PORT = DEFAULT_PORTS["api"]


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)


def unit() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # systemd's names have capitals
    parser.read(UNIT)
    return parser


def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text())
    return content


def check_command(words: list[str]) -> None:
    assert Path(words[0]).name == "candles"
    parser_for(words[1:]).parse_args(words[1:])


def test_the_image_runs_commands_that_there_are_as_nobody_special() -> None:
    (command,) = instructions("CMD")
    check_command(json.loads(command))
    (health,) = instructions("HEALTHCHECK")
    check_command(json.loads(health.partition("CMD ")[2]))
    assert instructions("USER") == ["candles"]
    assert instructions("EXPOSE") == [str(API_PORT)]
    assert instructions("VOLUME") == ["/data"]
    assert "LOCAL_DIR=/data" in DOCKERFILE


def test_the_image_is_built_from_files_that_there_are_and_are_sent_to_the_build() -> None:
    copied = [shlex.split(line)[:-1] for line in instructions("COPY") if not line.startswith("--from=")]
    sent = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    names = {name for names in copied for name in names}
    assert all((PROJECT / name).exists() for name in names)
    assert names == sent


def test_the_image_has_every_package_of_the_wheel() -> None:
    project = (PROJECT / "pyproject.toml").read_text()
    (packages,) = re.findall(r"^packages = (\[.*\])$", project.partition("[tool.ruff]")[0], re.MULTILINE)
    named = {package.removesuffix("/candle_collector") for package in json.loads(packages)}
    copied = {word for line in instructions("COPY") for word in shlex.split(line)[:-1]}
    assert named <= copied


def test_the_services_have_ports_settings_and_volumes_that_there_are() -> None:
    content = compose()
    server, postgres = content["services"]["server"], content["services"]["postgres"]
    assert server["ports"] == [f"127.0.0.1:{API_PORT}:{API_PORT}"]
    assert set(server["environment"]) <= SETTINGS
    assert postgres["profiles"] == ["postgres"]
    assert server["depends_on"]["postgres"]["required"] is False
    used = {volume.partition(":")[0] for service in (server, postgres) for volume in service["volumes"]}
    assert used == set(content["volumes"])


def test_the_unit_serves_and_comes_back_after_a_failure() -> None:
    service = unit()["Service"]
    check_command(shlex.split(service["ExecStart"]))
    assert service["Restart"] == "on-failure"
    assert service["User"] == "candles"
    assert service["Environment"] == f"LOCAL_DIR=/var/lib/{service['StateDirectory']}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    program = tmp_path / "candles"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / "candles.service"
    text = UNIT.read_text().replace("/opt/candles/bin/candles", str(program))
    # neither the user nor the documentation are on this machine
    text = re.sub(r"^(User|Group|Documentation)=.*\n", "", text, flags=re.MULTILINE)
    copy.write_text(text)
    checked = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)  # noqa: S603, S607 - where it is
    assert (checked.returncode, [line for line in checked.stderr.splitlines() if copy.name in line]) == (0, [])
