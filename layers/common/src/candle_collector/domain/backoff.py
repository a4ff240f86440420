"""How long to leave the exchange alone after it asked us to wait."""

from __future__ import annotations

LEAST_SECONDS = 5.0
"""The shortest wait: an exchange that says "0 seconds" is not asked again at once."""

MOST_GROWN_SECONDS = 900.0
"""The longest wait that growth alone makes: the longest delay that SQS gives a message."""

MOST_SECONDS = 3 * 86_400.0
"""The longest wait at all: no longer ban is known, and after it one request finds out."""

_MOST_DOUBLINGS = 16
"""More change nothing, and the power stays a number that a float can hold."""


def block_seconds(requested: float, blocks_in_a_row: int) -> float:
    """Return how many seconds nobody asks: 5 for the first block, doubled for each one that follows it at once.

    Parameters
    ----------
    requested
        The seconds that the exchange asked for. The answer is never less, but for the bound of three days.
    blocks_in_a_row
        How many times the exchange has asked us to wait without a good answer between, this time included.
    """
    doublings = min(max(blocks_in_a_row - 1, 0), _MOST_DOUBLINGS)
    grown = min(LEAST_SECONDS * 2.0**doublings, MOST_GROWN_SECONDS)
    return min(max(requested, grown), MOST_SECONDS)
