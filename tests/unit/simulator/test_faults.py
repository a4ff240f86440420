"""Fault rules strike what they match, as often as asked, and the same way in every run."""

import json
from collections.abc import Iterable

import pytest

from simulator.answers import Answer
from simulator.broken_rows import ROW_FAULTS
from simulator.faults import KINDS, Rule, corrupt
from simulator.market import HOUR_MS

PATH = "/api/v3/klines"


def _rows(count: int) -> list[list[object]]:
    text = (
        '[0,"1.10000000","1.40000000","1.00000000","1.20000000","9.00000000",0,"10.00000000",7,"4.00000000","5.0","0"]'
    )
    rows = [json.loads(text) for _ in range(count)]
    return [[index * HOUR_MS, *row[1:6], (index + 1) * HOUR_MS - 1, *row[7:]] for index, row in enumerate(rows)]


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
    requested = {"symbol": "BTCUSDT", "startTime": "0", "limit": "5"}
    assert corrupt(kind, _answer(), requested, {}) != _answer()


@pytest.mark.parametrize("kind", ROW_FAULTS)
def test_a_fault_of_rows_leaves_an_answer_without_rows_alone(kind: str) -> None:
    for body in (b"[]", b'{"code":-1121,"msg":"Invalid symbol."}', b'[{"symbol":"BTCUSDT"}]'):
        assert corrupt(kind, Answer(body=body), {}, {}) == Answer(body=body)
