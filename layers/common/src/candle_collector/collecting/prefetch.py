"""One request ahead: while an answer is stored, the next one is already on its way."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Prefetch(Generic[Result]):
    """At most one call in another thread.

    Parameters
    ----------
    executor
        The thread; without one nothing is done ahead.
    """

    def __init__(self, executor: Executor | None) -> None:
        self._executor = executor
        self._future: Future[Result] | None = None

    @property
    def is_possible(self) -> bool:
        """Whether there is a thread."""
        return self._executor is not None

    def start(self, call: Callable[[], Result]) -> None:
        """Begin a call, if there is a thread; what it logs carries the keys of the turn that began it."""
        if self._executor:
            self._future = self._executor.submit(copy_context().run, call)

    def take(self) -> Future[Result] | None:
        """Return the call that was begun, once."""
        future, self._future = self._future, None
        return future
