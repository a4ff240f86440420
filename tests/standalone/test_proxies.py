"""A proxy in the environment is for the wide world: between the parts on this machine it never stands.

The proxy here is a port on which nobody listens: whatever asks it fails at once.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import botocore.utils
import pytest
import requests
from candle_collector.adapters.binance.bounded_http import BoundedSession, BrokenAnswerError
from candle_collector.settings import without_proxies

from background.http_status import http_status
from tests.exchange import running_exchange
from tests.standalone.running import running_archive
from tests.standalone.test_homes import SYMBOLS, Person, somebody

NAMES = tuple(word for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") for word in (name, name.lower()))


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Have this process's environment name a proxy that is dead, and no exception."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}"
    for name in NAMES:
        monkeypatch.setenv(name, dead)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return dict.fromkeys(NAMES, dead)


@pytest.fixture
def person(tmp_path: Path, proxies: dict[str, str]) -> Iterator[Person]:
    with somebody(tmp_path) as person:
        assert person.environment["HTTP_PROXY"] == proxies["HTTP_PROXY"]
        assert "NO_PROXY" not in person.environment
        yield person


def test_the_commands_collect_and_read_and_stop(person: Person) -> None:
    assert "240" in person.done("collect", *SYMBOLS)  # ten days of hours
    assert "BTCUSDT" in person.done("coverage")
    assert person.candles("status").returncode == 0
    person.done("down")


def test_a_server_by_itself_reaches_an_exchange_on_this_machine(
    tmp_path: Path, proxies: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in without_proxies({}).items():
        monkeypatch.setenv(name, value)  # of this test's own calls; what it starts gets the proxies alone
    with running_exchange("--simulated") as exchange, running_archive(tmp_path, exchange.url, **proxies) as archive:
        held = archive.ended(archive.trigger("BTCUSDT", start="2025-01-01", end_date="2025-01-02"))
        assert (held["complete"], held["total_records"]) == (1, 48)


def test_every_library_that_asks_over_http_keeps_to_the_rule(
    proxies: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_exchange("--simulated") as exchange:
        ping = f"{exchange.url}/api/v3/ping"
        for spared in (False, True):
            if spared:
                for name, value in without_proxies(os.environ).items():
                    monkeypatch.setenv(name, value)
            assert (http_status(ping) == 200) is spared  # urllib
            assert bool(botocore.utils.get_environ_proxies(ping)) is not spared
            if spared:
                assert requests.get(ping, timeout=9).ok
                assert BoundedSession().get(ping, {}, seconds=9, most_bytes=99).status == 200
            else:
                with pytest.raises(requests.exceptions.ProxyError):
                    requests.get(ping, timeout=9)
                with pytest.raises(BrokenAnswerError):
                    BoundedSession().get(ping, {}, seconds=9, most_bytes=99)
    assert botocore.utils.get_environ_proxies("https://data-api.binance.vision")["https"] == proxies["HTTPS_PROXY"]


def test_the_rule_adds_to_the_exceptions_that_are_named_already() -> None:
    assert without_proxies({}) == without_proxies(without_proxies({}))
    named = without_proxies({"NO_PROXY": "10.0.0.1, intra.example.org", "no_proxy": "intra.example.org,127.0.0.1"})
    assert named["NO_PROXY"] == named["no_proxy"]
    assert named["no_proxy"].split(",") == [
        *("10.0.0.1", "intra.example.org", "127.0.0.1", "localhost", "host.docker.internal", "::1")
    ]
