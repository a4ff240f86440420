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
    "AuthorizerFunction": lambda system: (
        system.settings.api_key_required,
        system.settings.public_reads,
        system.keys,
    ),
    "TriggerFunction": lambda system: (
        (system.settings.dashboard_origin, system.settings.worker_concurrency),
        system.run_defaults(),
        system.run_ports(),
        system.candles,
        system.closing_ports(),
    ),
    "WorkerFunction": lambda system: system.worker_ports(remaining_seconds=1),
    "StatusFunction": lambda system: (
        (system.settings.dashboard_origin, system.runs, system.series, system.rate_limiter, system.candles),
        (
            system.settings.exchange_base_url,
            system.settings.top_n,
            system.settings.quote_assets,
            system.settings.intervals,
        ),
        system.settings.collection_start,
        (system.settings.collection_schedule, system.settings.batch_size, system.settings.max_retries),
        (system.settings.worker_timeout, system.settings.run_deadline_hours),
        (system.settings.api_key_required, system.settings.public_reads),
        (system.settings.schedules_enabled, system.settings.gap_fill_schedule, system.settings.weight_share_percent),
        system.settings.stale_after_hours,
        system.probe,
    ),
    "CandlesFunction": lambda system: (
        (system.settings.dashboard_origin, system.settings.public_reads),
        (system.candles, system.series, system.listings),
    ),
    "ReconcilerFunction": lambda system: (
        (system.closing_ports(), system.queue),
        (system.settings.queue_visibility, system.settings.intervals),
    ),
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
