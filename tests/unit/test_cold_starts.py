"""What a function loads when it starts: pydantic, which takes longest, is for the one that checks bodies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("function", "loads"),
    [
        ("authorizer", False),
        ("candles", False),
        ("reconciler", False),
        ("status", False),
        ("worker", False),
        ("trigger", True),
    ],
)
def test_only_the_trigger_loads_pydantic(function: str, *, loads: bool) -> None:
    program = f"import sys, functions.{function}.app; print('pydantic' in sys.modules)"
    printed = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == str(loads)
