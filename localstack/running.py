"""The local AWS as a whole: MiniStack with the template on it, brought up from whatever state it is in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn
from urllib.request import Request, urlopen

from candle_collector.settings import without_proxies

from background.files import digest_of
from background.home import LOCAL_AWS, STARTS_WITHIN_S, STOPS_WITHIN_S, Home
from background.http_status import FORBIDDEN, OK, UNAUTHORIZED, http_status
from background.kept_settings import KeptSettings
from background.places import PORT_VARIABLES, PROJECT, shown
from background.progress import StackError, say, step
from localstack import admin_key
from localstack.deployment import Deployment, stack_name
from localstack.environments import EMULATOR_ENVIRONMENT, REGION
from localstack.front import SNAPSHOT_ROUTE
from localstack.parameters import AWS_ALONE, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from background.exchange_choice import ExchangeChoice

# What functions on this machine need to know of it; the person's settings and AWS profile are not theirs.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


class LocalStack(Home):
    """The local AWS, with the project's template deployed to it."""

    on = LOCAL_AWS

    def save(self) -> None:
        """Have MiniStack write its memory to the disk: until then a kill loses what it stored."""
        with urlopen(Request(self._places.aws_url + SNAPSHOT_ROUTE, method="POST"), timeout=STOPS_WITHIN_S):  # noqa: S310 - our own address
            pass

    def _up_for_a_plan(self, asked_exchange: str) -> NoReturn:
        """Refuse it: an emulator that is up delivers what its queues hold, so a run that was interrupted would go on.

        Raises
        ------
        StackError
        """
        exchange = f" EXCHANGE={asked_exchange}" if asked_exchange else ""
        raise StackError(
            "The local AWS does not run, and a dry run starts none: a run that was interrupted would go on in it.",
            f"`make up ON={self.on}{exchange}` first.",
        )

    def _kept(self, state: Path) -> KeptSettings:
        return KeptSettings(state / f"settings-{self.on}.json", SETTINGS.keys() - AWS_ALONE)

    def _deployment(self, state: Path, exchange_url: str) -> tuple[Deployment, dict[str, str]]:
        """Return the deployment to a state, and its parameters."""
        deployment = Deployment(self._places, state, exchange_url)
        return deployment, deployment.parameters(self._kept(state).with_those_of(self._given))

    def _check(self, state: Path, exchange_url: str) -> None:  # noqa: ARG002 - it is deployed later
        self._deployment(state, "")
        self._check_port(state)

    def _check_port(self, state: Path) -> None:
        """Refuse another port than the one that this state was deployed with: its queues' addresses hold it.

        MiniStack would take messages under the new address, and deliver none of them.
        """
        port = self._port_file(state)
        if port.is_file() and port.read_text().strip() != str(self._places.aws_port):
            raise StackError(
                f"What is deployed in {shown(state)} has queues at port {port.read_text().strip()}.",
                f"LOCAL_AWS_PORT={port.read_text().strip()}, or another folder: LOCAL_DIR=.local-2.",
            )

    def _port_file(self, state: Path) -> Path:
        return state / "aws-port"

    def _ports(self) -> Sequence[tuple[int, str, str]]:
        return [
            (self._places.aws_port, PORT_VARIABLES["aws"], "the local AWS"),
            (self._places.api_port, PORT_VARIABLES["api"], "the API"),
        ]

    def _ensure_up(self, state: Path, exchange_url: str) -> str:
        self._ensure_aws(state)
        deployment, parameters = self._deployment(state, exchange_url)
        key = self._ensure_deployed(deployment, parameters)
        self._port_file(state).write_text(f"{self._places.aws_port}\n")
        if self._keeps:
            kept = self._kept(state)
            kept.keep(kept.with_those_of(self._given))
        return key

    def _say_program(self, reported: Mapping[str, object], pid: int) -> None:
        say(f"AWS       {reported['aws_endpoint_url']}  MiniStack, pid {pid}")
        settings = reported.get("settings")
        if isinstance(settings, dict) and settings:
            say(f"settings  {', '.join(f'{name}={text}' for name, text in sorted(settings.items()))}")

    def _say_up(self, choice: ExchangeChoice, state: Path) -> None:
        say(f"The local AWS is up: {self._places.api_url} (exchange: {choice.name}, state: {shown(state)})")

    def _facts(self, state: Path) -> Mapping[str, object]:
        return {
            "aws_endpoint_url": self._places.aws_url,
            "region": REGION,
            "stack_name": stack_name(),
            "settings": self._kept(state).with_those_of(self._given),
        }

    def _ensure_aws(self, state: Path) -> None:
        places = self._places
        arguments = [
            *("-m", "localstack.launcher", "--state", str(state), "--logs", str(places.logs_dir)),
            *("--aws-port", str(places.aws_port), "--api-port", str(places.api_port)),
        ]
        # A new MiniStack or launcher is started by the next `up`.
        purpose = f"{arguments} {EMULATOR_ENVIRONMENT.made_of()} {digest_of([PROJECT / 'localstack'])}"
        running = self._program.running()
        if running is not None and running.purpose == purpose:
            return
        if running is not None:
            say("The local AWS runs with another state or in another version: stopping it; what it stored stays.")
            self._places.stack_file.unlink(missing_ok=True)
            self._stop()
        with step("starting the local AWS (MiniStack)"):
            self._program.start(
                arguments,
                self._aws_process_environment(state),
                purpose,
                PROJECT,
                python=EMULATOR_ENVIRONMENT.python,
                ports=[places.aws_port, places.api_port],
            )
            healthy = f"{places.aws_url}/_ministack/health"
            self._program.wait_until(lambda: http_status(healthy) == OK, STARTS_WITHIN_S)

    def _aws_process_environment(self, state: Path) -> dict[str, str]:
        port = str(self._places.aws_port)
        passed_on = {name: os.environ[name] for name in (*PASSED_ON, *PROXIES) if name in os.environ}
        return (passed_on | without_proxies(os.environ)) | {
            "GATEWAY_PORT": port,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "MINISTACK_REGION": REGION,
            "LOG_LEVEL": "WARNING",
            "AUTH": "true",  # each function runs under its own role's rights, as on AWS
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # MiniStack must not find containers to run functions in, nor any to clean up.
            "DOCKER_HOST": "unix:///nonexistent.sock",
            "TMPDIR": str(self._places.run_dir / "tmp"),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state / "aws"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state / "s3"),
        }

    def _ensure_deployed(self, deployment: Deployment, parameters: Mapping[str, str]) -> str:
        state = deployment.state
        key = admin_key.read(state)
        if deployment.is_current(parameters) and self._api_answers(key) not in (OK, UNAUTHORIZED, FORBIDDEN):
            say("What was deployed does not answer: deploying it again.")
            deployment.forget()
        if not deployment.is_current(parameters):
            deployment.build()
            deployment.deploy(parameters)
            key = self._valid_key(key, state)
            self.save()
            deployment.mark_deployed(parameters)
            return key
        return self._valid_key(key, state)

    def _valid_key(self, key: str | None, state: Path) -> str:
        answered = self._api_answers(key)
        if key is None or answered in (UNAUTHORIZED, FORBIDDEN):
            with step("making an admin key"):
                key = admin_key.make(self._places, state)
            self.save()
            answered = self._api_answers(key)
        if answered != OK:
            raise StackError(
                f"The API answers {answered or 'nothing'} at {self._places.api_url}/api/v3/ping.",
                f"see the functions' logs in {shown(self._places.logs_dir)} and {shown(self._program.log)}.",
            )
        return key

    def _api_answers(self, key: str | None) -> int | None:
        return http_status(f"http://127.0.0.1:{self._places.api_port}/api/v3/ping", key)
