"""Whose candles and keys a command works on: the database of the server at home, or the tables of a stack on AWS."""

from __future__ import annotations

import argparse
import importlib
import os
from dataclasses import dataclass
from typing import Protocol

from candle_collector.bootstrap import Container
from candle_collector.errors import CollectorError
from candle_collector.ports import ApiKeyStore
from candle_collector.settings import Settings, without_proxies

from background.home import STANDALONE
from background.places import DEFAULT, Places
from background.progress import StackError
from background.standalone_home import DATABASE_URL, StandaloneHome, without_password
from cli.homes import add_home_argument, add_place_arguments, name_of


class Archive(Protocol):
    """Stored candles and keys."""

    @property
    def name(self) -> str:
        """What a person calls it."""

    def tables(self) -> Container:
        """Return the adapters on what is stored, and what will be."""

    def source(self) -> Container:
        """Return the adapters on what is stored, to be read: nothing is made where nothing is."""

    def keys(self) -> ApiKeyStore:
        """Return its keys."""


@dataclass(frozen=True)
class Database:
    """The database of the server at home.

    Attributes
    ----------
    url
        As DATABASE_URL has it, its password included.
    """

    url: str

    @property
    def name(self) -> str:
        """Its address."""
        return without_password(self.url)

    def tables(self) -> Container:
        """Return the adapters on the database.

        Raises
        ------
        StackError
            It cannot be opened.
        """
        return _sql_container(self.url)

    def source(self) -> Container:
        """Return the adapters on a database that holds an archive.

        Raises
        ------
        StackError
            It cannot be opened, or there is no archive.
        """
        from candle_collector.adapters.sql.looking import holds_archive  # noqa: PLC0415 - loads SQLAlchemy

        try:
            is_there = holds_archive(self.url)
        except CollectorError as error:
            raise StackError(f"{error}.") from error
        if not is_there:
            raise StackError(f"There is no archive at {self.name}.", "look at the address.")
        return self.tables()

    def keys(self) -> ApiKeyStore:
        """Return the keys that the server accepts.

        Raises
        ------
        StackError
            As `source`.
        """
        return self.source().keys

    @classmethod
    def at_home(cls) -> Database:
        """Return the database of what runs here, else of what ran last; DATABASE_URL names another one.

        Raises
        ------
        StackError
            Nothing ever ran here.
        """
        named = os.environ.get(DATABASE_URL) or DEFAULT
        if named != DEFAULT:
            return cls(named)
        places = Places.from_environment()
        home = StandaloneHome(places)
        state = home.last_state()
        if state is None:
            raise StackError(
                "Nothing has run here yet.",
                "`make up` starts it, `make collect` collects; DATABASE_URL names a database.",
            )
        return cls(home.database_url(state))


def _sql_container(url: str) -> Container:
    """Open a database; what that needs is loaded when one is meant."""
    from candle_collector.bootstrap import SqlContainer  # noqa: PLC0415 - as said above

    container = SqlContainer(Settings({DATABASE_URL: url}))
    try:
        container.database  # noqa: B018 - opens it, or says why not
    except CollectorError as error:
        raise StackError(f"{error}.") from error
    return container


def archive_of(arguments: argparse.Namespace) -> Archive:
    """Return the archive that a command line means: a deployed stack by its name, else what is at home.

    Raises
    ------
    StackError
        A region or a profile is named without a stack, or nothing is there.
    """
    places = Places.from_environment()
    by_name = arguments.stack_name or arguments.region or arguments.profile
    if not by_name and name_of(arguments, places) == STANDALONE:
        return Database.at_home()
    stacks = importlib.import_module("cli.stacks")  # and with it what reaches AWS
    archive: Archive = stacks.AwsStack.of_arguments(arguments)
    return archive


def open_archive(stack_name: str | None = None, *, region: str | None = None, profile: str | None = None) -> Container:
    """Return the adapters on the archive at home, or on that of a stack in an AWS account.

    Raises
    ------
    StackError
        There is not one.
    """
    os.environ.update(without_proxies(os.environ))  # a program of its own, which no command has started
    return archive_of(argparse.Namespace(on="", stack_name=stack_name, region=region, profile=profile)).source()


def add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which archive is meant."""
    add_home_argument(parser)
    parser.add_argument("--stack-name", help="the stack in your AWS account; without it, what is at home is meant")
    add_place_arguments(parser)
