"""Decides whether a request may pass: by the keys it carries, their records, and the scope that its route needs."""

from __future__ import annotations

import logging
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from candle_collector.api.routes import find_route
from candle_collector.domain.api_key import USE_NOTED_EVERY, ApiKey, Scope, StoredKey, belongs
from candle_collector.errors import CollectorError, ForbiddenScopeError, InvalidKeyError, MissingKeyError
from candle_collector.ports import ApiKeyStore

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """Who may pass.

    Attributes
    ----------
    key_id
        The id of the key; `anonymous` where none is needed.
    """

    key_id: str
    scope: Scope


ANONYMOUS = Caller(key_id="anonymous", scope=Scope.ADMIN)
"""Everybody, where API_KEY_REQUIRED is false."""


PUBLIC = Caller(key_id="public", scope=Scope.READ)
"""Whoever sends no key to a route of Binance's shape, where PUBLIC_READS is true."""


def needed_scope(method: str, path: str) -> Scope:
    """Return the scope that a route needs; an unknown one needs the highest."""
    route = find_route(method, path)
    return route.scope if route else Scope.ADMIN


def authorize(offered: AbstractSet[str], *, needed: Scope, store: ApiKeyStore, now: datetime) -> Caller:
    """Return who is calling.

    Parameters
    ----------
    offered
        The different texts that the request carries where a key may be.

    Raises
    ------
    MissingKeyError
        No key is offered.
    InvalidKeyError
        Keys disagree, or the key is unknown, wrong, expired or revoked. A caller without a valid key does not learn
        which keys exist.
    ForbiddenScopeError
        The key's scope does not include the route.
    """
    if not offered:
        raise MissingKeyError("The request carries no API key.")
    if len(offered) > 1:
        raise InvalidKeyError("The request carries different API keys. Send one.")
    key = ApiKey.parse(next(iter(offered)))
    # A typo, named by the checksum, costs no read.
    stored = store.get(key.key_id) if key is not None else None
    if key is None or not belongs(key, stored) or stored is None:
        raise InvalidKeyError("The API key is not valid.")
    if not stored.is_live(now):
        raise InvalidKeyError("The API key is not valid.", stored.key_id)
    if not stored.scope.covers(needed):
        raise ForbiddenScopeError(f"This needs a key with the scope {needed}.", stored.key_id)
    _note_use(stored, store, now)
    return Caller(key_id=stored.key_id, scope=stored.scope)


def _note_use(stored: StoredKey, store: ApiKeyStore, now: datetime) -> None:
    """Write down that the key was used, if that is due; a caller is let in whether or not that succeeds."""
    if not stored.use_is_due(now):
        return
    try:
        store.note_use(stored.key_id, now, unless_after=now - USE_NOTED_EVERY)
    except CollectorError:
        log.warning("the use of a key could not be noted", extra={"key_id": stored.key_id}, exc_info=True)
