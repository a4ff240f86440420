"""Who may pass, and what a refused caller is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from candle_collector.authorize import authorize, is_candles_route, needed_scope
from candle_collector.domain.api_key import ApiKey, Scope, StoredKey
from candle_collector.errors import RequestRefusedError
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
KEY = ApiKey(key_id="KeyOfAdmin", secret="s" * 32)
STORED = StoredKey(
    key_id=KEY.key_id,
    name="admin",
    scope=Scope.ADMIN,
    secret_hash=KEY.secret_hash,
    created_at=NOW - timedelta(days=1),
)


class KeysInMemory:
    """Knows one key, and counts how often it is read."""

    def __init__(self, stored: StoredKey = STORED) -> None:
        self.stored = stored
        self.reads = 0

    def get(self, key_id: str) -> StoredKey | None:
        self.reads += 1
        return self.stored if key_id == self.stored.key_id else None

    def put(self, key: StoredKey) -> None:
        self.stored = key


def refusal(offered: set[str], store: KeysInMemory, needed: Scope = Scope.ADMIN) -> tuple[int, str]:
    with pytest.raises(RequestRefusedError) as caught:
        authorize(offered, needed=needed, store=store, now=NOW)
    return caught.value.status, caught.value.code


def test_a_live_key_lets_its_owner_in() -> None:
    caller = authorize({KEY.text}, needed=Scope.ADMIN, store=KeysInMemory(), now=NOW)
    assert (caller.key_id, caller.scope) == (KEY.key_id, Scope.ADMIN)


def test_no_key_is_a_missing_key() -> None:
    assert refusal(set(), KeysInMemory()) == (401, "MISSING_API_KEY")


def test_keys_that_disagree_are_refused_even_if_one_is_good() -> None:
    store = KeysInMemory()
    assert refusal({KEY.text, "other"}, store) == (403, "INVALID_API_KEY")
    assert store.reads == 0


def test_a_wrong_secret_and_an_unknown_id_are_told_the_same_after_the_same_reads() -> None:
    said = []
    for wrong in (ApiKey(key_id=KEY.key_id, secret="t" * 32), ApiKey(key_id="NoSuchKey0", secret="s" * 32)):
        store = KeysInMemory()
        with pytest.raises(RequestRefusedError) as caught:
            authorize({wrong.text}, needed=Scope.ADMIN, store=store, now=NOW)
        said.append((caught.value.status, caught.value.code, caught.value.message, store.reads))
    assert said[0] == said[1]
    assert said[0][:2] == (403, "INVALID_API_KEY")


@pytest.mark.parametrize(
    "stored",
    [
        replace(STORED, revoked_at=NOW - timedelta(seconds=1)),
        replace(STORED, expires_at=NOW),
    ],
    ids=["revoked", "expired"],
)
def test_a_key_that_is_over_is_refused(stored: StoredKey) -> None:
    assert refusal({KEY.text}, KeysInMemory(stored)) == (403, "INVALID_API_KEY")


def test_a_revocation_holds_from_the_next_request() -> None:
    store = KeysInMemory()
    authorize({KEY.text}, needed=Scope.ADMIN, store=store, now=NOW)
    store.put(replace(STORED, revoked_at=NOW))
    assert refusal({KEY.text}, store) == (403, "INVALID_API_KEY")


def test_a_reader_reads_and_no_more() -> None:
    store = KeysInMemory(replace(STORED, scope=Scope.READ))
    assert authorize({KEY.text}, needed=Scope.READ, store=store, now=NOW).scope is Scope.READ
    assert refusal({KEY.text}, store, Scope.ADMIN) == (403, "FORBIDDEN_SCOPE")


def test_a_wrong_secret_does_not_learn_the_scope_of_the_key() -> None:
    store = KeysInMemory(replace(STORED, scope=Scope.READ))
    assert refusal({ApiKey(KEY.key_id, "t" * 32).text}, store) == (403, "INVALID_API_KEY")


@given(st.text(min_size=1) | st.binary(min_size=1).map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_anything_that_is_no_key_is_refused_without_a_read(text: str) -> None:
    store = KeysInMemory()
    assert refusal({text}, store) == (403, "INVALID_API_KEY")
    assert store.reads == 0


def test_a_very_long_text_is_refused_without_a_read() -> None:
    store = KeysInMemory()
    assert refusal({KEY.text + "x" * 8192}, store) == (403, "INVALID_API_KEY")
    assert store.reads == 0


@pytest.mark.parametrize(
    ("method", "route", "scope"),
    [
        ("GET", "/api/v3/klines", Scope.READ),
        ("GET", "/api/v3/exchangeInfo", Scope.READ),
        ("GET", "/api/admin/coverage", Scope.READ),
        ("GET", "/api/admin/coverage/{symbol}", Scope.READ),
        ("POST", "/api/v3/klines", Scope.ADMIN),
        ("POST", "/api/admin/coverage", Scope.ADMIN),
        ("GET", "/api/admin/coverage/{symbol}/more", Scope.ADMIN),
        ("GET", "/api/admin/coverages", Scope.ADMIN),
        ("GET", "/api/admin/collect/status", Scope.ADMIN),
        ("GET", "/api/admin/system/info", Scope.ADMIN),
        ("GET", "/api/v30/klines", Scope.ADMIN),
        ("POST", "/api/admin/collect/trigger", Scope.ADMIN),
    ],
)
def test_reading_candles_and_coverage_needs_the_read_scope_and_all_else_admin(
    method: str, route: str, scope: Scope
) -> None:
    assert needed_scope(method, route) is scope


def test_coverage_is_read_but_is_no_route_of_binance() -> None:
    assert is_candles_route("GET", "/api/v3/klines")
    assert not is_candles_route("GET", "/api/admin/coverage")
