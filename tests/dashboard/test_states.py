"""Every page in every state says what is so and what to do: never a traceback, and the last good data stays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from candle_collector.answers import CollectionInfo, HealthInfo, StoreInfo
from streamlit.testing.v1 import AppTest

from dashboard.loading import AGAIN_AFTER_S
from dashboard.parts import page as page_module
from tests.dashboard.fake_archive import KEY, FakeArchive, ended_status, run_line, running_status, system
from tests.dashboard.page import VIEWS, is_calm, opened, table, text_of

HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@pytest.fixture(autouse=True)
def _ask_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each run of the page ask again, as after the seconds that it waits."""
    assert AGAIN_AFTER_S < page_module.FRESH_SECONDS
    monkeypatch.setattr("dashboard.loading.AGAIN_AFTER_S", -1.0)


def stale(page: AppTest) -> AppTest:
    """Run the page when all that it knows is old."""
    whose, kept = page.session_state["loaded"]
    page.session_state["loaded"] = (whose, {name: replace(item, asked_at=float("-inf")) for name, item in kept.items()})
    return page.run()


def empty(archive: FakeArchive) -> None:
    """Let the archive hold nothing, before its first run."""
    sentence = HealthInfo("empty", "Empty: nothing is stored, and nothing was collected yet.", "Start a collection.")
    nothing = CollectionInfo("idle", None, None, None)
    archive.system = replace(system(), health=sentence, store=StoreInfo(0, 0, 0, None, None, None), collection=nothing)
    archive.runs, archive.series = [], []


def run_active(archive: FakeArchive) -> None:
    """Let a run be active."""
    line = run_line(state="active", ended_at=None, complete=None, partial=None, failed=None, skipped=None)
    archive.system = replace(
        system("running", "Running: 1 of 3 series done."), collection=CollectionInfo("running", line, None, None)
    )
    archive.status = running_status()


@pytest.mark.parametrize("view", VIEWS)
def test_each_page_opens(archive: FakeArchive, view: str) -> None:
    page = opened(view)
    assert is_calm(page)
    assert "127.0.0.1" in text_of(page)
    assert not page.error
    assert archive.keys == {KEY}


def test_the_first_sentence_is_the_apis(archive: FakeArchive) -> None:
    sentence, remedy = "Needs you: 966 candles are missing in 6 cryptos after the *backward* run", "Run gap_fill."
    archive.system = replace(system(), health=HealthInfo("needs_you", f"{sentence}.", remedy))
    for view in ("now", "health"):
        (said,) = opened(view).error
        assert said.value.replace("\\", "") == f"**{sentence}.** {remedy}"


def test_the_tiles(archive: FakeArchive) -> None:
    tiles = {tile.label: (tile.value, tile.delta) for tile in opened().metric}
    expected = sum(item.expected for item in archive.series)
    assert tiles == {
        "Coverage": ("99.89%", f"of {expected:,} candles"),
        "Missing candles": ("48", "in 1 crypto"),
        "Newest candle": ("up to date", "2025-11-26 11:00"),
        "Candles stored": ("45,000", "3 cryptos"),
        "Exchange": ("reachable", "362 of 6,000 weight"),
    }


@pytest.mark.parametrize("view", VIEWS)
def test_an_archive_that_holds_nothing(archive: FakeArchive, view: str) -> None:
    empty(archive)
    page = opened(view)
    assert is_calm(page)
    expected = {
        "now": "Start a collection",
        "health": "Empty: nothing is stored",
        "coverage": "Start a collection on *Now*",
    }
    assert expected.get(view, "Start a collection on *Now*") in text_of(page)
    if view == "now":
        assert "No run yet." in text_of(page)


@pytest.mark.parametrize("view", VIEWS)
def test_an_api_that_is_down_is_said_with_the_command(archive: FakeArchive, view: str) -> None:
    archive.close()
    page = opened(view)
    assert is_calm(page)
    assert f"Nothing answers at {archive.url}." in text_of(page)
    assert "`make up`" in text_of(page)
    archive.open()
    assert not stale(page).error


@pytest.mark.parametrize("view", VIEWS)
def test_the_last_good_data_stays_and_is_marked_as_old(archive: FakeArchive, view: str) -> None:
    page = opened(view)
    before = len(page.dataframe), len(page.get("plotly_chart")), [tile.value for tile in page.metric]
    archive.close()
    stale(page)
    assert is_calm(page)
    assert "What you see is of **20" in text_of(page)
    assert "`make up`" in text_of(page)
    assert (len(page.dataframe), len(page.get("plotly_chart")), [tile.value for tile in page.metric]) == before
    archive.open()
    assert "What you see is of" not in text_of(stale(page))


