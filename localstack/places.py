"""Where the local stack keeps its things, and on which ports it serves; all of it can be moved by the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localstack.progress import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).resolve().parents[1]
REGION = "us-east-1"


@dataclass(frozen=True)
class Environment:
    """A virtual environment that scripts/setup.sh makes."""

    folder: Path

    @property
    def bin(self) -> Path:
        """Where its programs are."""
        return self.folder / "bin"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.bin / "python"

    def made_of(self) -> str:
        """Return what it was made of: another text after another set-up."""
        return (self.folder / "made-of").read_text()


MAIN_ENVIRONMENT = Environment(PROJECT / ".venv")
EMULATOR_ENVIRONMENT = Environment(PROJECT / ".local" / "venvs" / "localstack")
"""MiniStack's own, with what its functions see."""

PORT_VARIABLES = {"aws": "LOCAL_AWS_PORT", "api": "LOCAL_API_PORT", "exchange": "LOCAL_EXCHANGE_PORT"}


@dataclass(frozen=True)
class Places:
    """Folders and ports of one local stack; two stacks that share none of them run side by side.

    Attributes
    ----------
    local_dir
        Holds everything that is written, except the functions' logs (LOCAL_DIR, default `.local`).
    logs_dir
        The functions' logs: `logs` beside the default local_dir, else inside local_dir.
    aws_port
        MiniStack (LOCAL_AWS_PORT, default 4566).
    api_port
        The API without a stage prefix (LOCAL_API_PORT, default 5000).
    exchange_port
        The simulated exchange (LOCAL_EXCHANGE_PORT, default 5050).
    """

    local_dir: Path
    logs_dir: Path
    aws_port: int
    api_port: int
    exchange_port: int

    @property
    def aws_url(self) -> str:
        """The endpoint of the local AWS."""
        return f"http://127.0.0.1:{self.aws_port}"

    @property
    def api_url(self) -> str:
        """Where people reach the API."""
        return f"http://localhost:{self.api_port}"

    @property
    def stack_file(self) -> Path:
        """What scripts and people need to know of the running stack."""
        return self.local_dir / "stack.json"

    @property
    def run_dir(self) -> Path:
        """The records and the output of the processes in the background."""
        return self.local_dir / "run"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Places:
        """Read the folders and ports; an empty variable counts as unset, as make passes it so.

        Raises
        ------
        StackError
            A port is not a number from 1 to 65535, or two of them are equal.
        """
        default = PROJECT / ".local"
        local_dir = PROJECT / (environment.get("LOCAL_DIR") or default)
        ports = {
            "aws": _port(environment, "aws", 4566),
            "api": _port(environment, "api", 5000),
            "exchange": _port(environment, "exchange", 5050),
        }
        if len(set(ports.values())) < len(ports):
            reported = ", ".join(f"{PORT_VARIABLES[name]}={port}" for name, port in ports.items())
            raise StackError(f"Two parts of the stack cannot share a port: {reported}.", "give each its own.")
        logs_dir = PROJECT / "logs" if local_dir == default else local_dir / "logs"
        return cls(local_dir, logs_dir, ports["aws"], ports["api"], ports["exchange"])


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    variable = PORT_VARIABLES[name]
    text = environment.get(variable) or str(default)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):  # noqa: PLR2004 - TCP's own bounds
        raise StackError(f"{variable}={text} is not a port.", "a number from 1 to 65535.")
    return int(text)
