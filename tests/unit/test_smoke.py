"""What `candles smoke` says where something is not as it must be, and which stack a command means."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import requests

from background.progress import StackError
from cli.client import ApiError, CollectorApi
from cli.commands import smoke
from cli.stacks import AwsStack
from tests.unit.test_coverage_tables import series


def answering(monkeypatch: pytest.MonkeyPatch, status: int, body: str) -> CollectorApi:
    def request(*_: Any, **__: Any) -> requests.Response:
        response = requests.Response()
        response.status_code = status
        response._content = body.encode()
        return response

    monkeypatch.setattr(requests.Session, "request", request)
    return CollectorApi("https://api.test/live", "key")


def test_an_exchange_that_does_not_answer_from_the_region_is_reported_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = '{"error": {"code": "EXCHANGE_UNAVAILABLE", "message": "451: this region is refused"}}'
    with pytest.raises(StackError) as caught:
        smoke._last_whole_day(answering(monkeypatch, 503, body), {})
    assert "does NOT answer from this stack's region: 451" in str(caught.value)
    assert "ExchangeBaseUrl" in str(caught.value)


@pytest.mark.parametrize(("status", "body"), [(403, '{"error": {"code": "INVALID_API_KEY"}}'), (200, "<html>")])
def test_an_api_that_refuses_or_is_another_is_an_error(monkeypatch: pytest.MonkeyPatch, status: int, body: str) -> None:
    with pytest.raises(ApiError):
        answering(monkeypatch, status, body).system_info()


def test_candles_that_do_not_come_back_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    api = answering(monkeypatch, 200, "[[1735689600000]]")
    coverage = series(never_printed_candles=0, missing_candles=0)
    monkeypatch.setattr(api, "coverage", lambda *_, **__: coverage)
    with pytest.raises(StackError, match="1 candles come back, 0 were never printed, of 48 hours"):
        smoke._read_back(api, "BTCUSDT", date(2025, 1, 1), date(2025, 1, 2))


def test_the_region_of_a_stack_is_that_of_its_stage_unless_the_environment_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    prod = AwsStack.named("candle-collector-prod")
    assert (prod.stage, prod.is_local) == ("prod", False)
    assert prod.environment["AWS_REGION"] == prod.region
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
    assert AwsStack.named("candle-collector-prod").environment["AWS_REGION"] == "ap-northeast-1"
    named = AwsStack.named("candle-collector-prod", region="us-west-2", profile="mine")
    assert (named.environment["AWS_REGION"], named.environment["AWS_PROFILE"]) == ("us-west-2", "mine")


def test_the_local_stacks_tools_see_no_credentials_of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    local = AwsStack.named("candle-collector-local")
    assert local.is_local
    assert "AWS_PROFILE" not in local.environment
    assert local.environment["AWS_ACCESS_KEY_ID"] == "test"
