"""Answers of the API for the page: asked for when they are old, and kept while there are not newer ones."""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from cli.client import ApiError, CollectorApi
from dashboard.connection import Connection
from dashboard.problems import Problem, explain

Value = TypeVar("Value")
_KEPT = "loaded"
_KEPT_MOST = 60
AGAIN_AFTER_S = 2.0
"""After how many seconds what failed is asked for again, at the earliest."""


@dataclass(frozen=True)
class Loaded(Generic[Value]):
    """An answer, or why there is not one.

    Attributes
    ----------
    value
        The last good answer; None where there never was one.
    answered_at
        When that came, UTC.
    problem
        Why there is no newer one; None where it is as new as it should be.
    asked_at
        By the clock that only goes on.
    """

    value: Value | None
    answered_at: datetime | None
    problem: Problem | None
    asked_at: float


class Loader:
    """Asks an archive, and keeps its last good answers in the session.

    Parameters
    ----------
    session
        Streamlit's, or any mapping.
    """

    def __init__(
        self,
        connection: Connection,
        session: MutableMapping[Any, Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection = connection
        self.api = CollectorApi(connection.url, connection.key)
        self._session = session
        self._clock = clock
        # answers of another archive, or for another key, are nobody's business any more
        whose = hash((connection.url, connection.key))
        if session.get(_KEPT, (None, {}))[0] != whose:
            session[_KEPT] = (whose, {})

    @property
    def _kept(self) -> dict[str, Loaded[Any]]:
        kept: dict[str, Loaded[Any]] = self._session[_KEPT][1]
        return kept

    def load(self, name: str, ask: Callable[[CollectorApi], Value], *, for_seconds: float) -> Loaded[Value]:
        """Return an answer that is not older than so many seconds, or the last good one with the problem.

        Parameters
        ----------
        name
            What it is kept under: it names everything that the answer depends on.
        """
        known: Loaded[Value] | None = self._kept.get(name)
        now = self._clock()
        if known is not None and now - known.asked_at < (AGAIN_AFTER_S if known.problem else for_seconds):
            return known
        try:
            loaded = Loaded(ask(self.api), datetime.now(UTC), None, now)
        except ApiError as error:
            problem = explain(error, self.connection)
            empty: Loaded[Value] = Loaded(None, None, problem, now)
            loaded = replace(known, problem=problem, asked_at=now) if known is not None else empty
        self._kept.pop(name, None)
        self._kept[name] = loaded
        while len(self._kept) > _KEPT_MOST:
            del self._kept[next(iter(self._kept))]
        return loaded

    def forget(self, *beginnings: str) -> None:
        """Ask again for what is kept under names that begin so, at its next use; the last good answers stay."""
        for name, loaded in self._kept.items():
            if name.startswith(beginnings or ("",)):
                self._kept[name] = replace(loaded, asked_at=float("-inf"))
