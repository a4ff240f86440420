"""Whatever two processes do at the same time: runs end, count what is stored, are reported, and lose nothing."""

from __future__ import annotations

import pytest

from tests.explore.interleavings import INNER, SCENES, troubles
from tests.fakes.world import World

PAIRS = [(scene, inner) for scene in SCENES for inner in INNER]


@pytest.mark.parametrize(("scene", "inner"), PAIRS)
def test_no_step_of_two_processes_breaks_a_promise(scene: str, inner: str) -> None:
    *found, (_, steps) = troubles(World, SCENES[scene], INNER[inner])
    assert found == []
    assert int(steps) > 0
