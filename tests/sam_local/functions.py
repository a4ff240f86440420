"""The functions as `sam local` runs them: built for Lambda's image, with the variables of the local stack's."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import yaml

from background.places import PROJECT, Places
from background.progress import StackError, step
from localstack.deployment import aws_environment
from localstack.environments import MAIN_ENVIRONMENT, REGION
from localstack.parameters import as_arguments, from_samconfig
from tests.sam_local.docker import HOST, has_image

RUNTIME = "python3.13"
FUNCTIONS = ("Authorizer", "Trigger", "Worker", "Status", "Candles", "Reconciler")
LAST_LINES = 20


@dataclass(frozen=True)
class SamLocal:
    """The project as `sam local` takes it.

    Attributes
    ----------
    places
        Where the local stack is.
    stack_name
        Its name.
    """

    places: Places
    stack_name: str

    @property
    def folder(self) -> Path:
        """Where all of this is written."""
        return self.places.local_dir / "sam-local"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of sam: no person's profile, and the local stack's root key for the containers."""
        tools = f"{MAIN_ENVIRONMENT.bin}{os.pathsep}{os.environ.get('PATH', '')}"
        return aws_environment(self.places) | {
            "PATH": tools,
            "LAYER_PYTHON": RUNTIME.removeprefix("python"),
            "LAYER_PIP": f"{shlex.quote(str(MAIN_ENVIRONMENT.python))} -m pip",
        }

    @property
    def options(self) -> list[str]:
        """The options that `sam local invoke` and `sam local start-api` share."""
        return [
            *("--template", str(self.folder / "build" / "template-local.yaml")),
            *("--env-vars", str(self.folder / "variables.json")),
            *("--layer-cache-basedir", str(self.folder / "layers")),
            *("--add-host", f"{HOST}:host-gateway"),
            *(["--skip-pull-image"] if has_image(RUNTIME) else []),
            *("--parameter-overrides", *as_arguments(self._parameters)),
        ]

    @property
    def _parameters(self) -> dict[str, str]:
        return from_samconfig(PROJECT / "samconfig.toml", "local") | {"PythonRuntime": RUNTIME}

    def prepare(self) -> None:
        """Build, and write down what the containers need to know.

        Raises
        ------
        StackError
            sam cannot build it.
        """
        with step(f"building for {RUNTIME} (sam build)"):
            self.sam(
                "build",
                *("--build-dir", str(self.folder / "build"), "--cache-dir", str(self.folder / "cache")),
                *("--parameter-overrides", *as_arguments(self._parameters)),
            )
        built = yaml.safe_load((self.folder / "build" / "template.yaml").read_text())
        # sam local leaves an API's properties unresolved where it does not know one of their intrinsic functions
        # (AWS::NoValue is one), and then takes it for one without an authorizer.
        authorizers = built["Resources"]["Api"]["Properties"]["Auth"]["Authorizers"]
        authorizers["KeyAuthorizer"]["FunctionArn"] = (
            "arn:aws:lambda:us-east-1:000000000000:function:AuthorizerFunction"
        )
        # `--env-vars` sets only what the template declares, and on AWS nothing has to say where AWS is.
        built["Globals"]["Function"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"] = ""
        (self.folder / "build" / "template-local.yaml").write_text(yaml.safe_dump(built, sort_keys=False))
        (self.folder / "variables.json").write_text(json.dumps(self._variables(), indent=1))

    def _variables(self) -> dict[str, dict[str, str]]:
        """Return the variables of the deployed functions; this machine is called otherwise inside of a container."""
        client = boto3.client(
            "lambda",
            endpoint_url=self.places.aws_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        reported: dict[str, dict[str, str]] = {}
        for name in FUNCTIONS:
            deployed = client.get_function_configuration(FunctionName=f"{self.stack_name}-{name.lower()}")
            variables = {name: text for name, text in deployed["Environment"]["Variables"].items() if "AWS" not in name}
            if "EXCHANGE_BASE_URL" in variables:
                url = urlsplit(variables["EXCHANGE_BASE_URL"])
                if url.hostname == "127.0.0.1":
                    variables["EXCHANGE_BASE_URL"] = f"http://{HOST}:{url.port}"
            reported[f"{name}Function"] = variables | {"AWS_ENDPOINT_URL": f"http://{HOST}:{self.places.aws_port}"}
        return reported

    def sam(self, *words: str) -> str:
        """Run sam to its end, and return what it printed.

        Raises
        ------
        StackError
            It failed.
        """
        called = [str(MAIN_ENVIRONMENT.bin / "sam"), *words]
        ended = subprocess.run(called, env=self.environment, cwd=PROJECT, capture_output=True, text=True, check=False)
        if ended.returncode:
            lines = "\n".join(ended.stderr.splitlines()[-LAST_LINES:])
            raise StackError(f"sam {' '.join(words[:3])} failed. Its last lines:\n{lines}")
        return ended.stdout

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Run a function once in a container of its own, and return its answer: `errorMessage` where it raised."""
        file = self.folder / "event.json"
        file.write_text(json.dumps(event))
        printed = self.sam("local", "invoke", f"{function}Function", "--event", str(file), *self.options)
        return json.loads(printed.strip().splitlines()[-1])
