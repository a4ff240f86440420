"""A PostgreSQL server that is killed while the runtime lives, and a runtime that is killed beside its server."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, text

from tests.exchange import RunningExchange
from tests.integration.databases import PostgresServer
from tests.kills.archives import Launcher
from tests.kills.collection import Collection, Rows
from tests.kills.killing import Tally, kill_until_complete
from tests.kills.outages import collect_with_outages
from tests.kills.progress import say

SEED = 18
KILLS = 30
SERVER_KILLS = 20
SECONDS_AWAY = (0.0, 1.5)


def new_database(server: PostgresServer) -> str:
    """Make an empty database, and return its URL."""
    name = f"kills_{uuid4().hex}"
    engine = create_engine(server.url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.url.removesuffix("/postgres") + f"/{name}"


@contextmanager
def as_it_is(url: str) -> Iterator[str]:
    yield url


def test_nothing_is_lost_whenever_the_runtime_is_killed_beside_its_server(
    launcher: Launcher, exchange: RunningExchange, reference: Rows, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    source, tally = random.Random(SEED), Tally()
    while tally.kills < KILLS:
        folder = tmp_path / f"run-{tally.runs}"
        folder.mkdir()
        url = new_database(postgres_server)
        collection = Collection(exchange, partial(as_it_is, url))
        launch = partial(launcher.start, folder, exchange.url, DATABASE_URL=url)
        kill_until_complete(launch, collection, source, tally, most=KILLS)
        assert collection.check_end() == reference
        say(tally.line())
    assert max(tally.went_on) < 20


def test_nothing_is_lost_whenever_the_server_is_killed_under_a_runtime(
    launcher: Launcher, exchange: RunningExchange, reference: Rows, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    left, slowest, runs = SERVER_KILLS, 0.0, 0
    while left > 0:
        folder = tmp_path / f"run-{runs}"
        folder.mkdir()
        url = new_database(postgres_server)
        collection = Collection(exchange, partial(as_it_is, url))
        archive = launcher.start(folder, exchange.url, DATABASE_URL=url)
        times = min(left, 7)
        went_on = collect_with_outages(
            archive,
            collection,
            lambda _: postgres_server.stop("immediate"),
            postgres_server.start,
            said="",
            times=times,
            seconds=SECONDS_AWAY,
        )
        left, slowest, runs = left - times, max(slowest, went_on), runs + 1
        archive.end()
        archive.close()
        assert collection.check_end() == reference
    say(f"{SERVER_KILLS} kills of the server, {runs} runs, went on {slowest:.1f} s after its start at most")


def test_a_server_that_stays_away_for_longer_than_is_waited_is_named_and_the_run_goes_on_by_itself(
    launcher: Launcher, exchange: RunningExchange, reference: Rows, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    url = new_database(postgres_server)
    collection = Collection(exchange, partial(as_it_is, url))
    archive = launcher.start(tmp_path, exchange.url, DATABASE_URL=url)
    begun = time.monotonic()
    collect_with_outages(
        archive,
        collection,
        lambda _: postgres_server.stop("immediate"),
        postgres_server.start,
        said="look whether its server runs",
        times=1,
        seconds=(18, 18),
    )
    say(f"a server that was away for 18 s: the run ended after {time.monotonic() - begun:.0f} s")
    archive.end()
    archive.close()
    assert collection.check_end() == reference
