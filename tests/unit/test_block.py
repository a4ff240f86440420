"""A block of candles: what its item holds, to the last digit, and what is no item of ours."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from candle_collector.adapters.binance.market import BINANCE
from candle_collector.adapters.dynamodb.block import (
    Block,
    block_of,
    columns_in,
    full_mask,
    masks_by_block,
    masks_of,
    name_of,
    number_of,
    slots_of,
    whole_item,
    windows_of,
)
from candle_collector.domain import windows
from candle_collector.domain.candle import Candle
from candle_collector.domain.candle_columns import columns_of
from candle_collector.domain.interval import HOUR, Interval
from candle_collector.domain.series import Series
from candle_collector.domain.windows import Window
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.exchange import synthetic_candle

INTERVALS = st.sampled_from(list(Interval))
DIGITS = st.text("0123456789", min_size=1, max_size=30)
DECIMALS = st.one_of(DIGITS, st.tuples(DIGITS, DIGITS).map(".".join))
FIELDS = st.tuples(*[DECIMALS] * 6, st.integers(0, 10**12), DECIMALS, DECIMALS, st.sampled_from([0, 0, 1_694_789]))


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    """Draw a block of any interval with some slots stored, and others never printed."""
    interval, number = draw(INTERVALS), draw(st.integers(0, 10_000))
    gone = draw(st.integers(0, full_mask(interval)))
    slots = draw(st.sets(st.integers(0, interval.block_slots - 1), max_size=8))
    first = number * interval.block_slots
    return Block(interval, number).joined({first + at: Candle(first + at, *draw(FIELDS)) for at in slots}, gone)


@given(block=blocks())
def test_what_is_stored_is_read_back_to_the_last_digit(block: Block) -> None:
    item = block.item(Series("BTCUSDT", block.interval, BINANCE.name))
    assert block_of(item, block.interval, block.number) == block
    assert number_of(block.interval, item) == block.number
    assert masks_of(item, block.interval) == (block.stored, block.gone)
    assert columns_in(item, block.interval, block.number).candles() == block.candles
    assert item.keys() - {"series", "block", "v"} == {
        *("mz" if block.candles else ""),
        *("g" if block.gone else ""),
    }


@given(block=blocks(), other=blocks())
def test_what_a_block_holds_stays_and_a_candle_denies_that_it_was_never_printed(block: Block, other: Block) -> None:
    shift = block.window.start - other.window.start
    size = block.interval.block_slots
    more = {
        candle.slot + shift: candle._replace(slot=candle.slot + shift)
        for candle in other.candles
        if candle.slot + shift < block.window.end
    }
    joined = block.joined(more, other.gone & full_mask(block.interval))
    held = {candle.slot: candle for candle in block.candles}
    assert {candle.slot: candle for candle in joined.candles} == more | held
    assert list(slots_of(joined.stored, block.window.start)) == sorted(more | held)
    assert joined.gone == (block.gone | other.gone) & ~joined.stored & full_mask(block.interval)
    assert joined.is_complete == (joined.stored | joined.gone == 2**size - 1)
    assert joined.joined(more, other.gone & full_mask(block.interval)) == joined


def test_the_item_of_a_whole_block_is_that_of_its_candles() -> None:
    candles = {slot: synthetic_candle("BTCUSDT", slot) for slot in range(48, 96)}
    series = Series("BTCUSDT", HOUR, BINANCE.name)
    assert whole_item(series, 1, columns_of(list(candles.values()))) == Block(HOUR, 1).joined(candles, 0).item(series)


def priced(*prices: str) -> Block:
    """Return a block of candles by their open, high, low and close."""
    made = [Candle(48 + at, *price.split(), "7.5", "8", 9, "1", "0.2") for at, price in enumerate(prices)]  # type: ignore[arg-type, call-arg] # four texts
    return Block(HOUR, 1).joined({candle.slot: candle for candle in made}, 0)


def text_of(block: Block) -> str:
    return zlib.decompress(block.item(Series("BTCUSDT", HOUR, BINANCE.name))["z"]["B"]).decode()


@pytest.mark.parametrize(
    ("prices", "lines"),
    [
        (["110.5 111.25 110 111", "111 112 110.4 111.5"], ["11", "0.5,", "1.25,2", "0,0.4", "1,1.5"]),
        (["110.5 111.25 110 111", "111.5 112 110.4 111"], ["11", "0.5,1.5", "1.25,2", "0,0.4", "1,1"]),
        (["1 1 1 1", "1 1 1 1"], ["", "1,", "1,1", "1,1", "1,1"]),
        (["1.5 1.5 1.5 1.5", "1.5 1.55 1.5 1.5"], ["1.", "5,", "5,55", "5,5", "5,5"]),
        (["9.5 10.5 9.5 10", "10 10.5 9 9.5"], ["", "9.5,", "10.5,10.5", "9.5,9", "10,9.5"]),
        (["100 100 100 100", "10 10 10 10"], ["1", "00,0", "00,0", "00,0", "00,0"]),
    ],
)
def test_prices_leave_out_what_all_begin_with_and_an_open_that_is_the_close_before_it(
    prices: list[str], lines: list[str]
) -> None:
    block = priced(*prices)
    rest = ["7.5,7.5", "8,8", "9,9", "1,1", "0.2,0.2"]
    assert text_of(block).split("\n") == [*lines, *rest]
    assert block_of(block.item(Series("BTCUSDT", HOUR, BINANCE.name)), HOUR, 1) == block


PRICE = st.one_of(DECIMALS, st.sampled_from(["1", "11", "110", "110.5", "110.55", "1105.5"]))


@given(prices=st.lists(st.tuples(PRICE, PRICE, PRICE, PRICE).map(" ".join), min_size=1, max_size=6))
def test_prices_are_read_back_whatever_they_begin_with(prices: list[str]) -> None:
    block = priced(*prices)
    assert block_of(block.item(Series("BTCUSDT", HOUR, BINANCE.name)), HOUR, 1) == block


def test_a_revised_candle_takes_the_place_of_the_other() -> None:
    candles = {slot: synthetic_candle("BTCUSDT", slot) for slot in (48, 50)}
    new = candles[50]._replace(volume="36")
    revised = Block(HOUR, 1).joined(candles, 1 << 5).revised(new)
    assert revised == Block(HOUR, 1).joined({48: candles[48], 50: new}, 1 << 5)


@given(mask=st.integers(0, 2**62 - 1), first=st.integers(0, 10**9))
def test_a_mask_is_its_slots_and_windows(mask: int, first: int) -> None:
    slots = [first + bit for bit in range(62) if mask >> bit & 1]
    assert list(slots_of(mask, first)) == slots
    assert tuple(windows_of(mask, first)) == windows.from_slots(slots)


@given(slots=st.sets(st.integers(0, 500), max_size=200), size=st.integers(1, 62))
def test_windows_are_the_masks_of_their_blocks(slots: set[int], size: int) -> None:
    masks = masks_by_block(windows.from_slots(slots), size)
    assert {slot for block, mask in masks.items() for slot in slots_of(mask, block * size)} == slots
    assert all(0 < mask < 2**size for mask in masks.values())


@given(interval=INTERVALS, numbers=st.lists(st.integers(0, 20_000), min_size=2))
def test_names_sort_by_time(interval: Interval, numbers: list[int]) -> None:
    assert sorted(numbers) == sorted(numbers, key=lambda number: name_of(interval, number))


@pytest.mark.parametrize("interval", list(Interval))
def test_a_day_is_cut_into_blocks_or_a_block_into_days(interval: Interval) -> None:
    assert interval.block_slots <= 62
    assert interval.slots_a_day % interval.block_slots == 0 or interval.block_slots % interval.slots_a_day == 0


ONE = Block(HOUR, 1).joined({48: synthetic_candle("BTCUSDT", 48)}, 1 << 9)


def packed(*lines: str) -> dict[str, Any]:
    return {"z": {"B": zlib.compress("\n".join(lines).encode())}}


@pytest.mark.parametrize(
    "damage",
    [
        {"z": {"S": "1,2,3"}},
        {"z": {"B": b"1,2,3"}},
        {"z": {"B": zlib.compress("\n".join("\uff11" * 10).encode())}},
        packed(*"123"),
        packed("", "NaN", *"11111111"),
        packed("", "1.", *"11111111"),
        packed("", "", *"11111111"),
        packed("", "-1", *"11111111"),
        packed("-", *"111111111"),
        packed(".", *"111111111"),
        packed("", *["1,1"] * 9),
        packed("", "1,1", *"11111111"),
        packed("", "1,", *"11111111"),
        packed("", *"111111", "1.5", *"11"),
        packed("", *"111111", "1_0", *"11"),
        packed("", *"1" * 11),
        packed(*"1" * 9),
        packed("", *"1" * 9, "1,2"),
        packed("", *"1" * 9, "+1"),
        {"m": {"N": "1"}},
        {"m": {"B": b"\x00\x00\x00\x00\x00\x00\x01"}},
        {"m": {"B": b"\x00\x00\x00\x00\x00\x00"}},
        {"g": {"B": b"\x01\x00\x00\x00\x00\x00"}},
        {"v": {"N": "1"}},
        {"v": None},
    ],
)
def test_what_is_no_item_of_ours_is_said(damage: dict[str, Any]) -> None:
    item = ONE.item(Series("BTCUSDT", HOUR, BINANCE.name))
    with pytest.raises(ValueError, match=r"its |a mask|invalid literal"):
        block_of(item | damage, HOUR, 1)


@pytest.mark.parametrize("without", ["v", "m", "z"])
def test_an_item_of_which_a_part_is_missing_is_said(without: str) -> None:
    item = ONE.item(Series("BTCUSDT", HOUR, BINANCE.name))
    del item[without]
    with pytest.raises(ValueError, match="its "):
        block_of(item, HOUR, 1)


@pytest.mark.parametrize("name", ["2025-03-01T05:00", "2025-03-02T00:00", "2025-03-01T00:00 damaged", "damaged"])
def test_a_key_at_which_no_block_begins_is_said(name: str) -> None:
    with pytest.raises(ValueError, match=r"no block begins there|Invalid isoformat"):
        number_of(HOUR, {"block": {"S": name}})


def test_a_window_is_that_of_all_its_slots() -> None:
    assert Block(HOUR, 1).window == Window(48, 96)
