"""What holds for all tests."""

import gc
import os

import pytest
from candle_collector.settings import without_proxies
from hypothesis import settings

from tests.e2e.runtimes import ALL, RUNTIMES

# The functions make their metrics when they are first imported, whichever test that is; on AWS the template names it.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "CandleCollector")

# What tests start listens on this machine.
os.environ.update(without_proxies(os.environ))

# A machine that is busy must not fail a test: no test here judges by time. Each session draws other examples.
settings.register_profile("ours", deadline=None, max_examples=30)
settings.load_profile("ours")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a person choose what the end-to-end tests run on."""
    said = "the runtime of tests/e2e; without it, each test runs on those that `make test` needs"
    parser.addoption("--runtime", choices=(*RUNTIMES, ALL), help=said)


def pytest_collection_finish() -> None:
    """Look through what tests leave behind seldom, and never again through what was loaded: a twentieth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20)


def pytest_unconfigure() -> None:
    """Let libraries count what they leave, as at any end of a process."""
    gc.unfreeze()


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks."""
    config.addinivalue_line("markers", "runtimes(*names, also=()): the runtimes of a test of tests/e2e/runtimes.py")
