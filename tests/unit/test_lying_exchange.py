"""However an exchange lies, in a third of its answers: no hour that it has printed is lost for good.

Where it lied before any candle was stored, those of another symbol may be stored, and vouch for each other. So in the
end all is verified with repair.
"""

from __future__ import annotations

import os
from dataclasses import replace
from random import Random

import pytest
from candle_collector.domain import windows
from candle_collector.domain.run import COLLECTING_MODES, Run
from candle_collector.domain.windows import Window

from tests.fakes.exchange import listing
from tests.fakes.lying_exchange import LyingExchange, symbols_own_candle
from tests.fakes.world import World
from tests.hourly import first_hour_of, hour_of, hourly, ms_of_hour

WORLDS = int(os.environ.get("LYING_WORLDS", "30"))
"""`make worlds` tries 600."""
A_TEST = 30
START = first_hour_of("2025-05-20")
NOW = first_hour_of("2025-06-01") + 12
NAMES = ("AUSDT", "BUSDT", "CUSDT")


def _printed(random: Random, *, ends: bool) -> frozenset[int]:
    """Return the hours of a symbol: listed some time, with outages, perhaps delisted."""
    listed = START + random.choice((-50, 0, random.randint(1, 150)))
    end = NOW - random.randint(30, 100) if ends else NOW + 24 * 30
    holes = {
        hour + step
        for hour in random.sample(range(listed + 1, NOW), random.randint(0, 4))
        for step in range(random.randint(1, 30))
    }
    return frozenset(range(listed, max(listed + 1, end))) - holes


def _world(random: Random) -> World:
    ends = {name: random.random() < 1 / 4 for name in NAMES}
    system = World({name: _printed(random, ends=ends[name]) for name in NAMES}, candle=symbols_own_candle)
    printed, clock = system.exchange.printed, system.clock
    listings = tuple(listing(name, "BREAK" if ends[name] else "TRADING") for name in NAMES)
    system.exchange = LyingExchange(clock, printed, listings=listings, candle=symbols_own_candle)
    system.defaults = replace(
        system.defaults, batch_size=random.choice((5, 24, 60, 1000)), collection_start=ms_of_hour(START)
    )
    return system


def _collect(system: World, random: Random) -> None:
    mode = random.choice(COLLECTING_MODES)
    start = START + random.randint(0, 100) if mode == "backward" else None
    system.collect(mode, start=start, symbols=NAMES, recheck=random.random() < 1 / 8)
    system.clock.advance(random.choice((60, 3600, 6 * 3600)))


def _collect_honestly(system: World, runs: int) -> tuple[Run, int]:
    """Collect in some runs, and return the last one and its end."""
    for _ in range(runs):
        system.clock.advance(3600)
        end = hour_of(system.clock.now())
        run = system.collect(start=START, end=end, symbols=NAMES)
    return run, end


@pytest.mark.parametrize("first", range(0, WORLDS, A_TEST))
def test_no_printed_hour_is_lost_for_good(first: int) -> None:
    lies = repaired = 0
    for seed in range(first, first + A_TEST):
        random = Random(seed)
        system = _world(random)
        exchange = system.exchange
        assert isinstance(exchange, LyingExchange)
        exchange.random = random
        for _ in range(random.randint(1, 4)):
            _collect(system, random)
        exchange.random = None
        lies += exchange.lies
        _collect_honestly(system, 1)
        verified = system.collect("verify", repair=True) if system.candles.lines else None
        run, end = _collect_honestly(system, 2)  # as two runs must agree on some things
        for name in NAMES:
            printed, record = exchange.printed[name], system.record(run, name)
            lost = {hour for hour in printed if START <= hour < end}
            lost -= set(windows.slots_in(windows.clip(system.candles.slots(hourly(name)), Window(START, end))))
            assert not lost, (seed, name, sorted(lost)[:5], len(lost), record.outcome, record.failure)
            if verified is None or system.runs.symbol(verified.run_id, hourly(name)) is None:
                continue
            found = system.record(verified, name)
            repaired += found.records
            lines = {hour: line for (series, hour), line in system.candles.lines.items() if series == hourly(name)}
            wrong = [hour for hour in lines if hour in printed and lines[hour] != symbols_own_candle(name, hour).line()]
            assert not wrong, (seed, name, sorted(wrong)[:5], len(wrong), found.outcome, found.failure)
            # nothing is deleted: a candle that the exchange never had is named, or was not compared
            known = windows.union([*system.series.get(hourly(name)).denied, *found.missing])
            assert set(windows.slots_in(known)) >= lines.keys() - printed, (seed, name, found.outcome, found.failure)
    assert lies > A_TEST
    assert repaired
