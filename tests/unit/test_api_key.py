"""What the text of an API key holds, and when its record is good."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta

import pytest
from candle_collector.domain.api_key import (
    ALPHABET,
    KEY_ID_LENGTH,
    SECRET_LENGTH,
    ApiKey,
    Scope,
    StoredKey,
    belongs,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)

keys = st.builds(
    ApiKey,
    key_id=st.text(ALPHABET, min_size=KEY_ID_LENGTH, max_size=KEY_ID_LENGTH),
    secret=st.text(ALPHABET, min_size=SECRET_LENGTH, max_size=SECRET_LENGTH),
)


def stored(key: ApiKey, *, expires_at: datetime | None = None, revoked_at: datetime | None = None) -> StoredKey:
    return StoredKey(
        key_id=key.key_id,
        name="test",
        scope=Scope.ADMIN,
        secret_hash=key.secret_hash,
        created_at=NOW - timedelta(days=1),
        expires_at=expires_at,
        revoked_at=revoked_at,
    )


@given(keys)
def test_a_key_is_read_back_from_its_text(key: ApiKey) -> None:
    assert ApiKey.parse(key.text) == key


@given(keys, st.data())
def test_a_typo_in_any_one_letter_is_noticed(key: ApiKey, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(key.text) - 1))
    letter = data.draw(st.sampled_from([c for c in ALPHABET + "_-" if c != key.text[place]]))
    assert ApiKey.parse(key.text[:place] + letter + key.text[place + 1 :]) is None


@given(keys, st.integers(0, KEY_ID_LENGTH + SECRET_LENGTH))
def test_swapped_neighbours_are_noticed(key: ApiKey, place: int) -> None:
    text = list(key.text)
    text[4 + place], text[5 + place] = text[5 + place], text[4 + place]
    if "".join(text) != key.text:
        assert ApiKey.parse("".join(text)) is None


@given(st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_what_cannot_be_a_key_is_not_read(text: str) -> None:
    assert ApiKey.parse(text) is None


@pytest.mark.parametrize("around", [" {}", "{}\n", "{}{}", "x{}", "{}\x00"])
def test_a_key_with_something_around_it_is_not_a_key(around: str) -> None:
    key = ApiKey(key_id="a" * KEY_ID_LENGTH, secret="b" * SECRET_LENGTH)
    assert ApiKey.parse(around.format(key.text, key.text)) is None


def test_digits_of_other_scripts_are_not_letters_of_a_key() -> None:
    key = ApiKey(key_id="1" * KEY_ID_LENGTH, secret="2" * SECRET_LENGTH)
    assert ApiKey.parse(key.text.replace("1", "\N{ARABIC-INDIC DIGIT ONE}")) is None


def test_a_key_starts_with_what_scanners_look_for() -> None:
    key = ApiKey(key_id="a" * KEY_ID_LENGTH, secret="b" * SECRET_LENGTH)
    assert key.text.startswith("cck_aaaaaaaaaa_bbbb")


def test_the_secret_has_at_least_160_random_bits() -> None:
    assert len(ALPHABET) ** SECRET_LENGTH >= 2**160
    assert len(set(ALPHABET)) == len(ALPHABET)


def test_the_secret_is_not_in_what_a_log_would_show() -> None:
    key = ApiKey(key_id="a" * KEY_ID_LENGTH, secret="Zz9" * 10 + "Zz")
    assert "Zz9" not in repr(key)
    assert "Zz9" not in str(key)
    assert "Zz9" not in repr(stored(key))


@given(keys, keys)
def test_a_record_belongs_to_its_own_secret_only(key: ApiKey, other: ApiKey) -> None:
    assert belongs(key, stored(key))
    assert belongs(other, stored(key)) == (other.secret == key.secret)


def test_no_record_belongs_to_no_key() -> None:
    assert not belongs(ApiKey(key_id="a" * KEY_ID_LENGTH, secret="b" * SECRET_LENGTH), None)


def test_a_secret_is_compared_in_a_time_that_says_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock would prove nothing on a busy machine, so the comparison itself is watched, with a record and without."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(first: bytes, second: bytes) -> bool:
        compared.append((first, second))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    key = ApiKey(key_id="a" * KEY_ID_LENGTH, secret="b" * SECRET_LENGTH)
    assert not belongs(key, stored(key))
    assert not belongs(key, None)
    own = key.secret_hash.encode()
    assert compared == [(own, own), (own, b"0" * 64)]


def test_a_key_is_live_until_the_moment_it_expires_or_is_revoked() -> None:
    key = ApiKey(key_id="a" * KEY_ID_LENGTH, secret="b" * SECRET_LENGTH)
    assert stored(key).is_live(NOW)
    assert stored(key, expires_at=NOW + timedelta(microseconds=1)).is_live(NOW)
    assert not stored(key, expires_at=NOW).is_live(NOW)
    assert not stored(key, revoked_at=NOW).is_live(NOW)


def test_admin_covers_all_and_read_covers_reading() -> None:
    assert Scope.ADMIN.covers(Scope.ADMIN)
    assert Scope.ADMIN.covers(Scope.READ)
    assert Scope.READ.covers(Scope.READ)
    assert not Scope.READ.covers(Scope.ADMIN)
