"""The functions, loaded when their environment is there: each reads its settings when it is imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from standalone.gateway import ApiFunctions

Handler = Callable[[dict[str, Any], Any], Any]


@dataclass(frozen=True)
class Functions:
    """The handlers of all functions."""

    api: ApiFunctions
    worker: Handler
    reconciler: Handler


def load() -> Functions:
    """Import the functions.

    Raises
    ------
    SettingError
        A setting is wrong.
    """
    from functions.authorizer.app import handler as authorizer
    from functions.candles.app import handler as candles
    from functions.reconciler.app import handler as reconciler
    from functions.status.app import handler as status
    from functions.trigger.app import handler as trigger
    from standalone.gateway import ApiFunctions

    api = ApiFunctions(authorizer=authorizer, trigger=trigger, status=status, candles=candles)
    return Functions(api=api, worker=worker(), reconciler=reconciler)


def worker() -> Handler:
    """Import the worker function alone: a process that only works needs no other.

    Raises
    ------
    SettingError
        A setting is wrong.
    """
    from functions.worker.app import handler

    return handler
