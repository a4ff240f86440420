"""The message that carries a symbol's turn to a worker: versioned when written, distrusted when read."""

from __future__ import annotations

import json
from dataclasses import dataclass

from candle_collector.domain.universe import is_symbol
from candle_collector.domain.versions import RECORD_VERSION


@dataclass(frozen=True)
class SymbolMessage:
    """The work on one symbol's turn."""

    run_id: str
    symbol: str
    turn: int

    def body(self) -> str:
        """Return the message's text."""
        written = {"v": RECORD_VERSION, "run_id": self.run_id, "symbol": self.symbol, "turn": self.turn}
        return json.dumps(written, ensure_ascii=False)


def read_message(body: str) -> SymbolMessage:
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
    run_id, symbol, turn = parsed.get("run_id"), parsed.get("symbol"), parsed.get("turn")
    if not (isinstance(run_id, str) and isinstance(symbol, str) and is_symbol(symbol) and type(turn) is int):
        raise ValueError("the message lacks run_id, symbol or turn")
    return SymbolMessage(run_id, symbol, turn)
