"""Where the archive on this machine keeps its things, and on which ports it serves; the environment can move all of it.

In a clone of the project everything lies in `.local` and `logs` beside the sources. An installed wheel has no such
folder: there it is the user's own folder for data.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from background.progress import IS_CLONE, StackError

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).resolve().parents[1]
USERS_FOLDER = "candle-collector"
PORTS_FILE = "ports.json"

PORT_VARIABLES = {"aws": "LOCAL_AWS_PORT", "api": "LOCAL_API_PORT", "exchange": "LOCAL_EXCHANGE_PORT"}
DEFAULT_PORTS = {"aws": 4566, "api": 5000, "exchange": 5050}
DEFAULT = "default"
"""The value that takes what was kept back to its default: a setting or a port."""


def base_folder() -> Path:
    """Return what a relative path that a person gives is relative to: the clone, else the current folder."""
    return PROJECT if IS_CLONE else Path.cwd()


def default_local_dir(environment: Mapping[str, str], *, is_clone: bool = IS_CLONE) -> Path:
    """Return where things lie that LOCAL_DIR does not move."""
    if is_clone:
        return PROJECT / ".local"
    data = environment.get("XDG_DATA_HOME") or ""
    # the specification takes absolute paths alone
    of_user = Path(data) if data.startswith("/") else Path(environment.get("HOME") or Path.home()) / ".local" / "share"
    return of_user / USERS_FOLDER


@dataclass(frozen=True)
class Places:
    """Folders and ports of one archive; two that share none of them run side by side.

    Attributes
    ----------
    local_dir
        Holds everything that is written, except the logs (LOCAL_DIR; default `.local`, or the user's own folder).
    logs_dir
        The functions' or the server's logs: `logs` beside the default local_dir of a clone, else inside local_dir.
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
        """What scripts and people need to know of what runs."""
        return self.local_dir / "stack.json"

    @property
    def run_dir(self) -> Path:
        """The records and the output of the processes in the background."""
        return self.local_dir / "run"

    @property
    def ports_file(self) -> Path:
        """The ports that were given, where they are others than the default ones."""
        return self.local_dir / PORTS_FILE

    def ports_to_keep(self) -> dict[str, str]:
        """Return what belongs into `ports_file`."""
        ports = {"aws": self.aws_port, "api": self.api_port, "exchange": self.exchange_port}
        return {PORT_VARIABLES[name]: str(port) for name, port in ports.items() if port != DEFAULT_PORTS[name]}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Places:
        """Read the folders and ports; an empty variable counts as unset, as make passes it so.

        A port that is not given is the one that was kept when something was last brought up here, else the default.

        Raises
        ------
        StackError
            A port is not a number from 1 to 65535, or two of them are equal.
        """
        default = default_local_dir(environment)
        local_dir = base_folder() / (environment.get("LOCAL_DIR") or default)
        kept = _kept(local_dir / PORTS_FILE)
        ports = {name: _port(environment, kept, name) for name in PORT_VARIABLES}
        if len(set(ports.values())) < len(ports):
            reported = ", ".join(f"{PORT_VARIABLES[name]}={port}" for name, port in ports.items())
            raise StackError(f"Two parts of the stack cannot share a port: {reported}.", "give each its own.")
        logs_dir = PROJECT / "logs" if IS_CLONE and local_dir == default else local_dir / "logs"
        return cls(local_dir, logs_dir, ports["aws"], ports["api"], ports["exchange"])


def shown(path: Path) -> str:
    """Write a path as short as it can be read: from the project's folder where it lies in it."""
    return str(path.relative_to(PROJECT)) if path.is_relative_to(PROJECT) else str(path)


def _kept(file: Path) -> Mapping[str, str]:
    try:
        content = json.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return {name: str(text) for name, text in content.items()} if isinstance(content, dict) else {}


def _port(environment: Mapping[str, str], kept: Mapping[str, str], name: str) -> int:
    variable = PORT_VARIABLES[name]
    text = environment.get(variable) or kept.get(variable) or DEFAULT
    if text == DEFAULT:
        return DEFAULT_PORTS[name]
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):  # noqa: PLR2004 - TCP's own bounds
        raise StackError(f"{variable}={text} is not a port.", "a number from 1 to 65535.")
    return int(text)
