"""Opening a database, and what it refuses: each time a sentence, never half a transaction, never a password."""

from __future__ import annotations

import resource
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from candle_collector.adapters.sql.candles import SqlCandles
from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.looking import holds_archive, usable
from candle_collector.adapters.sql.migrations import FIRST
from candle_collector.adapters.sql.runs import SqlRuns
from candle_collector.adapters.sql.schema import archive_schema, runs, series
from candle_collector.errors import DatabaseError, DatabaseUnavailableError, UnreadableRecordError
from sqlalchemy import Connection, inspect, select, text, update

from tests.hourly import hourly
from tests.integration.databases import free_port
from tests.port_contracts.candle_store import SYMBOL, candles, within
from tests.port_contracts.run_store import A, records, run


def url_of(folder: Path, name: str = "candles.db") -> str:
    return f"sqlite:///{folder / name}"


def full(store: SqlCandles) -> None:
    store.store(hourly(SYMBOL), candles(*range(1000)), (), absent_blocks=frozenset())


# what a URL may be


@pytest.mark.parametrize(
    "url",
    [
        "candles.db",
        "",
        "mysql://user:secret@host/database",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:candles?mode=memory&cache=shared&uri=true",
        "postgresql://user:secret@host:port/database",
    ],
)
def test_a_url_that_names_no_database_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseError, match="it takes sqlite") as caught:
        Database(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite:///rel.db", "sqlite:///a/rel.db", "sqlite:///file:rel.db?uri=true"])
def test_a_file_that_is_another_one_in_each_folder_is_refused_with_its_whole_path(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = rf"give its whole path: sqlite:///{tmp_path}/(a/)?rel.db$"
    with pytest.raises(DatabaseError, match=whole):
        Database(url)
    with pytest.raises(DatabaseError, match=whole):
        holds_archive(url)
    assert list(tmp_path.iterdir()) == []


def test_looking_at_a_database_makes_and_changes_nothing(place: str, tmp_path: Path) -> None:
    file = tmp_path / "candles.db"
    for is_empty_file in (False, True):
        if is_empty_file:
            file.touch()
        before = sorted(tmp_path.iterdir())
        with usable(place):
            pass
        assert not holds_archive(place)
        assert sorted(tmp_path.iterdir()) == before
    Database(place).close()
    assert holds_archive(place)
    database = Database(place)
    with usable(place), database.write(), usable(place):
        assert holds_archive(place), "while a server has it, and writes"
    database.close()


def test_what_an_archive_cannot_be_kept_in_is_refused_by_looking(postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("a text of some length\n" * 99)
    with sqlite3.connect(tmp_path / "foreign.db") as other:
        other.execute("CREATE TABLE runs (id INTEGER)")
    other.close()
    for url, why in {
        url_of(tmp_path, "text.db"): "is not an SQLite database",
        url_of(tmp_path, "foreign.db"): "a table runs that another program made",
        url_of(tmp_path / "nowhere"): "cannot be written: No such file or directory",
        "sqlite:////proc/candles.db": "cannot be written",
        postgres_url.removesuffix("postgres") + "nowhere": "createdb",
    }.items():
        with pytest.raises(DatabaseError, match=why), usable(url):
            pass


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    with pytest.raises(DatabaseUnavailableError, match=r"does not answer.*look whether its server runs") as caught:
        Database(f"postgresql://user:secret@127.0.0.1:{free_port()}/candles")
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_a_database_that_is_not_there_is_named(postgres_url: str) -> None:
    with pytest.raises(DatabaseError, match="createdb"):
        Database(postgres_url.removesuffix("postgres") + "nowhere")


def test_a_role_that_is_not_there_is_named(postgres_url: str) -> None:
    with pytest.raises(DatabaseError, match="the server does not let this user in"):
        Database(postgres_url.replace("postgres@", "nobody:secret@"))


def test_a_password_in_the_query_of_a_url_is_in_no_message() -> None:
    with pytest.raises(DatabaseUnavailableError) as caught:
        Database(f"postgresql://user@127.0.0.1:{free_port()}/candles?password=secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("53100", "the server's disk is full; free some space"),
        ("25006", "it may only be read"),
        ("42501", "GRANT it the right"),
        ("P0001", "something else"),
    ],
)
def test_what_a_server_refuses_is_named_with_its_remedy(new_postgres_url: str, code: str, remedy: str) -> None:
    database = Database(new_postgres_url)
    raised = text(f"DO $$ BEGIN RAISE EXCEPTION 'something else' USING ERRCODE = '{code}'; END $$")
    kind = DatabaseError if code == "P0001" else DatabaseUnavailableError
    with pytest.raises(kind, match=remedy) as caught, database.write() as connection:
        connection.execute(raised)
    assert type(caught.value) is kind
    database.close()


def test_a_transaction_that_meets_another_one_is_done_again(new_postgres_url: str) -> None:
    database, tries = Database(new_postgres_url), [1, 2, 3]

    def step(connection: Connection) -> int:
        if len(tries) > 1:
            tries.pop()
            connection.execute(text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$"))
        return len(tries)

    assert database.transact(step) == 1
    database.close()


# files


def test_a_file_that_is_not_a_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "candles.db").write_text("my notes\n" * 1000)
    with pytest.raises(DatabaseError, match="not an SQLite database"):
        Database(url_of(tmp_path))
    assert (tmp_path / "candles.db").read_text() == "my notes\n" * 1000


def test_a_folder_that_is_not_there_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="make its folder"):
        Database(url_of(tmp_path / "nowhere"))


def test_a_file_that_may_only_be_read_is_read_and_not_written(tmp_path: Path) -> None:
    writing = Database(url_of(tmp_path))
    SqlCandles(writing).store(hourly(SYMBOL), candles(3), (), absent_blocks=frozenset())
    reading = Database(f"sqlite:///file:{tmp_path / 'candles.db'}?mode=ro&uri=true")
    store = SqlCandles(reading)
    assert store.candles(hourly(SYMBOL), within(0, 24), limit=5) == candles(3)
    with pytest.raises(DatabaseError, match="may only be read"):
        store.store(hourly(SYMBOL), candles(4), (), absent_blocks=frozenset())
    reading.close()
    writing.close()


def test_an_empty_file_that_may_only_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "candles.db").touch()
    with pytest.raises(DatabaseError, match="may only be read"):
        Database(f"sqlite:///file:{tmp_path / 'candles.db'}?mode=ro&uri=true")


