"""How the domain's values are written into a column: as JSON, by the types of their fields."""

from __future__ import annotations

import secrets
from functools import cached_property
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from candle_collector.errors import UnreadableRecordError

T = TypeVar("T")


class Record(Generic[T]):
    """A type of value.

    Parameters
    ----------
    kind
        The type: a dataclass, a named tuple, or whatever pydantic knows.
    name
        What it is called where one cannot be read.
    """

    def __init__(self, kind: type[T], name: str) -> None:
        self._kind = kind
        self._name = name

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        """What reads and writes it, made when it is first needed: a process has to do with a few of the types."""
        return TypeAdapter(self._kind)

    def write(self, value: T) -> str:
        """Return the JSON of a value."""
        return self._adapter.dump_json(value).decode()

    def read(self, text: str) -> T:
        """Return the value of a JSON that `write` made.

        Raises
        ------
        UnreadableRecordError
            It was changed by something else.
        """
        try:
            return self._adapter.validate_json(text)
        except ValidationError as error:
            raise UnreadableRecordError(
                f"{self._name} in the database cannot be read ({error.error_count()} fields are wrong); "
                "restore the database from a copy of it"
            ) from error


def new_revision() -> str:
    """Return the name of a write: by it a write whose reply was lost is known from somebody else's."""
    return secrets.token_hex(8)
