"""Fault rules strike what they match, as often as asked, and the same way in every run."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from simulator.answers import Answer
from simulator.broken_rows import ROW_FAULTS
from simulator.faults import KINDS, Rule, corrupt
from simulator.intervals import DAY_MS, HOUR_MS, INTERVALS, Grid

PATH = "/api/v3/klines"


def _rows(count: int, opens_ms: Sequence[int] = range(0, 100 * HOUR_MS, HOUR_MS)) -> list[list[Any]]:
    text = (
        '[0,"1.10000000","1.40000000","1.00000000","1.20000000","9.00000000",0,"10.00000000",7,"4.00000000","5.0","0"]'
    )
    rows = [json.loads(text) for _ in range(count)]
    return [[opens_ms[at], *row[1:6], opens_ms[at + 1] - 1, *row[7:]] for at, row in enumerate(rows)]


def _answer(count: int = 5) -> Answer:
    return Answer(body=json.dumps(_rows(count)).encode(), rows=count)


def _drawn(rule: Rule, requests: Iterable[int]) -> dict[int, str | None]:
    return {number: rule.draw(PATH, {"symbol": "BTCUSDT", "startTime": str(number)}) for number in requests}


def test_a_rule_is_reported_as_it_can_be_set() -> None:
    rule = {
        "kind": ["ban"],
        "match": {"symbol": "A"},
        "times": 2,
        "after": 0,
        "probability": 0.5,
        "seed": 3,
        "seconds": 9,
    }
    assert Rule.parse(rule).as_json() == rule


def test_a_rule_strikes_only_what_it_matches() -> None:
    rule = Rule.parse({"kind": "html", "match": {"path": "klines", "symbol": "BTCUSDT"}})
    assert rule.draw(PATH, {"symbol": "BTCUSDT"}) == "html"
    assert rule.draw(PATH, {"symbol": "ETHUSDT"}) is None
    assert rule.draw("/api/v3/ping", {}) is None


def test_a_rule_lets_some_pass_and_ends_after_its_times() -> None:
    rule = Rule.parse({"kind": "html", "after": 1, "times": 2})
    assert [rule.draw(PATH, {}) for _ in range(5)] == [None, "html", "html", None, None]


def test_a_likely_rule_is_drawn_the_same_in_whatever_order_requests_come() -> None:
    rule = {"kind": ["html", "hang", "nan"], "probability": 0.3, "seed": 7}
    there, back = _drawn(Rule.parse(rule), range(1000)), _drawn(Rule.parse(rule), reversed(range(1000)))
    assert there == back
    assert 200 < sum(kind is not None for kind in there.values()) < 400
    assert {*there.values()} == {None, "html", "hang", "nan"}
    assert _drawn(Rule.parse({**rule, "seed": 8}), range(1000)) != there


def test_a_likely_rule_strikes_a_repeated_request_again() -> None:
    rule = Rule.parse({"kind": "html", "probability": 0.5})
    assert {rule.draw(PATH, {"symbol": "BTCUSDT"}) for _ in range(50)} == {None, "html"}


def test_there_are_more_than_forty_hostile_kinds() -> None:
    assert len(KINDS) == len({*KINDS}) >= 40


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_changes_the_answer(kind: str) -> None:
    requested = {"symbol": "BTCUSDT", "interval": "1h", "startTime": "0", "limit": "5"}
    assert corrupt(kind, _answer(), requested, {}) != _answer()


@pytest.mark.parametrize("kind", ROW_FAULTS)
def test_a_fault_of_rows_leaves_an_answer_without_rows_alone(kind: str) -> None:
    for body in (b"[]", b'{"code":-1121,"msg":"Invalid symbol."}', b'[{"symbol":"BTCUSDT"}]'):
        assert corrupt(kind, Answer(body=body), {}, {}) == Answer(body=body)


@pytest.mark.parametrize("name", INTERVALS)
def test_rows_that_are_added_are_slots_of_the_interval_that_was_asked_for(name: str) -> None:
    interval, listed_ms = INTERVALS[name], 1_502_942_400_000
    grid = Grid(interval, listed_ms=listed_ms)
    first_ms = grid.floor(1_735_689_600_000)
    opens_ms = [interval.after(first_ms, index) for index in range(6)]
    answer = Answer(body=json.dumps(_rows(5, opens_ms)).encode(), rows=5)
    start_ms = first_ms - 40 * DAY_MS  # a gap lies between the start and the first row

    def corrupted(kind: str) -> list[list[Any]]:
        requested = {"symbol": "BTCUSDT", "interval": name, "startTime": str(start_ms), "limit": "5"}
        rows: list[list[Any]] = json.loads(corrupt(kind, answer, requested, {}).body)
        assert all(grid.floor(row[0]) == row[0] and row[6] == grid.after(row[0]) - 1 for row in rows)
        return rows

    before = corrupted("row_before_start")
    assert before[0][0] < start_ms <= grid.after(before[0][0])
    assert before[1:] == _rows(5, opens_ms)
    assert [row[0] for row in corrupted("more_than_limit")] == opens_ms
    future = corrupted("row_from_the_future")
    assert future[-1][0] > first_ms + 9 * 365 * DAY_MS
    assert len(future) == 6