def test_a_full_disk_stores_nothing_of_a_batch_and_more_when_there_is_space(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path))
    store = SqlCandles(database)
    full(store)
    with database.engine.connect() as connection:  # the connections that follow get the same limit from the pool
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
        connection.rollback()
    more = candles(*range(2000, 5000))
    with pytest.raises(DatabaseUnavailableError, match="the disk is full; free some space"):
        store.store(hourly(SYMBOL), more, (within(9000, 9100),), absent_blocks=frozenset())
    known = store.coverage(hourly(SYMBOL), within(0, 10_000))
    assert (known.stored, known.never_printed) == ((within(0, 1000),), ())
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    store.store(hourly(SYMBOL), more, (), absent_blocks=frozenset())
    assert store.coverage(hourly(SYMBOL), within(0, 10_000)).stored == (within(0, 1000), within(2000, 5000))
    database.close()


def test_an_outage_is_noted_with_its_sentence_and_what_another_time_would_not_mend_is_not(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path), busy_seconds=0.1)
    with pytest.raises(DatabaseError), database.write() as connection:
        connection.execute(text("SELECT * FROM nowhere"))
    assert database.outages.at < 0
    begun = time.monotonic()
    with sqlite3.connect(tmp_path / "candles.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailableError):
            full(SqlCandles(database))
    other.close()
    assert begun <= database.outages.at <= time.monotonic()
    assert "is locked by another program" in database.outages.reason
    database.close()


def test_a_quota_stores_nothing_of_a_batch_and_another_time_may_do(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path))
    store = SqlCandles(database)
    full(store)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "candles.db-wal").stat().st_size + 4096, limits[1]))
    try:
        with pytest.raises(DatabaseUnavailableError, match="failed to read or write"):
            store.store(hourly(SYMBOL), candles(*range(2000, 5000)), (), absent_blocks=frozenset())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert store.coverage(hourly(SYMBOL), within(0, 10_000)).stored == (within(0, 1000),)
    full(store)
    database.close()


