"""`candles copy` between SQLite, PostgreSQL and the local AWS, each into each: equal digests, and its exit codes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from candle_collector.bootstrap import SqlContainer
from candle_collector.domain.progress import Revision
from candle_collector.domain.windows import Window
from candle_collector.settings import Settings

from background.home import LOCAL_AWS
from background.standalone_home import SETTINGS
from tests.e2e.conftest import PROJECT, StackUnderTest
from tests.e2e.runtimes import aws_at_length
from tests.hourly import hourly
from tests.integration.databases import new_database
from tests.integration.test_copy_archive import HOURS, OUTAGE, fill

FIRST, SECOND = "COPIEDUSDT", "\u5e01USDT"
CANDLES = len(HOURS) - OUTAGE.slots
AT_HOME = {name: text for name, text in os.environ.items() if name not in SETTINGS | {"ON"}}


@contextmanager
def opened(url: str) -> Iterator[SqlContainer]:
    container = SqlContainer(Settings({"DATABASE_URL": url}))
    yield container
    container.database.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return the URL of a file with two series."""
    url = f"sqlite:///{tmp_path}/filled.db"
    with opened(url) as archive:
        fill(archive, (FIRST, SECOND))
    return url


@pytest.fixture
def other_sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/other.db"


@pytest.fixture
def postgresql_url(postgres_url: str) -> str:
    """Return the URL of an empty database."""
    return new_database(postgres_url)


def copy(source: str, target: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the project's own command
        [sys.executable, "-m", "cli", "copy", "--from", source, "--to", target],
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def copied(source: str, target: str, environment: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """Copy, and return by symbol how many candles were copied and the digest of both sides, which must be equal."""
    ended = copy(source, target, environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    line = re.compile(r"(\S+) 1h: [\d,]+ candles, ([\d,]+) copied, .*; digests (\w{12}) and (\w{12}): equal")
    found = [match.groups() for match in map(line.match, ended.stdout.splitlines()) if match]
    assert all(from_source == in_target for _, _, from_source, in_target in found)
    return {symbol: (int(count.replace(",", "")), digest) for symbol, count, digest, _ in found}


def test_sqlite_and_postgresql_are_copied_into_each_other(
    sqlite_url: str, postgresql_url: str, other_sqlite_url: str
) -> None:
    first = copied(sqlite_url, postgresql_url, AT_HOME)
    assert {symbol: count for symbol, (count, _) in first.items()} == {FIRST: CANDLES, SECOND: CANDLES}
    assert copied(postgresql_url, other_sqlite_url, AT_HOME) == first
    again = copied(other_sqlite_url, postgresql_url, AT_HOME)
    assert again == {symbol: (0, digest) for symbol, (_, digest) in first.items()}


@aws_at_length
def test_the_local_aws_is_copied_into_databases_and_they_into_it(
    stack: StackUnderTest, sqlite_url: str, postgresql_url: str, other_sqlite_url: str
) -> None:
    with opened(postgresql_url) as archive:
        fill(archive, (FIRST,))
    first = copied(postgresql_url, LOCAL_AWS, stack.environment)
    assert first[FIRST][0] == CANDLES
    both = copied(sqlite_url, LOCAL_AWS, stack.environment)
    assert both == {FIRST: (0, first[FIRST][1]), SECOND: (CANDLES, both[SECOND][1])}
    for target, symbols in ((postgresql_url, [SECOND]), (other_sqlite_url, [FIRST, SECOND])):
        out = copied(LOCAL_AWS, target, stack.environment)
        assert [out[symbol] for symbol in symbols] == [(CANDLES, both[symbol][1]) for symbol in symbols]


def test_a_target_that_differs_keeps_what_it_has_and_the_copy_ends_with_1(
    sqlite_url: str, other_sqlite_url: str
) -> None:
    copied(sqlite_url, other_sqlite_url, AT_HOME)
    hour = Window(HOURS.start, HOURS.start + 1)
    with opened(sqlite_url) as source, opened(other_sqlite_url) as target:
        (kept,) = source.candles.candles(hourly(FIRST), hour, limit=1)
        other = kept._replace(trade_count=kept.trade_count + 1)
        target.candles.revise(
            hourly(FIRST), [Revision(kept, other)], run_id="RUN", at=target.clock.now(), fence=lambda: None
        )
        ended = copy(sqlite_url, other_sqlite_url, AT_HOME)
        assert ended.returncode == 1, ended.stdout + ended.stderr
        assert f"1 series differ: {FIRST} 1h" in ended.stdout
        assert list(target.candles.candles(hourly(FIRST), hour, limit=1)) == [other]


@pytest.mark.parametrize(
    ("source", "target", "reported"),
    [
        ("{filled}", "{filled}", "--from and --to are both"),
        ("somewhere", "{filled}", "--from somewhere is not an archive"),
        ("{filled}", "mysql://a:secret@b/c", "mysql"),
        ("{filled}", "sqlite:////nowhere/at/all/x.db", "nowhere"),
    ],
)
def test_what_cannot_be_copied_is_said_in_a_sentence_and_ends_with_2(
    sqlite_url: str, source: str, target: str, reported: str
) -> None:
    ended = copy(source.format(filled=sqlite_url), target.format(filled=sqlite_url), AT_HOME)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert reported in ended.stderr
    assert "secret" not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
