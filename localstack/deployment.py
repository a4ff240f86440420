"""Builds the template and deploys it to the local AWS with sam, when its sources or parameters have changed."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from background.files import digest_of
from background.places import PROJECT, Places
from background.progress import StackError, step
from localstack.environments import EMULATOR_ENVIRONMENT, MAIN_ENVIRONMENT, REGION
from localstack.parameters import as_arguments, from_environment, from_samconfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SOURCES = ("template.yaml", "samconfig.toml", "dashboards", "functions", "layers/common")
RUNTIMES = ("3.11", "3.12", "3.13")
STAGE = "local"
LAST_LINES = 30
KEPT_TABLES = "kept-tables.json"
"""In the state folder: the parameters that name the tables which a stack that was destroyed has left."""


def stack_python() -> str:
    """Give the version, such as `3.13`, of the interpreter that runs MiniStack and so the functions."""
    for line in (EMULATOR_ENVIRONMENT.folder / "pyvenv.cfg").read_text().splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "version":
            return ".".join(value.strip().split(".")[:2])
    raise StackError(f"{EMULATOR_ENVIRONMENT.folder} is not a virtual environment.", "make setup")


def aws_environment(places: Places) -> dict[str, str]:
    """Make an environment for tools that are to reach the local AWS alone: no profile of a person is read."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_"))}
    return kept | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": places.aws_url,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAM_CLI_TELEMETRY": "0",
    }


@dataclass(frozen=True)
class Deployment:
    """The deployment of this project's sources to the state of one exchange.

    Attributes
    ----------
    places
        Folders and ports.
    state
        The state folder; it is deployed to whatever MiniStack has loaded from it.
    exchange_url
        The exchange that the functions ask.
    """

    places: Places
    state: Path
    exchange_url: str

    @property
    def api_path_file(self) -> Path:
        """Holds the path under which MiniStack serves the API's stage."""
        return self.state / "api-path"

    @property
    def _deployed_from(self) -> Path:
        return self.state / "deployed-from"

    @property
    def _build(self) -> Path:
        return self.places.local_dir / "build"

    def parameters(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Give the parameters: samconfig's, over them the environment's settings, over them this machine's."""
        version = stack_python()
        runtime = version if version in RUNTIMES else RUNTIMES[-1]
        return {
            **from_samconfig(PROJECT / "samconfig.toml", STAGE),
            **self._kept_tables(),
            **from_environment(environment),
            "ExchangeBaseUrl": self.exchange_url,
            "PythonRuntime": f"python{runtime}",
        }

    def _kept_tables(self) -> dict[str, str]:
        """Give the parameters that name tables of an earlier stack, none where this state's stack has its own."""
        try:
            kept: dict[str, str] = json.loads((self.state / KEPT_TABLES).read_text())
        except FileNotFoundError:
            return {}
        return kept

    def recipe(self, parameters: Mapping[str, str]) -> str:
        """Report what the deployment is made from: if this text changes, it is made again."""
        return json.dumps({"sources": self._sources(), "parameters": parameters}, sort_keys=True, indent=1)

    def is_current(self, parameters: Mapping[str, str]) -> bool:
        """Return whether what is deployed was made from what is here now."""
        return (
            self._deployed_from.is_file()
            and self.api_path_file.is_file()
            and self._deployed_from.read_text() == self.recipe(parameters)
        )

    def build(self) -> None:
        """Build with sam, unless these sources were built already."""
        sources = self._sources()
        built_from = self._build / "built-from"
        if built_from.is_file() and built_from.read_text() == sources:
            return
        with step("building (sam build)"):
            built_from.unlink(missing_ok=True)
            cache = self.places.local_dir / "build-cache" / stack_python()
            self._sam("build", "--build-dir", str(self._build), "--cache-dir", str(cache))
            built_from.write_text(sources)

    def deploy(self, parameters: Mapping[str, str]) -> None:
        """Deploy what was built, and note what it was made from; `mark_deployed` comes when it is saved."""
        self._deployed_from.unlink(missing_ok=True)
        with step("deploying (sam deploy)"):
            template = self._build / "template.yaml"
            overrides = ["--parameter-overrides", *as_arguments(parameters)]
            self._sam("deploy", "--template-file", str(template), "--no-progressbar", *overrides)
        url = urlsplit(self._outputs()["ApiUrl"])
        api_id = (url.hostname or "").partition(".")[0]
        self.api_path_file.write_text(f"/_aws/execute-api/{api_id}{url.path.rstrip('/')}")

    def mark_deployed(self, parameters: Mapping[str, str]) -> None:
        """Note what is deployed, so that it is not deployed again."""
        self._deployed_from.write_text(self.recipe(parameters))

    def forget(self) -> None:
        """Take it that nothing is deployed."""
        self._deployed_from.unlink(missing_ok=True)

    def _sources(self) -> str:
        return f"{digest_of(PROJECT / source for source in SOURCES)} for python {stack_python()}"

    def _outputs(self) -> dict[str, str]:
        # Imported here: it takes longer than all of an `up` that has nothing to deploy.
        import boto3  # noqa: PLC0415 - as said above

        client = boto3.client(
            "cloudformation",
            endpoint_url=self.places.aws_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - MiniStack's own root key
        )
        stack = client.describe_stacks(StackName=stack_name())["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def _sam(self, command: str, *arguments: str) -> None:
        sam = MAIN_ENVIRONMENT.bin / "sam"
        tools = f"{MAIN_ENVIRONMENT.bin}{os.pathsep}{EMULATOR_ENVIRONMENT.bin}{os.pathsep}{os.environ.get('PATH', '')}"
        environment = aws_environment(self.places) | {
            "PATH": tools,
            "LAYER_PYTHON": stack_python(),
            "LAYER_PLATFORM": "native",
            "LAYER_PIP": f"{shlex.quote(str(EMULATOR_ENVIRONMENT.python))} -m pip",
        }
        log = self.places.run_dir / f"sam-{command}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            config = ["--config-file", str(PROJECT / "samconfig.toml"), "--config-env", STAGE]
            called = [str(sam), command, *config, *arguments]
            ended = subprocess.run(called, stdout=output, stderr=output, env=environment, cwd=PROJECT, check=False)
        if ended.returncode:
            lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            raise StackError("\n".join([f"sam {command} failed. Its last lines:", *lines]), f"the whole log is {log}.")


def stack_name() -> str:
    """Give the stack's name, as samconfig.toml has it for the local stage."""
    name: str = tomllib.loads((PROJECT / "samconfig.toml").read_text())[STAGE]["deploy"]["parameters"]["stack_name"]
    return name
