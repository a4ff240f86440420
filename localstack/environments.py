"""The virtual environments that scripts/setup.sh makes, and the region that the local AWS says it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from background.places import PROJECT

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
