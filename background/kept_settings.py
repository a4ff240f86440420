"""The settings of a stack, which stay until they are changed: those of the environment over those that were kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from candle_collector.domain.schedule import to_eventbridge
from candle_collector.settings import given

from background.files import read_object, write_private
from background.progress import StackError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

SCHEDULES = ("COLLECTION_SCHEDULE", "GAP_FILL_SCHEDULE")
"""The settings that may be written as five cron fields."""
DEFAULT = "default"
"""The value that takes a kept setting back to its default."""


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

    def keep(self, settings: Mapping[str, str]) -> None:
        """Keep these, and no others."""
        write_private(self._file, json.dumps(dict(settings), indent=1, sort_keys=True) + "\n")


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
