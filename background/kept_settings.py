"""The settings of a stack, which stay until they are changed: those of the environment over those that were kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from candle_collector.domain.schedule import to_eventbridge
from candle_collector.settings import Settings, given

from background.files import read_object, write_private
from background.places import DEFAULT
from background.progress import StackError, say

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

SCHEDULES = ("COLLECTION_SCHEDULE", "GAP_FILL_SCHEDULE")
"""The settings that may be written as five cron fields."""
INTERVALS = Settings.intervals.name
"""Which intervals the schedules collect."""
DEFAULT_INTERVALS = str(Settings.intervals.default)


class KeptSettings:
    """The settings that were given to one home for one exchange.

    Parameters
    ----------
    file
        Where they are kept, readable by their owner alone: an address of a database may hold a password.
    names
        The variables that are settings.
    """

    def __init__(self, file: Path, names: Collection[str]) -> None:
        self._file = file
        self._names = names

    def with_those_of(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the kept settings, and over them those that are `given` in the environment."""
        kept = {name: text for name, text in read_object(self._file).items() if name in self._names}
        changed = {name: text for name, text in given(environment).items() if name in self._names}
        return {name: text for name, text in {**kept, **changed}.items() if text != DEFAULT}

    def changed_by(self, environment: Mapping[str, str]) -> list[str]:
        """Return the names of the settings that an environment would change."""
        kept, wanted = self.with_those_of({}), self.with_those_of(environment)
        return sorted(name for name in kept.keys() | wanted.keys() if kept.get(name) != wanted.get(name))

    def keep(self, settings: Mapping[str, str]) -> None:
        """Keep these, and no others; say which intervals are collected no longer."""
        if self._file.exists():
            before, after = (found.get(INTERVALS) or DEFAULT_INTERVALS for found in (self.with_those_of({}), settings))
            say_dropped(before, after, "make up")
        write_private(self._file, json.dumps(dict(settings), indent=1, sort_keys=True) + "\n")


def say_dropped(before: str, after: str, command: str) -> None:
    """Say which of the intervals, as INTERVALS names them, are not collected any more, and what keeps them."""
    dropped = [name for name in before.split(",") if name not in after.split(",")]
    if dropped:
        say(
            f"INTERVALS is {after} now, and was {before}: candles of {' and '.join(dropped)} are collected no longer "
            f"by schedule. What is stored stays; `{command} INTERVALS={','.join([*after.split(','), *dropped])}` "
            "goes on with all of them."
        )


def as_expressions(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings with their schedules as EventBridge writes them.

    Raises
    ------
    StackError
        A schedule is not valid.
    """
    written = dict(settings)
    for name in SCHEDULES:
        if settings.get(name):
            try:
                written[name] = to_eventbridge(settings[name])
            except ValueError as error:
                raise StackError(f"{name}: {error}.", f"{name}='0 */6 * * *'") from error
    return written