def test_an_api_that_fails_in_mid_run_is_said_and_the_run_goes_on(archive: FakeArchive) -> None:
    run_active(archive)
    page = opened()
    archive.fail("/", 502, HTML)
    said = text_of(stale(page))
    assert is_calm(page)
    assert "The run goes on: it does not need this page." in said
    assert "1,116 candles" in said


def test_an_api_that_goes_in_mid_run_is_said_and_the_run_goes_on(archive: FakeArchive) -> None:
    run_active(archive)
    page = opened()
    archive.close()
    said = text_of(stale(page))
    assert is_calm(page)
    assert "The run goes on as soon as the archive is there again" in said
    assert "1,116 candles" in said


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    ("http_status", "body", "said"),
    [
        (
            500,
            {"error": {"code": "INTERNAL_ERROR", "message": "the call failed"}},
            "The API failed (500): the call failed",
        ),
        (502, HTML, "The API failed (502)"),
        (200, HTML, "did not answer as this page expects"),
        (200, {"other": "shape"}, "did not answer as this page expects"),
        (504, {"error": {"code": "TIMEOUT", "message": "no answer in time"}}, "no answer in time"),
        (429, {"error": {"code": "TOO_MANY_REQUESTS", "message": "slow down"}}, "asked more often than it allows"),
        (302, b"", "did not answer as this page expects: the answer has another shape than expected."),
    ],
)
def test_an_api_that_answers_nonsense_is_said(
    archive: FakeArchive, view: str, http_status: int, body: object, said: str
) -> None:
    archive.fail("/", http_status, body)
    page = opened(view)
    assert is_calm(page)
    assert said in text_of(page)
    assert "Traceback" not in text_of(page)


@pytest.mark.parametrize("path", ["/api/admin/collect", "/api/admin/coverage", "/api/v3"])
@pytest.mark.parametrize("view", VIEWS)
def test_a_part_of_the_api_that_fails_takes_its_part_of_the_page(archive: FakeArchive, view: str, path: str) -> None:
    archive.fail(path, 500, HTML)
    page = opened(view)
    assert is_calm(page)
    asked_for = {
        "now": {"/api/admin/collect", "/api/admin/coverage"},
        "coverage": {"/api/admin/coverage"},
        "candles": {"/api/admin/coverage", "/api/v3"},
    }
    assert ("The API failed (500)" in text_of(page)) == (path in asked_for.get(view, set()))
    if view == "now":
        assert "OK: all is well." in text_of(page)


@pytest.mark.parametrize("view", VIEWS)
def test_a_wrong_key_has_another_one_asked_for(archive: FakeArchive, view: str) -> None:
    archive.key = "cck_another"
    page = opened(view)
    assert is_calm(page)
    assert "The archive does not accept this key." in text_of(page)
    address, key = page.text_input
    address.set_value(archive.url)
    key.set_value("cck_another")
    page.button[0].click().run()
    assert is_calm(page)
    assert not page.error
    assert "key: typed" in text_of(page)


@pytest.mark.parametrize(
    ("address", "key", "said"),
    [
        ("http://archive.example/dev", "cck_x", "Write the address with https://"),
        ("ftp://archive.example", "cck_x", "The address is not valid."),
        ("https://", "cck_x", "The address is not valid."),
        ("https://archive.example/?api_key=1", "cck_x", "The address is not valid."),
        ("https://archive.example/dev", "two words", "The key is not valid."),
        ("https://archive.example/dev", "", "The key is not valid."),
    ],
)
def test_an_address_or_a_key_that_cannot_be_is_refused(archive: FakeArchive, address: str, key: str, said: str) -> None:
    archive.key = "cck_another"
    page = opened()
    page.text_input[0].set_value(address)
    page.text_input[1].set_value(key)
    page.button[0].click().run()
    assert said in text_of(page)


def test_a_key_that_lost_its_scope_still_shows_coverage_and_candles(archive: FakeArchive) -> None:
    page = opened()
    for path in ("/api/admin/collect", "/api/admin/system"):
        archive.refuse(path, 403, "FORBIDDEN_SCOPE", "the key is not for this route")
    said = text_of(stale(page))
    assert is_calm(page)
    assert "This key may only read candles and coverage" in said
    assert "needs an admin key" in said
    assert "Candles stored: 45,000" in said
    for view in ("coverage", "candles"):
        other = opened(view)
        assert is_calm(other)
        assert not other.error


