"""Builds the virtual environments, once, and again only when their requirements or the interpreter have changed.

Run by the interpreter they are to be built with, before anything is installed: standard library only.
`python -m localstack.environments [dev] [stack]`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from localstack.progress import StackError, say, step

PROJECT = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Environment:
    """A virtual environment, what is installed into it, and what else it depends on.

    Attributes
    ----------
    folder
        Where it lies.
    requirements
        The pinned and hashed list that it holds, and nothing else.
    editable
        A package of this project that is installed by link, or None.
    """

    folder: Path
    requirements: Path
    editable: Path | None = None

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """The file that tells what the environment was built from; it is written last."""
        return self.folder / "built-from"

    def recipe(self) -> str:
        """Tell what the environment is built from: if this text changes, it is built again."""
        digest = hashlib.sha256(self.requirements.read_bytes())
        if self.editable is not None:
            digest.update((self.editable / "pyproject.toml").read_bytes())
            digest.update(str(self.editable).encode())
        return f"python {_base_python()}\nrequirements {digest.hexdigest()}\n"

    def is_current(self) -> bool:
        """Tell whether it is there, runs, and was built from what is here now."""
        return self.stamp.is_file() and self.stamp.read_text() == self.recipe() and os.access(self.python, os.X_OK)


DEV = Environment(PROJECT / ".venv", PROJECT / "requirements" / "dev.txt", PROJECT / "layers" / "common")
STACK = Environment(PROJECT / ".local" / "venvs" / "stack", PROJECT / "requirements" / "stack.txt")
NAMED = {"dev": DEV, "stack": STACK}


def _base_python() -> str:
    # What the interpreter is, whether it is asked directly or from inside an environment built with it.
    return f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro} at {sys.base_prefix}"


def _base_executable() -> str:
    # Not the one of an environment, which may be the very one that is to be built again.
    return str(getattr(sys, "_base_executable", sys.executable))


def build(environment: Environment, name: str) -> None:
    """Make the environment current, from nothing; what the tools say goes to a log that is shown when they fail.

    Raises
    ------
    StackError
        The interpreter cannot make environments, or an installation failed.
    """
    if environment.is_current():
        return
    missing = [module for module in ("venv", "ensurepip") if importlib.util.find_spec(module) is None]
    if missing:
        raise StackError(
            f"{sys.executable} cannot make virtual environments: it lacks {' and '.join(missing)}.",
            f"on Debian and Ubuntu `apt-get install python{sys.version_info.major}.{sys.version_info.minor}-venv`, "
            "or name another interpreter: `make PYTHON=/path/to/python3.13 ...`.",
        )
    log = PROJECT / ".local" / f"setup-{name}.log"
    log.parent.mkdir(exist_ok=True)
    with step(f"installing the {name} environment (python {_base_python()}; log: {log.relative_to(PROJECT)})"):
        shutil.rmtree(environment.folder, ignore_errors=True)
        with log.open("w") as lines:
            _run([_base_executable(), "-m", "venv", str(environment.folder)], lines.fileno(), log)
            pip = [str(environment.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
            # The list is complete. Left to resolve it, older pips stumble over extras that it does not spell out.
            _run([*pip, "--no-deps", "--require-hashes", "-r", str(environment.requirements)], lines.fileno(), log)
            if environment.editable is not None:
                # Without isolation the build uses the pinned setuptools instead of fetching one that no hash covers.
                linked = ["--no-deps", "--no-build-isolation", "-e", str(environment.editable)]
                _run([*pip, *linked], lines.fileno(), log)
        environment.stamp.write_text(environment.recipe())


def _run(command: list[str], output: int, log: Path) -> None:
    # PYTHONPATH and the like would let the new environment see what is not its own.
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    if subprocess.run(command, stdout=output, stderr=output, check=False, cwd=PROJECT, env=clean).returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise StackError(
            f"Setting up failed at: {' '.join(command[1:4])} ...\n{tail}",
            f"the whole log is {log}; where the network failed, the same command again goes on.",
        )


def main(names: list[str]) -> int:
    """Build the named environments, or all of them."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        say(f"{sys.executable} is Python {sys.version.split()[0]}; the oldest that works is {oldest}.")
        return 1
    try:
        for name in names or list(NAMED):
            build(NAMED[name], name)
    except StackError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
