"""What the end of a run is reported with, to whatever bus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from candle_collector.domain import dates
from candle_collector.domain.run import Run, describe_counts, run_outcome


def describe_end(run: Run, counts: Mapping[str, int], latest: int | None, *, stage: str) -> dict[str, Any]:
    """Return the detail of the event ``CollectionEnded``.

    Parameters
    ----------
    latest
        When the newest stored candle opened, in ms since 1970 UTC.
    """
    return {
        "run_id": run.run_id,
        "stage": stage,
        "mode": run.mode,
        "outcome": run_outcome(counts),
        "summary": describe_counts(counts),
        "counts": dict(counts),
        "latest_candle": None if latest is None else dates.format_ms(latest),
    }