def test_a_key_without_an_archive_and_an_archive_without_a_key(
    archive: FakeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CANDLES_API_KEY")
    assert "The archive does not accept this key." in text_of(opened()) or "There is no key" in text_of(opened())
    monkeypatch.delenv("CANDLES_URL")
    page = opened()
    assert is_calm(page)
    assert "Nothing runs on this machine." in text_of(page)
    assert archive.keys <= {None, "", KEY}


def test_a_run_that_is_active(archive: FakeArchive) -> None:
    run_active(archive)
    page = opened()
    said = text_of(page)
    assert "1,116 candles" in said
    assert "Start" in {button.label for button in page.button if button.disabled}
    (bar,) = page.get("progress")
    assert (bar.proto.value, bar.proto.text) == (50, "1 of 3 series done, 50% of the candles")
    rows = table(page, "retries")
    assert [row["symbol"] for row in rows] == ["BTCUSDT", "ETHUSDT", "ADAUSDT"]
    assert (rows[0]["status"], rows[0]["progress"], rows[0]["missing"], rows[0]["retries"]) == (
        "▸ running",
        50,
        372,
        3,
    )
    assert rows[0]["why"] == "the exchange had to be asked again 3 times"


def test_a_run_that_waits_for_the_exchange(archive: FakeArchive) -> None:
    run_active(archive)
    until = "2025-11-26T13:00:05Z"
    archive.status = running_status(waiting_for_exchange_until=until)
    blocked = replace(
        archive.system.exchange, blocked_until=until, blocked_reason="418: too many requests", reachable=False
    )
    archive.system = replace(archive.system, exchange=blocked)
    page = opened()
    assert "Waits for the exchange until 13:00:05 UTC" in text_of(page)
    assert "Exchange: blocked until 11-26 13:00" in text_of(page)
    assert table(page, "retries")[0]["why"] == "waits for the exchange"
    health = {row["part"]: row for row in table(opened("health"), "part")}
    assert health["exchange"]["state"] == "✗ look"
    assert "418: too many requests" in health["exchange"]["what is known"]


def test_a_run_that_ended_early_says_why(archive: FakeArchive) -> None:
    archive.status = ended_status(end_reason="the deadline of 5 hours has passed")
    said = text_of(opened())
    assert "Ended early: the deadline of 5 hours has passed." in said


def test_a_run_that_failed_in_part_is_listed_with_what_failed_first(archive: FakeArchive) -> None:
    assert archive.status.last_results is not None
    page = opened()
    rows = table(page, "retries")
    assert [(row["symbol"], row["status"]) for row in rows] == [
        ("BTCUSDT", "✗ failed"),
        ("ETHUSDT", "! partial"),
        ("ADAUSDT", "✓ complete"),
    ]
    assert rows[0]["why"] == "the exchange answered 503 [unavailable, HTTP 503, code -1008, 4 attempts]"
    assert "✗ 1 failed, ! 1 partial, ✓ 1 complete" in text_of(page)


@pytest.mark.parametrize(
    ("view", "address", "said"),
    [
        ("coverage", {"symbol": "NOSUCHUSDT"}, "Nothing is stored of NOSUCHUSDT."),
        ("candles", {"symbol": "NOSUCHUSDT"}, "Nothing is stored of NOSUCHUSDT."),
        ("coverage", {"symbol": "<script>alert(1)</script>"}, "Nothing is stored of scriptalert1/sc."),
        (
            "coverage",
            {"symbol": "BTCUSDT", "day": "2031-01-01"},
            "2031-01-01 is outside of what is expected of BTCUSDT",
        ),
        (
            "coverage",
            {"symbol": "BTCUSDT", "day": "2017-01-01"},
            "2017-01-01 is outside of what is expected of BTCUSDT",
        ),
        ("coverage", {"day": "31.1.2025"}, "The day in the address is not valid."),
        ("candles", {"until": "2031-01-01"}, "2031-01-01 is outside of what is stored of BTCUSDT"),
        ("candles", {"until": "yesterday"}, "The day in the address is not valid."),
        ("candles", {"interval": "3m"}, "There is no such interval."),
        ("candles", {"interval": "2s"}, "There is no such interval."),
    ],
)
def test_what_an_address_says_wrongly_is_said_and_the_page_is_shown(
    archive: FakeArchive, view: str, address: dict[str, str], said: str
) -> None:
    page = opened(view, **address)
    assert is_calm(page)
    assert said in "\n".join(warning.value for warning in page.warning).replace("\\", "")
    assert page.get("plotly_chart")
    assert archive.calls


@pytest.mark.parametrize("state", ["ok", "empty", "running", "waiting", "needs_you"])
def test_every_state_of_the_sentence_is_shown(archive: FakeArchive, state: str) -> None:
    archive.system = system(state, f"Of the state {state}.")
    page = opened("health")
    assert is_calm(page)
    assert f"Of the state {state}." in text_of(page)
