"""What is noted of a series' blocks is looked at again and written in steps that grow with the blocks and no faster."""

from __future__ import annotations

from typing import Any

from candle_collector.adapters.dynamodb.candles_table import CandlesTable
from candle_collector.domain.interval import Interval
from candle_collector.domain.series import series_named
from candle_collector.domain.windows import Window

from tests.port_contracts.candle_store import unfenced
from tests.unit.test_linear_plans import PACKAGE, steps_of

SERIES = series_named("binance:BTCUSDT#1m")
SIZE = Interval.MINUTE.block_slots
FIRST = Interval.MINUTE.first_of_day("2025-01-02")
STORED, GONE = (1 << SIZE) - 1 & ~(1 << 5), 1 << 5


class Client:
    """A candle table in which every block has a slot that was never printed."""

    def query(self, **arguments: Any) -> dict[str, Any]:
        ends = [arguments["ExpressionAttributeValues"][name]["S"] for name in (":first", ":last")]
        if arguments["ExpressionAttributeValues"][":series"]["S"] != str(SERIES):
            return {"Items": []}
        slots = [Interval.MINUTE.slot_of(Interval.MINUTE.moment_of(0).fromisoformat(f"{end}+00:00")) for end in ends]
        return {"Items": [self._item(slot) for slot in range(slots[0], slots[1] + 1, SIZE)]}

    def put_item(self, **_: Any) -> dict[str, Any]:
        return {}

    def _item(self, slot: int) -> dict[str, Any]:
        masks = {name: {"B": mask.to_bytes(SIZE // 8, "little")} for name, mask in (("m", STORED), ("g", GONE))}
        name = Interval.MINUTE.moment_of(slot).isoformat(timespec="minutes").removesuffix("+00:00")
        return {"series": {"S": str(SERIES)}, "block": {"S": name}, "v": {"N": "2"}, **masks}


def steps(blocks: int) -> int:
    table = CandlesTable("candles", client=Client())
    coverage = table.coverage(SERIES, Window(FIRST, FIRST + SIZE * blocks))
    assert len(coverage.never_printed) == blocks
    return steps_of(lambda: table.write_coverage(SERIES, fence=unfenced), PACKAGE)


def test_four_times_the_blocks_take_four_times_the_steps() -> None:
    assert steps(1600) < 4.4 * steps(400)
