"""Weight, refusals and bans of the simulated exchange."""

import pytest

from simulator.limits import Limits
from simulator.settings import Settings, SettingsError

NOON_MS = 1_735_732_800_000


def test_the_weight_of_a_minute_adds_up_and_starts_again_with_the_next() -> None:
    limits = Limits(Settings())
    assert limits.charge("a", 20, NOON_MS).used == 20
    assert limits.charge("a", 2, NOON_MS + 59_999).used == 22
    assert limits.charge("a", 2, NOON_MS + 60_000).used == 2


def test_more_weight_than_the_limit_is_refused_until_the_minute_ends() -> None:
    limits = Limits(Settings(weight_limit=4))
    assert [limits.charge("a", 2, NOON_MS + 10_000).status for _ in range(3)] == [200, 200, 429]
    refused = limits.charge("a", 2, NOON_MS + 12_500)
    assert (refused.status, refused.retry_after_s(NOON_MS + 12_500)) == (429, 48)
    assert limits.charge("a", 2, NOON_MS + 60_000).status == 200


def test_asking_on_brings_bans_of_growing_length() -> None:
    limits = Limits(Settings(weight_limit=2, tolerated_refusals=2, ban_seconds=120))
    assert [limits.charge("a", 2, NOON_MS).status for _ in range(4)] == [200, 429, 429, 418]
    assert limits.charge("a", 2, NOON_MS + 119_999).status == 418
    assert limits.charge("a", 2, NOON_MS + 120_000).status == 200
    again = [limits.charge("a", 2, NOON_MS + 120_001) for _ in range(3)][-1]
    assert (again.status, again.until_ms) == (418, NOON_MS + 120_001 + 240_000)


def test_only_what_comes_after_the_refusal_has_left_counts_as_warned() -> None:
    limits = Limits(Settings(weight_limit=1))
    assert limits.charge("a", 2, NOON_MS).warned_ms is None
    assert limits.charge("a", 2, NOON_MS + 10).warned_ms is None  # was on its way already
    limits.refusal_sent("a", NOON_MS + 20)
    assert limits.charge("a", 2, NOON_MS + 50).warned_ms == 30
    assert limits.charge("a", 1, NOON_MS + 60_000).warned_ms is None


def test_addresses_share_a_budget_unless_counted_apart() -> None:
    settings = Settings(weight_limit=2)
    limits = Limits(settings)
    assert [limits.charge(address, 2, NOON_MS).status for address in "ab"] == [200, 429]
    settings.update({"count_per_address": True})
    assert [limits.charge(address, 2, NOON_MS).status for address in "cd"] == [200, 200]


def test_a_minute_can_be_short() -> None:
    limits = Limits(Settings(weight_limit=2, minute_seconds=0.5))
    assert [limits.charge("a", 2, NOON_MS + by_ms).status for by_ms in (0, 499, 500)] == [200, 429, 200]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"latncy": 1}, "latncy"),
        ({"weight_limit": 0}, "weight_limit"),
        ({"latency_ms": "1"}, "latency_ms"),
        ({"faults": [{"kind": "flood"}]}, "flood"),
        ({"omitted": {"BTCUSDT": [1, 2]}}, "omitted"),
        ([], "object"),
    ],
)
def test_a_wrong_setting_is_refused_by_name_and_nothing_changes(values: object, named: str) -> None:
    settings = Settings()
    with pytest.raises(SettingsError, match=named):
        settings.update({"ban_seconds": 5, **values} if isinstance(values, dict) else values)
    assert settings == Settings()
