"""Copies of the project: a mutant is put into one, and its tests run there on the changed code."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.exchange import RECORDED
from tests.mutants.catalogue import PROJECT, Mutant
from tests.mutants.plugin import NOTICED_BY

RECORDINGS = RECORDED.parent

MUTANT_SECONDS = 60
"""How long the tests of a mutant may take; one that never ends has been noticed."""

_TEST_SECONDS = 30
_LEFT_OUT = (".git", ".venv", ".local", ".aws-sam", ".hypothesis", "__pycache__", ".*_cache", "logs", "exports")
_PLUGINS = ("pytest_timeout", "_hypothesis_pytestplugin", "tests.mutants.plugin")
"""All that the tests need of what is installed; reading the others would take a second of each run."""

_OPTIONS = ("-x", "-q", "--tb=short", "-p", "no:cacheprovider", f"--timeout={_TEST_SECONDS}")


class CopyError(Exception):
    """The tests could not be run, so nothing is known of a mutant; the message has what pytest printed."""


class Result(NamedTuple):
    """What came of a run: the first test that failed, None where all passed, and how long it took."""

    noticed_by: str | None
    seconds: float
    output: str


class Copy:
    """A copy of the project.

    Parameters
    ----------
    folder
        Where it is made.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self._note = folder / "noticed-by"
        self._process: subprocess.Popen[str] | None = None
        self._changes = 0
        shutil.copytree(PROJECT, self.root, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
        # the recorded answers lie beside the project, where they are at all
        (folder / RECORDINGS.name).symlink_to(RECORDINGS)

    def run(self, tests: Sequence[str], *, seconds: float) -> Result:
        """Run tests in the copy, up to the first that fails.

        Raises
        ------
        CopyError
            pytest found no such test, or could not start.
        """
        self._note.unlink(missing_ok=True)
        plugins = [part for name in _PLUGINS for part in ("-p", name)]
        # The installed project is a link to the original, which stands behind PYTHONPATH.
        paths = [str(self.root / "layers/common/src"), str(self.root)]
        variables = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONHASHSEED": "0",  # sets have one order, so that a mutant is noticed always or never
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            NOTICED_BY: str(self._note),
        }
        began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *_OPTIONS, *plugins, *tests],
            cwd=self.root,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return Result("the limit of time", time.monotonic() - began, "")
        finally:
            self.stop()
        took = time.monotonic() - began
        if self._process.returncode == 0:
            return Result(None, took, output)
        if not self._note.exists():
            raise CopyError(f"pytest ended with {self._process.returncode}:\n{output}")
        return Result(self._note.read_text(encoding="utf-8"), took, output)

    def stop(self) -> None:
        """End what the last run started, processes of its tests included."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    @contextmanager
    def changed(self, mutant: Mutant) -> Iterator[None]:
        """Put a mutant into the copy, and take it out again."""
        path = self.root / mutant.file
        right, times = path.read_text(encoding="utf-8"), path.stat()
        self._changes += 1
        path.write_text(mutant.apply(right), encoding="utf-8")
        # Python knows compiled code by the second and the size of its source, which two mutants may share.
        os.utime(path, (self._changes, self._changes))
        try:
            yield
        finally:
            path.write_text(right, encoding="utf-8")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
