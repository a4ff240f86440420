"""What pytest does in a run over a mutant: it draws the same examples each time, and writes down who noticed.

`copies.py` loads it by name.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

NOTICED_BY = "MUTANT_NOTICED_BY"
"""The environment's name for the file that gets the first failing test."""


def pytest_configure() -> None:
    """Draw the same examples in every run, and make no failing one smaller: that takes seconds, and nobody reads it."""
    settings.register_profile(
        "mutants", deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
    )
    settings.load_profile("mutants")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note a test that failed."""
    if report.failed:
        _note(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a file that could not be read."""
    if report.failed:
        _note(f"{report.nodeid} (while it was read)")


def _note(test: str) -> None:
    path = Path(os.environ[NOTICED_BY])
    if not path.exists():
        path.write_text(test, encoding="utf-8")
