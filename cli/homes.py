"""Which home of the archive on this machine a command means: `--on`, ON, what runs, else the server at home."""

from __future__ import annotations

import argparse
import importlib
import os

from background.home import LOCAL_AWS, STANDALONE, TITLES, Home, capital, running_home
from background.kept_settings import INTERVALS
from background.places import Places
from background.progress import IS_CLONE, StackError

HOMES = (STANDALONE, LOCAL_AWS)


def add_place_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say where a stack is."""
    parser.add_argument("--region", help="the stack's region (default: AWS_REGION, then samconfig.toml's)")
    parser.add_argument("--profile", help="the profile of your AWS credentials (default: AWS_PROFILE)")


def add_home_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that says which home is meant."""
    parser.add_argument(
        "--on",
        choices=HOMES,
        default="",
        help=f"{STANDALONE}: a server and a database; {LOCAL_AWS}: the whole template on an emulator, for tests "
        f"(default: what runs, else {STANDALONE})",
    )


def name_of(arguments: argparse.Namespace, places: Places) -> str:
    """Return the name of the home that is meant.

    Raises
    ------
    StackError
        ON names another one.
    """
    name: str = arguments.on or os.environ.get("ON") or running_home(places) or STANDALONE
    if name not in HOMES:
        raise StackError(f"ON={name} is not known.", f"ON={STANDALONE} or ON={LOCAL_AWS}.")
    return name


def home_of(arguments: argparse.Namespace, places: Places, *, goes_on_by_itself: bool = False) -> Home:
    """Return the home that is meant; each is loaded when it is meant, and so is what it needs.

    Parameters
    ----------
    goes_on_by_itself
        Whether it is started to go on by itself, which alone sets what its schedules collect.

    Raises
    ------
    StackError
        ON names another one, or one that is not a part of what is installed.
    """
    # INTERVALS of any other command is of that command alone: make puts what it is given into the environment too
    environment = {name: text for name, text in os.environ.items() if goes_on_by_itself or name != INTERVALS}
    if name_of(arguments, places) == STANDALONE:
        module = importlib.import_module("background.standalone_home")
        home: Home = module.StandaloneHome(places, goes_on_by_itself=goes_on_by_itself, environment=environment)
        return home
    require_clone("the local AWS")
    of_aws: Home = importlib.import_module("localstack.running").LocalStack(places, environment=environment)
    return of_aws


def require_running(arguments: argparse.Namespace, places: Places) -> None:
    """Refuse what asks an API that is not there.

    Raises
    ------
    StackError
        The home that is meant does not run.
    """
    name = name_of(arguments, places)
    if running_home(places) != name:
        raise StackError(f"{capital(TITLES[name])} does not run.", f"`make up ON={name}` starts it.")


def require_clone(what: str) -> None:
    """Refuse what needs the project's sources where a wheel is installed.

    Raises
    ------
    StackError
        This is not a clone.
    """
    if not IS_CLONE:
        raise StackError(f"This is an installed package; {what} needs the project's sources.", "clone the project.")