def test_a_file_that_another_program_holds_is_an_error_after_a_while(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path), busy_seconds=0.2)
    with sqlite3.connect(tmp_path / "candles.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailableError, match="locked by another program"):
            full(SqlCandles(database))
        other.execute("ROLLBACK")
    other.close()
    full(SqlCandles(database))
    database.close()


def test_what_was_committed_is_on_the_disk(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path))
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    database.close()


def test_an_error_within_a_transaction_undoes_all_of_it(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:  # noqa: PT012 - the error comes last
        connection.execute(series.insert().values(market="binance", symbol="X", interval="1h"))
        raise ZeroDivisionError
    with database.read() as connection:
        assert connection.execute(select(series)).first() is None


def test_an_error_shows_no_values(database: Database) -> None:
    with pytest.raises(DatabaseError) as caught, database.write() as connection:
        connection.execute(text("INSERT INTO api_keys VALUES (:secret, :secret, :secret)"), {"secret": "abcdefgh"})
    assert "abcdefgh" not in str(caught.value)


# versions


def add_note(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE runs ADD COLUMN note TEXT"))
    connection.execute(text("UPDATE runs SET note = 'older'"))


def fail(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE runs ADD COLUMN other TEXT"))
    raise ZeroDivisionError


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database of either kind that holds nothing yet."""
    if request.param == "sqlite":
        return url_of(tmp_path)
    url: str = request.getfixturevalue("new_postgres_url")
    database = Database(url, steps=(lambda _: None,) * 50)  # newer than whatever is left of another test
    with database.write() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    database.close()
    return url


def version(database: Database) -> object:
    with database.read() as connection:
        return connection.execute(select(archive_schema.c.version)).scalar()


def test_an_older_schema_is_brought_to_the_newest_with_all_it_holds(place: str) -> None:
    older = Database(place)
    SqlRuns(older).create(run(), records())
    assert version(older) == FIRST
    older.close()
    newer = Database(place, steps=(add_note,))
    assert version(newer) == FIRST + 1
    assert SqlRuns(newer).get(A) == run()
    with newer.read() as connection:
        assert connection.execute(text("SELECT note FROM runs")).scalar() == "older"
    newer.close()
    Database(place, steps=(add_note,)).close()  # once is enough


def test_many_that_open_a_new_database_at_once_make_it_once(place: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        opened = list(threads.map(lambda _: Database(place), range(8)))
    assert {version(each) for each in opened} == {FIRST}
    for each in opened:
        each.close()


def test_a_migration_that_fails_leaves_the_older_schema(place: str) -> None:
    Database(place).close()
    with pytest.raises(ZeroDivisionError):
        Database(place, steps=(add_note, fail))
    older = Database(place)
    assert version(older) == FIRST
    with older.read() as connection:
        assert "note" not in {column["name"] for column in inspect(connection).get_columns("runs")}
    older.close()


def test_a_newer_schema_is_refused_and_left_as_it_is(place: str) -> None:
    Database(place, steps=(lambda _: None,) * 6).close()
    with pytest.raises(DatabaseError, match=rf"made by a newer version .*schema {FIRST + 6}, this one knows {FIRST}"):
        Database(place)
    newer = Database(place, steps=(lambda _: None,) * 6)
    assert version(newer) == FIRST + 6
    newer.close()


def test_a_schema_before_the_first_release_is_refused_and_left_as_it_is(place: str) -> None:
    older = Database(place)
    with older.write() as connection:
        connection.execute(archive_schema.update().values(version=FIRST - 1))
    with pytest.raises(DatabaseError, match=rf"before the first release \(schema {FIRST - 1}\); export its candles"):
        Database(place)
    assert version(older) == FIRST - 1
    with older.write() as connection:  # for the test that comes after
        connection.execute(archive_schema.update().values(version=FIRST))
    older.close()


def test_tables_of_another_program_are_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "candles.db") as other:
        other.execute("CREATE TABLE runs (id INTEGER)")
    other.close()
    with pytest.raises(DatabaseError, match="a table runs that another program made"):
        Database(url_of(tmp_path))


def test_a_record_that_was_changed_by_hand_is_named(database: Database) -> None:
    SqlRuns(database).create(run(), records())
    with database.write() as connection:
        connection.execute(update(runs).values(body='{"run_id": 5}'))
    with pytest.raises(UnreadableRecordError, match="a run in the database cannot be read"):
        SqlRuns(database).get(A)
