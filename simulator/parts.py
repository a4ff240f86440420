"""Cuts a made candle into shorter ones that add up to it exactly, each a pure function of what is cut and a seed.

Its volumes and trades are dealt out whole; the opens and closes chain from its open to its close; one part reaches its
high and one its low. A part without a trade is flat and has no volume, as at Binance: where few trades are dealt out,
some parts get none.
"""

import struct
from collections.abc import Sequence
from hashlib import shake_256
from itertools import pairwise

from simulator.candles import Candle

_DRAWS = 5
"""How many numbers are drawn for each part, and two more for all."""

_RANGE = 65536


def split(whole: Candle, count: int, seed: bytes, *, tick: int, step: int) -> tuple[Candle, ...]:
    """Return the `count` parts of a candle.

    Parameters
    ----------
    tick, step
        Of what its prices and its base volumes are multiples, in units of 0.00000001.
    """
    length_ms = (whole.close_ms + 1 - whole.open_ms) // count
    opens_ms = range(whole.open_ms, whole.close_ms, length_ms)
    if not whole.trades:
        return tuple(_flat(open_ms, length_ms, whole.open) for open_ms in opens_ms)
    numbers = count * _DRAWS + 2
    top, bottom, *drawn = struct.unpack(f"<{numbers}H", shake_256(seed).digest(2 * numbers))
    bought, sold, level, up, down = (drawn[index::_DRAWS] for index in range(_DRAWS))

    with_trades = [share > 0 for share in _dealt(whole.trades, [weight + 1 for weight in sold])]
    sides = [
        (base // step, [weight + 1 if traded else 0 for weight, traded in zip(weights, with_trades, strict=True)])
        for base, weights in ((whole.taker_base, bought), (whole.volume - whole.taker_base, sold))
    ]
    taker_base, maker_base = (_dealt(base, weights) for base, weights in sides)
    volume = [taken + made for taken, made in zip(taker_base, maker_base, strict=True)]
    active = [index for index in range(count) if volume[index]]

    prices = _path(whole, level, active, tick)
    pairs = list(pairwise(prices))
    taker_quote, maker_quote = (
        _dealt(quote, [units * sum(pair) for units, pair in zip(base, pairs, strict=True)], least=1)
        for quote, base in ((whole.taker_quote, taker_base), (whole.quote_volume - whole.taker_quote, maker_base))
    )
    trades = _dealt(whole.trades, volume, least=1)
    highest, lowest = active[top % len(active)], active[bottom % len(active)]
    parts = []
    for index, open_ms in enumerate(opens_ms):
        opened, closed = pairs[index]
        if not volume[index]:
            parts.append(_flat(open_ms, length_ms, opened))
            continue
        high, low = max(opened, closed), min(opened, closed)
        high = whole.high if index == highest else high + (whole.high - high) // tick * up[index] // (2 * _RANGE) * tick
        low = whole.low if index == lowest else low - (low - whole.low) // tick * down[index] // (2 * _RANGE) * tick
        parts.append(
            Candle(
                open_ms,
                opened,
                high,
                low,
                closed,
                volume[index] * step,
                open_ms + length_ms - 1,
                taker_quote[index] + maker_quote[index],
                trades[index],
                taker_base[index] * step,
                taker_quote[index],
            )
        )
    return tuple(parts)


def _flat(open_ms: int, length_ms: int, price: int) -> Candle:
    return Candle(open_ms, price, price, price, price, 0, open_ms + length_ms - 1, 0, 0, 0, 0)


def _path(whole: Candle, level: Sequence[int], active: Sequence[int], tick: int) -> list[int]:
    """Return the prices between the parts, from the open to the close; only where a part has trades they move."""
    prices = [whole.open]
    for index, drawn in enumerate(level):
        if index == active[-1]:
            prices.append(whole.close)
        elif index not in active:
            prices.append(prices[-1])
        else:
            straight = whole.open + (whole.close - whole.open) * (index + 1) // len(level)
            anywhere = whole.low + (whole.high - whole.low) * drawn // _RANGE
            prices.append((2 * straight + anywhere) // (3 * tick) * tick)
    return prices


def _dealt(total: int, weights: Sequence[int], *, least: int = 0) -> list[int]:
    """Return shares that add up to `total`, in proportion to the weights; who has no weight gets nothing.

    Parameters
    ----------
    least
        What everyone with a weight gets at least; where there is not enough for all, the heaviest gets everything.
    """
    whole = sum(weights)
    left = total - least * (len(weights) - weights.count(0))
    if left < 0 or not whole:
        heaviest = weights.index(max(weights))
        return [total if index == heaviest else 0 for index in range(len(weights))]
    shares = []
    weighed = dealt = 0
    for weight in weights:
        weighed += weight
        reached = left * weighed // whole
        shares.append(reached - dealt + (least if weight else 0))
        dealt = reached
    return shares
