"""Who may pass, and what a refused caller is reported."""

from __future__ import annotations

import random
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from candle_collector.api.authorize import authorize, needed_scope
from candle_collector.api.errors import HTTP_ERRORS, error_body
from candle_collector.api.routes import ROUTES
from candle_collector.domain.api_key import ALPHABET, ApiKey, Scope, StoredKey
from candle_collector.errors import InvalidKeyError, RefusedError
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.keys import KeysInMemory

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
KEY = ApiKey(key_id="KeyOfAdmin", secret="s" * 32)
STORED = StoredKey(
    key_id=KEY.key_id,
    name="admin",
    scope=Scope.ADMIN,
    secret_hash=KEY.secret_hash,
    created_at=NOW - timedelta(days=1),
)


def refusal(offered: AbstractSet[str], store: KeysInMemory, needed: Scope = Scope.ADMIN) -> tuple[int, str]:
    with pytest.raises(RefusedError) as caught:
        authorize(offered, needed=needed, store=store, now=NOW)
    return HTTP_ERRORS[type(caught.value)]


def test_a_live_key_lets_its_owner_in() -> None:
    caller = authorize({KEY.text}, needed=Scope.ADMIN, store=KeysInMemory(STORED), now=NOW)
    assert (caller.key_id, caller.scope) == (KEY.key_id, Scope.ADMIN)


def test_no_key_is_a_missing_key() -> None:
    assert refusal(set(), KeysInMemory(STORED)) == (401, "MISSING_API_KEY")


def test_keys_that_disagree_are_refused_even_if_one_is_good() -> None:
    store = KeysInMemory(STORED)
    for first, second in ((KEY.text, "other"), ("other", KEY.text)):  # whichever is looked at first
        assert refusal({first: None, second: None}.keys(), store) == (403, "INVALID_API_KEY")
    assert store.reads == 0


def test_a_wrong_secret_and_an_unknown_id_are_reported_the_same_after_the_same_reads() -> None:
    said = []
    for wrong in (ApiKey(key_id=KEY.key_id, secret="t" * 32), ApiKey(key_id="NoSuchKey0", secret="s" * 32)):
        store = KeysInMemory(STORED)
        with pytest.raises(RefusedError) as caught:
            authorize({wrong.text}, needed=Scope.ADMIN, store=store, now=NOW)
        said.append((*HTTP_ERRORS[type(caught.value)], str(caught.value), store.reads))
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
    store = KeysInMemory(STORED)
    authorize({KEY.text}, needed=Scope.ADMIN, store=store, now=NOW)
    store.revoke(KEY.key_id, NOW)
    assert refusal({KEY.text}, store) == (403, "INVALID_API_KEY")


def test_a_reader_reads_and_no_more() -> None:
    store = KeysInMemory(replace(STORED, scope=Scope.READ))
    assert authorize({KEY.text}, needed=Scope.READ, store=store, now=NOW).scope is Scope.READ
    assert refusal({KEY.text}, store, Scope.ADMIN) == (403, "FORBIDDEN_SCOPE")


def test_a_wrong_secret_does_not_learn_the_scope_of_the_key() -> None:
    store = KeysInMemory(replace(STORED, scope=Scope.READ))
    assert refusal({ApiKey(KEY.key_id, "t" * 32).text}, store) == (403, "INVALID_API_KEY")


@given(st.text(min_size=1) | st.binary(min_size=1).map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_anything_that_cannot_be_a_key_is_refused_without_a_read(text: str) -> None:
    store = KeysInMemory(STORED)
    assert refusal({text}, store) == (403, "INVALID_API_KEY")
    assert store.reads == 0


def test_a_hundred_thousand_guesses_with_a_bad_checksum_cost_no_read() -> None:
    store = KeysInMemory(STORED)
    letters = random.Random(5)
    head, checksum = KEY.text[:-6], KEY.text[-6:]
    guesses = 0
    while guesses < 100_000:
        guess = "".join(letters.choices(ALPHABET, k=6))
        if guess != checksum:
            with pytest.raises(RefusedError):
                authorize({head + guess}, needed=Scope.ADMIN, store=store, now=NOW)
            guesses += 1
    assert store.reads == 0


def test_a_use_is_written_down_at_most_once_in_five_minutes() -> None:
    store = KeysInMemory(STORED)
    for second in range(0, 1201, 30):
        authorize({KEY.text}, needed=Scope.ADMIN, store=store, now=NOW + timedelta(seconds=second))
    assert store.notes == [(KEY.key_id, NOW + timedelta(minutes=minutes)) for minutes in (0, 5, 10, 15, 20)]


def test_a_caller_is_let_in_where_the_use_cannot_be_written_down() -> None:
    store = KeysInMemory(STORED)
    store.takes_notes = False
    assert authorize({KEY.text}, needed=Scope.ADMIN, store=store, now=NOW).key_id == KEY.key_id


def test_who_is_refused_has_not_used_the_key() -> None:
    store = KeysInMemory(replace(STORED, scope=Scope.READ))
    refusal({KEY.text}, store, Scope.ADMIN)
    refusal({ApiKey(KEY.key_id, "t" * 32).text}, store, Scope.READ)
    assert store.notes == []


def test_a_refusal_names_a_key_only_to_us_and_only_where_the_secret_was_right() -> None:
    revoked = KeysInMemory(replace(STORED, revoked_at=NOW))
    named = {}
    for case, text in {"right": KEY.text, "wrong": ApiKey(KEY.key_id, "t" * 32).text}.items():
        with pytest.raises(InvalidKeyError) as caught:
            authorize({text}, needed=Scope.ADMIN, store=revoked, now=NOW)
        named[case] = caught.value.key_id
        assert KEY.key_id not in str(caught.value)
        assert error_body(caught.value).keys() == {"code", "message"}
    assert named == {"right": KEY.key_id, "wrong": None}


def test_a_very_long_text_is_refused_without_a_read() -> None:
    store = KeysInMemory(STORED)
    assert refusal({KEY.text + "x" * 8192}, store) == (403, "INVALID_API_KEY")
    assert store.reads == 0


@pytest.mark.parametrize(
    ("method", "route", "scope"),
    [
        ("GET", "/api/v3/klines", Scope.READ),
        ("GET", "/api/v3/exchangeInfo", Scope.READ),
        ("GET", "/api/admin/coverage", Scope.READ),
        ("GET", "/api/admin/coverage/{symbol}", Scope.READ),
        ("GET", "/api/admin/coverage/months", Scope.READ),
        ("GET", "/openapi.json", Scope.READ),
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


def test_coverage_is_read_but_is_not_a_route_of_binance() -> None:
    assert [route.path for route in ROUTES if route.is_candles_route] == [
        "/api/v3/klines",
        "/api/v3/uiKlines",
        "/api/v3/exchangeInfo",
        "/api/v3/time",
        "/api/v3/ping",
    ]


def test_of_two_calls_at_once_one_notes_the_use() -> None:
    """The other read the record before the note was there; the store refuses what is noted already."""

    class Behind(KeysInMemory):
        def get(self, key_id: str) -> StoredKey | None:
            found = super().get(key_id)
            self.note_use(key_id, NOW, unless_after=NOW - timedelta(hours=1))
            return found

    store = Behind(STORED)
    authorize({KEY.text}, needed=Scope.ADMIN, store=store, now=NOW)
    assert store.notes == [(KEY.key_id, NOW)]
