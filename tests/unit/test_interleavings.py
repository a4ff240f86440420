"""Whatever two processes do at the same time: runs end, count what is stored, are reported, and lose nothing.

`make explore` does the same on the adapters of DynamoDB and SQLite.
"""

from __future__ import annotations

import pytest

from tests.explore.interleavings import PAIRS, find_violations
from tests.fakes.world import World


@pytest.mark.parametrize("pair", PAIRS, ids=" | ".join)
def test_no_step_of_two_processes_breaks_a_promise(pair: tuple[str, str]) -> None:
    steps, found = find_violations(World, *pair)
    assert found == []
    assert steps > 0
