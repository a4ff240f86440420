"""The local stack as a whole: brought up from whatever state it is in, taken down, and described."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from localstack import admin_key
from localstack.deployment import Deployment, digest_of, stack_name
from localstack.exchange_choice import BINANCE, ExchangeChoice, binance_answers, choose
from localstack.front import SNAPSHOT_ROUTE
from localstack.places import EMULATOR_ENVIRONMENT, MAIN_ENVIRONMENT, PORT_VARIABLES, PROJECT, REGION, Places
from localstack.processes import Background, require_free
from localstack.progress import StackError, say, step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

STARTS_WITHIN_S = 60
# A large state takes a while to save.
STOPS_WITHIN_S = 120
PROBE_S = 30
OK, UNAUTHORIZED, FORBIDDEN = 200, 401, 403
# What functions on this machine need to know of it; the person's settings and AWS profile are not theirs.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


class LocalStack:
    """One local stack: the processes and files that belong to its places."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._aws = Background("ministack", places.run_dir)
        self._exchange = Background("exchange", places.run_dir)
        self._last_exchange = places.local_dir / "last-exchange"

    def up(self, asked_exchange: str) -> None:
        """Bring the stack up: what runs and is current stays as it is.

        Parameters
        ----------
        asked_exchange
            As EXCHANGE; empty is the exchange that was used last, `auto` the first time.

        Raises
        ------
        StackError
            It cannot be brought up; what did start stays, and the next `up` goes on from there.
        """
        with self._alone():
            choice = self._choose(asked_exchange)
            state = self._places.local_dir / choice.folder
            state.mkdir(parents=True, exist_ok=True)
            url = choice.url or f"http://127.0.0.1:{self._places.exchange_port}"
            deployment = Deployment(self._places, state, url)
            # Read before anything is started: a setting that is wrong stops here.
            parameters = deployment.parameters(os.environ)
            self._ensure_exchange(choice, url)
            self._ensure_aws(state)
            key = self._ensure_deployed(deployment, parameters)
            self._describe(choice, state, url, key)
            admin_key.write_private(self._last_exchange, (asked_exchange or self._last_asked()) + "\n")
            say(f"The local stack is up: {self._places.api_url} (exchange: {choice.name}, state: {_shown(state)})")

    def down(self) -> None:
        """Stop everything; what is stored is saved first."""
        with self._alone():
            self._places.stack_file.unlink(missing_ok=True)
            stopped = self._stop_aws() | self._exchange.stop(STOPS_WITHIN_S)
            say("The local stack is down. What it stored stays." if stopped else "The local stack was not running.")

    def status(self) -> bool:
        """Report what runs and where; answer whether all of it does."""
        reported = self.description()
        aws, exchange = self._aws.running(), self._exchange.running()
        if reported is None or aws is None:
            say("The local stack is down." if aws is None else "The local stack is half up; `make up` completes it.")
            return False
        answers = _http_status(f"{reported['api_url']}/api/v3/ping", reported["api_key"]) == OK
        say(
            f"API       {reported['api_url']}  {'answers' if answers else 'does not answer: see ' + str(self._aws.log)}"
        )
        say(f"AWS       {reported['aws_endpoint_url']}  MiniStack, pid {aws.pid}")
        say(
            f"exchange  {reported['exchange_url']}  {reported['exchange']}{f', pid {exchange.pid}' if exchange else ''}"
        )
        say(f"state     {reported['state_dir']}")
        say(f"logs      {self._places.logs_dir}")
        return answers

    def description(self) -> dict[str, str] | None:
        """Give what stack.json says, None where it is missing."""
        try:
            reported: dict[str, str] = json.loads(self._places.stack_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return reported

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._places.local_dir.mkdir(parents=True, exist_ok=True)
        with (self._places.local_dir / "up.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Another command is at work on this stack; waiting for it ...")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _last_asked(self) -> str:
        try:
            return self._last_exchange.read_text().strip() or "auto"
        except FileNotFoundError:
            return "auto"

    def _choose(self, requested: str) -> ExchangeChoice:
        wanted = requested or self._last_asked()
        choice = choose(wanted, binance_answers, PROJECT)
        if wanted == "auto" and choice.is_ours:
            say("*" * 79)
            say(f"* {BINANCE} does not answer from here: the SIMULATED exchange is used.")
            say("* Its candles are synthetic. EXCHANGE=binance insists on the real one.")
            say("*" * 79)
        elif not requested and wanted != "auto":
            say(f"Exchange: {choice.name}, as last time (EXCHANGE=auto chooses again).")
        return choice

    def _ensure_exchange(self, choice: ExchangeChoice, url: str) -> None:
        if not choice.is_ours:
            self._exchange.stop(STOPS_WITHIN_S)
            if _http_status(f"{url}/api/v3/ping") != OK:
                raise StackError(
                    f"The exchange at {url} does not answer.",
                    "EXCHANGE=simulated collects synthetic candles without a network."
                    if url == BINANCE
                    else "start it first.",
                )
            return
        port = self._places.exchange_port
        arguments = ["-m", "simulator", "--port", str(port), *choice.arguments]
        purpose = f"{arguments} {digest_of([PROJECT / 'simulator'])}"
        running = self._exchange.running()
        if running is not None and running.purpose == purpose:
            return
        if running is not None:
            say("The exchange that runs is another one: stopping it.")
            self._exchange.stop(STOPS_WITHIN_S)
        require_free(port, PORT_VARIABLES["exchange"], f"the {choice.folder} exchange")
        with step(f"starting the exchange ({choice.name})"):
            self._exchange.start(MAIN_ENVIRONMENT.python, arguments, os.environ, purpose, PROJECT)
            self._exchange.wait_until(lambda: _http_status(f"{url}/api/v3/ping") == OK, STARTS_WITHIN_S)

    def _ensure_aws(self, state: Path) -> None:
        places = self._places
        arguments = [
            *("-m", "localstack.launcher", "--state", str(state), "--logs", str(places.logs_dir)),
            *("--aws-port", str(places.aws_port), "--api-port", str(places.api_port)),
        ]
        # A new MiniStack or launcher is started by the next `up`.
        purpose = f"{arguments} {EMULATOR_ENVIRONMENT.made_of()} {digest_of([PROJECT / 'localstack'])}"
        running = self._aws.running()
        if running is not None and running.purpose == purpose:
            return
        if running is not None:
            say("The local AWS runs with another state or in another version: stopping it; what it stored stays.")
            self._places.stack_file.unlink(missing_ok=True)
            self._stop_aws()
        require_free(places.aws_port, PORT_VARIABLES["aws"], "the local AWS")
        require_free(places.api_port, PORT_VARIABLES["api"], "the API")
        with step("starting the local AWS (MiniStack)"):
            self._aws.start(
                EMULATOR_ENVIRONMENT.python, arguments, self._aws_process_environment(state), purpose, PROJECT
            )
            healthy = f"{places.aws_url}/_ministack/health"
            self._aws.wait_until(lambda: _http_status(healthy) == OK, STARTS_WITHIN_S)

    def _stop_aws(self) -> bool:
        if self._aws.running() is None:
            return False
        with step("stopping the local AWS and saving its state"):
            return self._aws.stop(STOPS_WITHIN_S)

    def _aws_process_environment(self, state: Path) -> dict[str, str]:
        port = str(self._places.aws_port)
        passed_on = {name: os.environ[name] for name in (*PASSED_ON, *PROXIES) if name in os.environ}
        return passed_on | {
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
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
            self._save()
            deployment.mark_deployed(parameters)
            return key
        return self._valid_key(key, state)

    def _valid_key(self, key: str | None, state: Path) -> str:
        answered = self._api_answers(key)
        if key is None or answered in (UNAUTHORIZED, FORBIDDEN):
            with step("making an admin key"):
                key = admin_key.make(self._places, state)
            self._save()
            answered = self._api_answers(key)
        if answered != OK:
            raise StackError(
                f"The API answers {answered or 'nothing'} at {self._places.api_url}/api/v3/ping.",
                f"see the functions' logs in {_shown(self._places.logs_dir)} and {_shown(self._aws.log)}.",
            )
        return key

    def _api_answers(self, key: str | None) -> int | None:
        return _http_status(f"http://127.0.0.1:{self._places.api_port}/api/v3/ping", key)

    def _save(self) -> None:
        with urlopen(Request(self._places.aws_url + SNAPSHOT_ROUTE, method="POST"), timeout=STOPS_WITHIN_S):  # noqa: S310 - our own address
            pass

    def _describe(self, choice: ExchangeChoice, state: Path, exchange_url: str, key: str) -> None:
        processes = {program.name: program.running() for program in (self._aws, self._exchange)}
        reported: Mapping[str, object] = {
            "api_url": self._places.api_url,
            "api_key": key,
            "aws_endpoint_url": self._places.aws_url,
            "exchange_url": exchange_url,
            "exchange": choice.name,
            "region": REGION,
            "stack_name": stack_name(),
            "state_dir": str(state),
            "logs_dir": str(self._places.logs_dir),
            "pids": {name: record.pid for name, record in processes.items() if record is not None},
        }
        admin_key.write_private(self._places.stack_file, json.dumps(reported, indent=2) + "\n")


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT)) if path.is_relative_to(PROJECT) else str(path)


def _http_status(url: str, key: str | None = None) -> int | None:
    request = Request(url, headers={"X-API-Key": key} if key else {})  # noqa: S310 - addresses of this stack and its exchange
    try:
        with urlopen(request, timeout=PROBE_S) as answer:  # noqa: S310 - as above
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return None
