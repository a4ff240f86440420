"""The id of a run: a ULID, which sorts by time and cannot be taken for anything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from candle_collector.domain.ids import is_run_id, new_run_id

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def test_ids_sort_by_the_millisecond_in_which_they_were_made() -> None:
    made = [new_run_id(NOW + timedelta(milliseconds=number)) for number in range(50)]
    assert made == sorted(made)
    assert all(map(is_run_id, made))


def test_its_time_is_that_of_the_ulids_definition() -> None:
    assert new_run_id(datetime(2016, 7, 30, 23, 54, 10, 259000, tzinfo=UTC)).startswith("01ARZ3NDEK")


def test_ids_of_one_millisecond_are_different() -> None:
    assert len({new_run_id(NOW) for _ in range(100)}) == 100


@pytest.mark.parametrize("wrong", ["{}\n", "{}0", "\n{}", "{}\x00"])
def test_an_id_with_something_around_it_is_not_an_id(wrong: str) -> None:
    assert not is_run_id(wrong.format(new_run_id(NOW)))


@pytest.mark.parametrize("letter", ["I", "L", "O", "U", "a", "\N{ARABIC-INDIC DIGIT ONE}"])
def test_letters_that_a_ulid_lacks_are_refused(letter: str) -> None:
    assert not is_run_id(letter + new_run_id(NOW)[1:])
