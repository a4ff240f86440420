"""The first sentence: each combination of facts gives one state, figures, and a remedy where there is one."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from candle_collector.domain.health import (
    OVERDUE,
    FailedStart,
    FailedTurn,
    HealthFacts,
    RunFacts,
    cannot_store,
    judge_health,
    no_answer,
)
from candle_collector.domain.interval import HOUR_MS, ms_of
from candle_collector.domain.run import MODES, Mode
from hypothesis import given
from hypothesis import strategies as st

from tests.hourly import hourly

NOW = datetime(2025, 6, 1, 12, 30, 15, tzinfo=UTC)
NOON_MS = ms_of(NOW.replace(minute=0, second=0))
"""When the running hour opened."""
OTHER_PLACE = "Deploy with another ExchangeBaseUrl, or in another region."
REGION = f"The exchange refuses this region (451). {OTHER_PLACE}"


def hours_ago(hours: int) -> int:
    """Return when the hour opened that was so many before the running one, in ms since 1970."""
    return NOON_MS - hours * HOUR_MS


ENDED = RunFacts(
    "01KBSM0000ABCDEFGHJKMNPQRS",
    "forward",
    done=20,
    total=20,
    created_at=NOW - timedelta(minutes=25),
    deadline=NOW + timedelta(hours=4),
    ended_at=NOW - timedelta(minutes=20),
)
ACTIVE = replace(ENDED, done=3, ended_at=None)
INCOMPLETE = replace(ENDED, incomplete=6, missing_candles=966, reason="the exchange answered 503: not its own JSON")
STORED = HealthFacts(NOW, symbols=20, newest=hours_ago(1), lag_hours=0, stale_after_hours=13, run=ENDED)
FAILED = FailedStart("forward", NOW - timedelta(minutes=10), NOW - timedelta(minutes=9), REGION)


def said(**changes: object) -> tuple[str, str, str | None]:
    health = judge_health(replace(STORED, **changes))  # type: ignore[arg-type] # the fields by their names
    return health.state, health.sentence, health.remedy


def test_a_new_archive_is_empty_and_says_how_to_begin() -> None:
    nothing = judge_health(HealthFacts(NOW))
    assert nothing.state == "empty"
    assert nothing.remedy == "Start a collection."
    waits = judge_health(HealthFacts(NOW, stale_after_hours=13, next_start=NOW + timedelta(hours=1)))
    assert waits.remedy == "Start a collection, or wait for the schedule: 2025-06-01 13:30 UTC."


def test_an_archive_that_is_complete_says_up_to_when() -> None:
    assert said() == ("ok", "OK: 20 cryptos stored, the newest candle is of 2025-06-01 11:00 UTC, up to date.", None)
    assert said(symbols=1, lag_hours=1, newest=hours_ago(2))[1] == (
        "OK: 1 crypto stored, the newest candle is of 2025-06-01 10:00 UTC, 1 hour behind."
    )


def test_an_archive_without_schedules_may_be_old() -> None:
    assert said(lag_hours=500, newest=hours_ago(501), stale_after_hours=None)[0] == "ok"


def test_a_run_that_found_nothing_to_store_leaves_nothing_to_do() -> None:
    assert said(newest=None, lag_hours=None, symbols=0) == (
        "ok",
        "OK: nothing was missing for the forward run of 2025-06-01 12:05 UTC, and no candle is stored.",
        None,
    )


def test_a_run_at_work_says_how_far_it_is() -> None:
    sentence = "Running: 3 of 20 series done by the forward run of 2025-06-01 12:05 UTC."
    assert said(run=ACTIVE) == ("running", sentence, None)
    assert said(run=replace(ACTIVE, done=0, total=1))[1].startswith("Running: 0 of 1 series done")


def test_a_run_that_the_exchange_asked_to_wait_says_until_when() -> None:
    assert said(run=ACTIVE, blocked_until=NOW + timedelta(minutes=2)) == (
        "waiting",
        (
            "Waiting: the exchange wants no requests until 2025-06-01 12:32 UTC; 3 of 20 series done. "
            "The run goes on then."
        ),
        None,
    )


def test_a_block_without_a_run_needs_nobody() -> None:
    assert said(blocked_until=NOW + timedelta(minutes=2))[0] == "ok"


def test_what_a_run_left_out_is_said_with_its_reason() -> None:
    assert said(run=INCOMPLETE) == (
        "needs_you",
        (
            "Needs you: 966 candles are missing in 6 cryptos after the forward run of 2025-06-01 12:05 UTC: "
            "the exchange answered 503: not its own JSON."
        ),
        "Retry that run, or run gap_fill.",
    )
    single = replace(INCOMPLETE, incomplete=1, missing_candles=1, reason=None)
    assert said(run=single)[1] == (
        "Needs you: 1 candle is missing in 1 crypto after the forward run of 2025-06-01 12:05 UTC."
    )
    unknown = replace(INCOMPLETE, incomplete=1, missing_candles=0, reason=None)
    assert said(run=unknown)[1] == "Needs you: 1 crypto is not complete after the forward run of 2025-06-01 12:05 UTC."
    several = replace(INCOMPLETE, missing_candles=0, reason=None)
    assert said(run=several)[1].startswith("Needs you: 6 cryptos are not complete after")


def test_gap_fill_is_named_only_where_it_looks_for_what_is_missing() -> None:
    assert said(run=replace(INCOMPLETE, are_gaps=False))[2] == "Retry that run."
    assert said(run=replace(INCOMPLETE, are_gaps=False, reason=REGION))[2] == f"{OTHER_PLACE} Then retry that run."
    outside = {"failed_candles": 7, "failed_symbols": 2, "failed_from": hours_ago(24 * 31)}
    named = "Retry the run that left them, or collect backward from 2025-05-01."
    assert said(**outside, next_gap_fill=NOW)[2] == named


def test_repair_is_named_only_where_it_can_replace_something() -> None:
    uncompared = replace(INCOMPLETE, mode="verify", missing_candles=5)
    assert said(run=uncompared)[2] == "Verify again."
    assert said(run=replace(uncompared, replaceable=1))[2] == "Verify again with repair."


def test_candles_that_the_exchange_has_no_more_are_said_and_need_nobody() -> None:
    state, sentence, remedy = said(run=replace(ENDED, mode="verify", denied=48))
    assert (state, remedy) == ("ok", None)
    assert sentence.endswith(", up to date; 48 candles that the exchange no longer has are kept.")


def test_what_runs_left_is_said_though_nothing_is_stored() -> None:
    state, sentence, _ = said(newest=None, lag_hours=None, symbols=0, failed_candles=7, failed_symbols=2)
    assert (state, sentence) == (
        "needs_you",
        "Needs you: 7 candles that earlier runs did not get are missing in 2 cryptos.",
    )


def test_the_remedy_of_a_failure_comes_before_the_retry() -> None:
    _, sentence, remedy = said(run=replace(INCOMPLETE, reason=REGION))
    assert sentence.endswith(": The exchange refuses this region (451).")
    assert remedy == (
        "Deploy with another ExchangeBaseUrl, or in another region. Then retry that run, or run gap_fill."
    )


def test_a_verification_says_what_it_found() -> None:
    differs = replace(
        INCOMPLETE, mode="verify", incomplete=2, missing_candles=0, replaceable=3, reason="3 candles differ"
    )
    assert said(run=differs) == (
        "needs_you",
        "Needs you: the verify run of 2025-06-01 12:05 UTC was not good for 2 cryptos: 3 candles differ.",
        "Verify again with repair.",
    )
    assert ", 5 candles not compared: " in said(run=replace(differs, missing_candles=5))[1]


def test_a_refusal_comes_first_also_while_a_run_is_active() -> None:
    expected = (
        "needs_you",
        "Needs you: The exchange refuses this region (451).",
        "Deploy with another ExchangeBaseUrl, or in another region.",
    )
    assert said(refused=REGION) == expected
    assert said(refused=REGION, run=ACTIVE) == expected
    assert said(refused="no")[2] is not None


def test_a_run_that_does_not_end_is_said_half_an_hour_after_its_deadline() -> None:
    late = replace(ACTIVE, deadline=NOW - OVERDUE)
    assert said(run=late)[0] == "running"
    state, sentence, remedy = said(run=replace(late, deadline=NOW - OVERDUE - timedelta(minutes=1)))
    assert (state, bool(remedy)) == ("needs_you", True)
    assert "is 31 minutes past its deadline and has not ended" in sentence


def test_a_scheduled_start_that_failed_is_said_until_a_run_follows_it() -> None:
    assert said(failed_start=FAILED, next_start=NOW + timedelta(hours=5)) == (
        "needs_you",
        "Needs you: the forward run of 2025-06-01 12:20 UTC did not start: The exchange refuses this region (451).",
        f"{OTHER_PLACE} Start a collection then; the schedule tries again at 2025-06-01 17:30 UTC.",
    )
    assert said(failed_start=replace(FAILED, reason="no answer"), run=None)[2] == "Start a collection."
    assert said(failed_start=FAILED, run=replace(ENDED, created_at=NOW))[0] == "ok"
    assert said(failed_start=FAILED, run=ACTIVE)[0] == "running"


def test_a_turn_that_fails_again_is_said_while_its_run_is_active() -> None:
    turn = FailedTurn(
        ACTIVE.run_id, str(hourly("BTCUSDT")), NOW - timedelta(minutes=2), "the table refused it: no right to write"
    )
    assert said(run=ACTIVE, failed_turn=turn, blocked_until=NOW + timedelta(minutes=1)) == (
        "needs_you",
        (
            "Needs you: BTCUSDT of the forward run of 2025-06-01 12:05 UTC failed again at 2025-06-01 12:28 UTC: "
            "the table refused it: no right to write."
        ),
        ("See the worker's log. It is tried again by itself, and what was stored is safe."),
    )
    remedy = said(run=ACTIVE, failed_turn=replace(turn, reason="the table is gone. Restore it."))[2]
    assert str(remedy).startswith("Restore it. It is tried again")
    assert said(failed_turn=turn)[0] == "ok"


def test_an_archive_that_grows_old_though_schedules_are_on_needs_somebody() -> None:
    assert said(lag_hours=13, newest=hours_ago(14))[0] == "ok"
    assert said(lag_hours=14, newest=hours_ago(15)) == (
        "needs_you",
        "Needs you: nothing newer than the candle of 2025-05-31 21:00 UTC was collected, 14 hours behind.",
        "Start a collection, and see in the trigger's log why the schedules did not.",
    )
    assert said(lag_hours=14, newest=hours_ago(15), run=None)[0] == "needs_you"


@pytest.mark.parametrize("mode", ["backward", "verify"])
def test_after_a_run_of_the_past_the_schedules_have_time_to_collect_what_is_new(mode: Mode) -> None:
    past = replace(ENDED, mode=mode, created_at=NOW - timedelta(hours=13))
    assert said(lag_hours=14, newest=hours_ago(15), run=past)[0] == "ok"
    earlier = replace(past, created_at=NOW - timedelta(hours=13, minutes=1))
    assert said(lag_hours=14, newest=hours_ago(15), run=earlier)[0] == "needs_you"


@pytest.mark.parametrize("mode", ["forward", "gap_fill", "backward"])
def test_a_long_run_has_the_time_that_it_was_expected_to_take(mode: Mode) -> None:
    long = replace(ENDED, mode=mode, created_at=NOW - timedelta(hours=30), expected=timedelta(hours=20))
    assert said(lag_hours=33, newest=hours_ago(35), run=replace(long, expected=timedelta(0)))[0] == "needs_you"
    assert said(lag_hours=33, newest=hours_ago(35), run=long)[0] == "ok"
    late = replace(long, created_at=NOW - timedelta(hours=36))
    assert said(lag_hours=34, newest=hours_ago(36), run=late)[0] == "needs_you"


def test_what_earlier_runs_could_not_get_is_not_forgotten() -> None:
    assert said(failed_candles=7, failed_symbols=2)[1:] == (
        "Needs you: 7 candles that earlier runs did not get are missing in 2 cryptos.",
        "Run gap_fill.",
    )
    _, sentence, remedy = said(failed_candles=1, failed_symbols=1, next_gap_fill=NOW + timedelta(days=1))
    assert "1 candle that earlier runs did not get is missing in 1 crypto" in sentence
    assert remedy == "Run gap_fill, or wait for the schedule: 2025-06-02 12:30 UTC."


def test_a_database_that_stores_nothing_is_said_before_all_else() -> None:
    full = "the disk is full; make room on it"
    assert judge_health(replace(STORED, outage=full, refused=REGION, run=ACTIVE)) == cannot_store(full)
    health = cannot_store(full)
    assert health.sentence == "Needs you: nothing can be stored: the disk is full."
    assert health.remedy == "Make room on it. It is tried again by itself, and what was stored is safe."
    assert cannot_store("gone").remedy is not None


def test_an_archive_that_does_not_answer_needs_somebody() -> None:
    health = no_answer("500: the call failed")
    assert (health.state, health.sentence) == (
        "needs_you",
        "Needs you: the archive does not say how it stands: 500: the call failed.",
    )
    assert health.remedy is not None


def test_whatever_a_failure_says_stays_on_one_line() -> None:
    sentence = said(run=replace(INCOMPLETE, reason="a\n b\t" + "x" * 500))[1]
    assert ": a b xxx" in sentence
    assert "\n" not in sentence
    assert len(sentence) < 400


MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is beside it
TEXTS = st.text(max_size=300) | st.text("aB. \n:", max_size=20)
RUNS = st.builds(
    RunFacts,
    st.just("01KBSM0000ABCDEFGHJKMNPQRS"),
    st.sampled_from(MODES),
    done=st.integers(0, 500),
    total=st.integers(1, 500),
    created_at=MOMENTS,
    deadline=MOMENTS,
    ended_at=st.none() | MOMENTS,
    incomplete=st.integers(0, 3),
    missing_candles=st.integers(0, 2) | st.integers(0, 10**6),
    reason=st.none() | TEXTS,
)
FACTS = st.builds(
    HealthFacts,
    MOMENTS,
    symbols=st.integers(0, 3),
    newest=st.none() | st.integers(400_000 * HOUR_MS, 500_000 * HOUR_MS),
    lag_hours=st.none() | st.integers(0, 100),
    stale_after_hours=st.none() | st.just(13),
    run=st.none() | RUNS,
    failed_start=st.none() | st.builds(FailedStart, st.sampled_from(MODES), MOMENTS, MOMENTS, TEXTS),
    failed_turn=st.none()
    | st.builds(FailedTurn, st.just("01KBSM0000ABCDEFGHJKMNPQRS"), st.just(str(hourly("X"))), MOMENTS, TEXTS),
    blocked_until=st.none() | MOMENTS,
    refused=st.none() | TEXTS,
    failed_candles=st.integers(0, 2),
    failed_symbols=st.integers(0, 2),
    next_start=st.none() | MOMENTS,
    next_gap_fill=st.none() | MOMENTS,
    outage=st.none() | TEXTS,
)
BEGINS = {"empty": "Empty: ", "running": "Running: ", "waiting": "Waiting: ", "ok": "OK: ", "needs_you": "Needs you: "}


@given(FACTS)
def test_every_combination_has_one_state_a_sentence_and_a_remedy_where_something_is_to_be_done(
    facts: HealthFacts,
) -> None:
    health = judge_health(facts)
    assert health == judge_health(facts)
    assert health.sentence.startswith(BEGINS[health.state])
    assert (health.remedy is None) == (health.state in {"running", "waiting", "ok"})
    for text in (health.sentence, health.remedy or "."):
        assert text.endswith(".")
        assert len(text.splitlines()) == 1
        assert "None" not in text or "None" in str(
            (facts.run, facts.failed_start, facts.failed_turn, facts.refused, facts.outage)
        )


@given(FACTS)
def test_figures_agree_with_their_nouns(facts: HealthFacts) -> None:
    without = replace(facts, outage=None, refused=None, failed_start=None, failed_turn=None)
    run = replace(facts.run, reason=None) if facts.run else None
    sentence = judge_health(replace(without, run=run)).sentence
    for number, noun in re.findall(r"\b([\d,]+) (hours?|candles?|cryptos?|minutes?)\b", sentence):
        assert noun.endswith("s") == (number != "1"), sentence


@given(FACTS)
def test_nothing_is_ok_while_a_candle_is_known_to_be_missing(facts: HealthFacts) -> None:
    missing = facts.run is not None and bool(facts.run.incomplete) and facts.run.ended_at is not None
    if missing or (facts.failed_candles and facts.newest is not None and facts.lag_hours is not None):
        assert judge_health(facts).state != "ok"
    if facts.run is not None:
        assert judge_health(facts).state != "empty"


@pytest.mark.parametrize("ended", [None, NOW], ids=["open", "ended"])
def test_a_run_is_at_work_until_it_ends(ended: datetime | None) -> None:
    assert (said(run=replace(ACTIVE, ended_at=ended))[0] == "running") == (ended is None)
