"""What came of comparing a symbol's stored candles with the exchange's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

KEPT_DIFFERENCES = 20
"""How many differences a symbol's record names; all are counted."""


class Difference(NamedTuple):
    """A slot whose stored line is not the one that the exchange offers; empty where one side has no candle."""

    slot: int
    stored: str
    offered: str


@dataclass(frozen=True)
class Comparison:
    """What came of comparing a symbol's stored candles with the exchange's.

    Attributes
    ----------
    compared
        The slots that were compared: those with a stored candle, and those for which the exchange alone has one.
    replaced, added
        How many of them differed until this run replaced the stored candle, or stored one.
    left
        How many differ still.
    first_left
        The first slot that differs still.
    differences
        The first ones, by slot, those that were repaired among them.
    denied
        How many of `left` the exchange has no candle of: nothing can replace them, and nothing stored is deleted.
    """

    compared: int = 0
    replaced: int = 0
    added: int = 0
    left: int = 0
    first_left: int | None = None
    differences: tuple[Difference, ...] = ()
    denied: int = 0

    @property
    def repaired(self) -> int:
        """How many candles were replaced or added."""
        return self.replaced + self.added

    @property
    def different(self) -> int:
        """How many slots differed when they were compared."""
        return self.repaired + self.left

    @property
    def replaceable(self) -> int:
        """How many differ still that a repair would replace or add."""
        return self.left - self.denied

    def listing(self, found: Sequence[Difference]) -> Comparison:
        """Return it with more differences by name; those listed already stay as they are."""
        by_hour = {item.slot: item for item in (*found, *self.differences)}
        return replace(self, differences=tuple(sorted(by_hour.values())[:KEPT_DIFFERENCES]))

    def counting(self, *, compared: int, replaced: int, left: Sequence[Difference]) -> Comparison:
        """Return it with slots that have been compared and, where that was asked for, repaired."""
        first_left = self.first_left if self.first_left is not None else next((item.slot for item in left), None)
        return replace(
            self,
            compared=self.compared + compared,
            replaced=self.replaced + replaced,
            left=self.left + len(left),
            denied=self.denied + sum(not item.offered for item in left),
            first_left=first_left,
        )
