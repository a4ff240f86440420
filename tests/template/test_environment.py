"""Each function gets the variables that it reads, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from candle_collector.bootstrap import Container
from candle_collector.settings import Settings

from tests.template.stack import Stack

SHARED = {"STAGE", "POWERTOOLS_LOG_LEVEL", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME"}
"""The variables of all functions; Powertools reads its own."""

# What each function takes from the container.
TAKEN: dict[str, Callable[[Container], Any]] = {
    "AuthorizerFunction": lambda here: (here.settings.api_key_required, here.keys),
    "TriggerFunction": lambda here: (
        (here.settings.dashboard_origin, here.settings.worker_concurrency),
        here.run_defaults(),
        here.run_ports(),
        here.candles,
        here.closing_ports(),
    ),
    "WorkerFunction": lambda here: here.worker_ports(remaining_seconds=1),
    "StatusFunction": lambda here: (
        (here.settings.dashboard_origin, here.runs, here.series, here.rate_limiter, here.candles),
        (here.settings.exchange_base_url, here.settings.top_n, here.settings.collection_start),
        (here.settings.collection_schedule, here.settings.batch_size_hours, here.settings.max_retries),
        (here.settings.worker_timeout, here.settings.run_deadline_hours, here.settings.api_key_required),
        (here.settings.schedules_enabled, here.settings.gap_fill_schedule, here.settings.weight_share_percent),
        here.probe,
    ),
    "CandlesFunction": lambda here: (here.settings.dashboard_origin, here.candles, here.series),
    "ReconcilerFunction": lambda here: (here.closing_ports(), here.queue, here.settings.queue_visibility),
}


class Remembering(dict[str, str]):
    """An environment that remembers what was read."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables)
        self.read: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(Stage="prod")


@pytest.mark.parametrize("function", TAKEN)
def test_a_function_gets_exactly_the_variables_that_it_reads(
    stack: Stack, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    variables = stack.properties(function)["Environment"]["Variables"]
    environment = Remembering({name: str(value) for name, value in variables.items()})
    TAKEN[function](Container(Settings(environment)))
    assert environment.read | SHARED == environment.keys()


def test_every_function_is_in_the_list_above(stack: Stack) -> None:
    assert stack.of_type("AWS::Lambda::Function").keys() == TAKEN.keys()
