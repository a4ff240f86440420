"""The message that carries a series' turn to a worker: versioned when written, distrusted when read."""

from __future__ import annotations

import json
from dataclasses import dataclass

from candle_collector.domain.series import Series, series_named
from candle_collector.domain.universe import is_symbol
from candle_collector.domain.versions import RECORD_VERSION


@dataclass(frozen=True)
class SeriesMessage:
    """The work on one series' turn."""

    run_id: str
    series: Series
    turn: int

    def body(self) -> str:
        """Return the message's text."""
        written = {"v": RECORD_VERSION, "run_id": self.run_id, "series": str(self.series), "turn": self.turn}
        return json.dumps(written, ensure_ascii=False)


def read_message(body: str) -> SeriesMessage:
    """Read a message's text; this version and the one before are understood.

    Raises
    ------
    ValueError
        It is not a message of ours.
    """
    parsed = json.loads(body)
    version = parsed.get("v") if isinstance(parsed, dict) else None
    if type(version) is not int or version not in {RECORD_VERSION - 1, RECORD_VERSION}:
        raise ValueError("the message has a version that this worker does not know")
    run_id, name, turn = parsed.get("run_id"), parsed.get("series"), parsed.get("turn")
    if not (isinstance(run_id, str) and isinstance(name, str) and type(turn) is int):
        raise ValueError("the message lacks run_id, series or turn")
    series = series_named(name)
    if not is_symbol(series.symbol):
        raise ValueError(f"{series.symbol!r:.60} is not a symbol")
    return SeriesMessage(run_id, series, turn)
