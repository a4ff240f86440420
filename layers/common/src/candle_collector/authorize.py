"""Decides whether a request may pass: by the keys it carries, their records, and the scope that its route needs."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from candle_collector.domain.api_key import ApiKey, Scope, belongs
from candle_collector.errors import RequestRefusedError
from candle_collector.ports import ApiKeyStore

CANDLES_ROUTES = "/api/v3/"
COVERAGE_ROUTES = ("/api/admin/coverage", "/api/admin/coverage/{symbol}")


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


def is_candles_route(method: str, route: str) -> bool:
    """Tell whether a route answers stored candles as Binance does."""
    return method == "GET" and route.startswith(CANDLES_ROUTES)


def needed_scope(method: str, route: str) -> Scope:
    """Return the scope that a route of the template needs: read for stored candles and coverage, admin for all else."""
    reads = is_candles_route(method, route) or (method == "GET" and route in COVERAGE_ROUTES)
    return Scope.READ if reads else Scope.ADMIN


def authorize(offered: AbstractSet[str], *, needed: Scope, store: ApiKeyStore, now: datetime) -> Caller:
    """Return who is calling.

    Parameters
    ----------
    offered
        The different texts that the request carries where a key may be.

    Raises
    ------
    RequestRefusedError
        401 where no key is offered; 403 where keys disagree, or the key is unknown, wrong, expired, revoked, or does
        not reach what is needed. A caller without a valid key learns nothing of which keys there are.
    """
    if not offered:
        raise RequestRefusedError(401, "MISSING_API_KEY", "The request carries no API key.")
    if len(offered) > 1:
        raise RequestRefusedError(403, "INVALID_API_KEY", "The request carries different API keys. Send one.")
    key = ApiKey.parse(next(iter(offered)))
    # A typo, told by the checksum, costs no read.
    stored = store.get(key.key_id) if key is not None else None
    if key is None or not belongs(key, stored) or stored is None or not stored.is_live(now):
        raise RequestRefusedError(403, "INVALID_API_KEY", "The API key is not valid.")
    if not stored.scope.covers(needed):
        raise RequestRefusedError(403, "FORBIDDEN_SCOPE", f"This needs a key with the scope {needed}.")
    return Caller(key_id=stored.key_id, scope=stored.scope)
