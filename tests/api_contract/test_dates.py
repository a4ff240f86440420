"""Dates are exactly of two forms, in UTC, within what can be meant; everything else is refused by the field's name."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from candle_collector.domain.api_key import Scope

from standalone.gateway_answers import Answer
from tests.api_contract.gateway import Gateway, in_process

REFUSED = [
    *("2024-W01-1", "20240101", "2025-1-1", "2025-01-01 00:00:00Z", "2025-01-01T00:00:00", "2025-01-01T00:00:00z"),
    *("2025-01-01T00:00:00+00:00", "2025-01-01T00:00:00.000Z", "2025-02-30", "2025-13-01", "2025-01-01T24:00:00Z"),
    *("0000-01-01", "0001-01-01", "1969-12-31", "2016-12-30", "", " 2025-01-01", "2025-01-01\n", "1735689600000"),
    *("\u0662\u0660\u0662\u0665-01-01", "-2025-01-01", "+2025-01-01", "now", "null"),
]
FIELDS = ("start_date", "end_date")


@pytest.fixture(scope="module")
def api() -> Iterator[tuple[Gateway, list[tuple[str, str]]]]:
    with in_process() as (gateway, keys):
        yield gateway, [("X-API-Key", keys[Scope.ADMIN])]


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body).get("error", {}).get("field")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("text", REFUSED)
def test_a_date_that_does_not_exist_or_cannot_be_meant_is_refused(
    api: tuple[Gateway, list[tuple[str, str]]], field: str, text: str
) -> None:
    gateway, headers = api
    body = json.dumps({"mode": "backward", field: text})
    assert refusal(gateway.ask("POST", "/api/admin/collect/trigger", headers=headers, body=body)) == (400, field)
    requested = gateway.ask("GET", "/api/admin/coverage/BTCUSDT", headers=headers, query=[(field, text)])
    assert refusal(requested) == (400, field)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59Z", "9999-12-31T23:00:01Z", "9999-12-31", "9999-12-31T23:00:00Z"])
def test_the_last_hour_of_the_calendar_is_answered_as_any_other(
    api: tuple[Gateway, list[tuple[str, str]]], text: str
) -> None:
    gateway, headers = api
    body = {"mode": "backward", "dry_run": True, "symbols": ["BTCUSDT"]}
    for field in FIELDS:
        query = [(field, text)]
        answers = [
            gateway.ask("POST", "/api/admin/collect/trigger", headers=headers, body=json.dumps({**body, field: text})),
            gateway.ask("GET", "/api/admin/coverage/BTCUSDT", headers=headers, query=query),
            gateway.ask("GET", "/api/admin/universe", headers=headers, query=[("date", text)]),
        ]
        assert all(answer.status < 500 for answer in answers), (field, [answer.status for answer in answers])


@pytest.mark.parametrize("text", ["2025-05-30", "2025-05-30T06:00:00Z"])
def test_both_forms_are_taken(api: tuple[Gateway, list[tuple[str, str]]], text: str) -> None:
    gateway, headers = api
    query = [(field, text) for field in FIELDS]
    requested = gateway.ask("GET", "/api/admin/coverage/BTCUSDT", headers=headers, query=query)
    assert requested.status == 200
    assert json.loads(requested.body)["expected"] == (24 if len(text) == 10 else 1)


def test_what_ends_before_it_starts_or_starts_in_the_future_is_refused(
    api: tuple[Gateway, list[tuple[str, str]]],
) -> None:
    gateway, headers = api
    backwards = [("start_date", "2025-05-30"), ("end_date", "2025-05-29")]
    requested = gateway.ask("GET", "/api/admin/coverage/BTCUSDT", headers=headers, query=backwards)
    assert refusal(requested) == (400, "end_date")
    requested = gateway.ask("GET", "/api/admin/coverage/BTCUSDT", headers=headers, query=[("start_date", "2099-01-01")])
    assert refusal(requested) == (400, "start_date")
