"""The archive that the page is tested with: a synthetic one over real HTTP. The browser has a real one (journey.py)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

# the page's environment is its own: elsewhere there is nothing to be collected here
collect_ignore_glob = [] if find_spec("streamlit") else ["*.py"]

if find_spec("streamlit"):
    from tests.dashboard.fake_archive import KEY, FakeArchive

    @pytest.fixture
    def archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeArchive]:
        """Return a synthetic archive that the environment names, with its key."""
        serving = FakeArchive()
        monkeypatch.setenv("CANDLES_URL", serving.url)
        monkeypatch.setenv("CANDLES_API_KEY", KEY)
        monkeypatch.setenv("LOCAL_DIR", str(tmp_path))
        yield serving
        serving.close()
