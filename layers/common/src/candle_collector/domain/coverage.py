"""What is known of a series: which slots are stored, which never were, and which are missing.

The rules by which a slot without a candle is settled are here and, where answers are compared, in `progress`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from candle_collector.domain import windows
from candle_collector.domain.windows import Window, Windows


@dataclass(frozen=True)
class Coverage:
    """What is known of a series in some range.

    Attributes
    ----------
    stored
        The slots whose candle is in the store.
    never_printed
        The slots proven to have no candle: an outage or a halt.
    absent
        ``[asked_from, first)``: proven to lie before the first candle.
    delisted
        Proven to lie after the last candle of a symbol that does not trade.
    rejected
        The slots whose row at the exchange is wrong each time: not stored, and not asked for again.
    denied
        The slots whose stored candle the exchange does not have: they vouch for no answer.
    """

    stored: Windows = ()
    never_printed: Windows = ()
    absent: Window | None = None
    delisted: Window | None = None
    rejected: Windows = ()
    denied: Windows = ()

    @property
    def offered(self) -> Windows:
        """The slots whose candle is stored, as far as is known by the exchange too."""
        return windows.subtract(self.stored, self.denied)

    def covered(self) -> Windows:
        """Return the slots that need no request."""
        known = [*self.stored, *self.never_printed, *self.rejected]
        known += [window for window in (self.absent, self.delisted) if window]
        return windows.union(known)

    def missing(self, within: Window) -> Windows:
        """Return the slots of `within` that nothing is known of."""
        return windows.subtract(windows.union([within]), self.covered())


class Settlement(NamedTuple):
    """What is proven of slots that have no candle."""

    never_printed: Windows = ()
    absent: Window | None = None
    delisted: Window | None = None


class Silence(NamedTuple):
    """A question without an end that brought nothing: no row from `window.start` on, as of `window.end`.

    Attributes
    ----------
    run_id
        The run that asked. A second run that hears the same proves it.
    """

    window: Window
    run_id: str


def gaps_between(slots: Sequence[int], settled_end: int) -> Windows:
    """Return the slots between the first and the last row of an answer that have no row and are not young.

    Parameters
    ----------
    slots
        The slots of the rows, ascending, at least one.
    """
    between = Window(slots[0], min(slots[-1], settled_end))
    return windows.subtract(windows.union([between]), windows.from_slots(slots))


def settle_stated(stated: Window, slots: Sequence[int], *, known_before: bool, settled_end: int) -> Settlement:
    """Say what the exchange's own files prove by the slots that they leave out of the period that they state.

    A slot between two candles was never printed. Those before the first one were never printed either if an earlier
    candle is known, and are before the listing if none is. Slots after the last candle, and young ones, are not
    settled.
    """
    if not slots:
        return Settlement()
    before = Window(stated.start, min(slots[0], settled_end))
    gaps = gaps_between(slots, settled_end)
    if known_before:
        return Settlement(never_printed=windows.union([before, *gaps]))
    return Settlement(never_printed=gaps, absent=before if before.slots else None)


def settle_silence(
    start: int, kept: Silence | None, *, run_id: str, closed_end: int, settled_end: int
) -> tuple[Window | None, Silence]:
    """Say what is proven by an answer without a row from `start` on, and what is kept of it.

    One answer may be short by fault, and so may two while the exchange is failing: what two runs have heard is proven,
    where it was no longer young for the later one.
    """
    silence = Silence(Window(start, closed_end), run_id)
    if kept is None:
        return None, silence
    if kept.run_id == run_id:
        return None, kept if kept.window.start <= start else silence
    proven = Window(max(kept.window.start, start), min(kept.window.end, settled_end))
    return (proven if proven.slots else None), silence


def extend(old: Window | None, new: Window | None) -> Window | None:
    """Join what was known with what an answer proved: one window where they touch, else the newer proof."""
    if old is None or new is None:
        return new or old
    if new.start <= old.end and old.start <= new.end:
        return Window(min(old.start, new.start), max(old.end, new.end))
    return new


def percent(covered: int, expected: int) -> float | None:
    """Return the share in percent with two decimals, rounded down: 100 is said of nothing less; None of nothing."""
    return covered * 10_000 // expected / 100 if expected else None
