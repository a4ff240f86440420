"""What a person can do: preview, start, cancel, retry, look at a run, look at a day, fill it, and look at candles."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from candle_collector.answers import CollectionInfo
from candle_collector.domain.aggregate import INTERVALS
from candle_collector.domain.interval import Interval
from streamlit.testing.v1 import AppTest

from dashboard.charts.palette import COLOURS, MARKS
from dashboard.slots import Kind
from tests.dashboard.fake_archive import WHY, FakeArchive, by_month, run_line, running_status, system
from tests.dashboard.page import charts, is_calm, opened, table, text_of
from tests.unit.api_answers import RUN

CANCEL, RETRY = (f"/api/admin/collect/runs/{RUN}/{verb}" for verb in ("cancel", "retry"))
TRIGGER = "/api/admin/collect/trigger"


def press(page: AppTest, key: str) -> AppTest:
    """Press a button, and check that the page shows no traceback."""
    page.button(key=key).click().run()
    assert is_calm(page)
    return page


def running(archive: FakeArchive) -> None:
    """Let a run be active."""
    line = run_line(state="active", ended_at=None, complete=None, partial=None, failed=None, skipped=None)
    archive.system = replace(system("running", "Running."), collection=CollectionInfo("running", line, None, None))
    archive.status = running_status()


def test_what_was_previewed_is_what_is_started(archive: FakeArchive) -> None:
    page = opened()
    assert page.button(key="start").disabled
    page.text_input(key="start-symbols").set_value("btcusdt, ETH/USDT").run()
    page.date_input(key="start-from").set_value(date(2025, 2, 1)).run()
    page.date_input(key="start-to").set_value(date(2025, 2, 3)).run()
    press(page, "preview")
    tiles = {tile.label: tile.value for tile in page.metric}
    assert (tiles["Candles missing"], tiles["Requests"], tiles["Takes about"]) == ("1,488", "2", "12 s")
    assert tiles["Costs about"] == "nothing"
    body = {
        "mode": "backward",
        "start_date": "2025-02-01",
        "end_date": "2025-02-03",
        "symbols": ["btcusdt", "ETH/USDT"],
    }
    assert archive.bodies == [body | {"dry_run": True}]
    assert not page.button(key="start").disabled
    press(page, "start")
    assert archive.bodies[1:] == [body]
    assert page.button(key="start").disabled


def test_what_is_changed_after_the_preview_is_to_be_previewed_again(archive: FakeArchive) -> None:
    page = press(opened(), "preview")
    page.text_input(key="start-symbols").set_value("7").run()
    assert page.button(key="start").disabled
    press(page, "preview")
    assert archive.bodies[-1]["top_n"] == 7
    assert not page.button(key="start").disabled


@pytest.mark.parametrize("mode", ["forward", "gap_fill"])
def test_what_goes_on_from_the_newest_candle_takes_no_days(archive: FakeArchive, mode: str) -> None:
    page = opened()
    page.selectbox(key="start-mode").set_value(mode).run()
    assert page.date_input(key="start-from").disabled
    press(page, "preview")
    assert archive.bodies == [{"mode": mode, "dry_run": True}]


def test_a_stack_that_is_paid_for_shows_what_a_run_costs(archive: FakeArchive) -> None:
    archive.system = replace(system(), stage="prod")
    tiles = {tile.label: tile.value for tile in press(opened(), "preview").metric}
    assert tiles["Costs about"] == "$0.0021"


def test_days_in_the_wrong_order_are_said_at_once(archive: FakeArchive) -> None:
    page = opened()
    page.date_input(key="start-from").set_value(date(2025, 2, 1)).run()
    page.date_input(key="start-to").set_value(date(2025, 1, 1)).run()
    assert "To is before From." in text_of(page)
    assert archive.bodies == []


@pytest.mark.parametrize(
    ("http_status", "code", "message", "remedy"),
    [
        (400, "INVALID_REQUEST", "symbols: number 1 is not a symbol; one is written like BTCUSDT", "Correct it"),
        (503, "EXCHANGE_UNAVAILABLE", "the exchange does not answer", "Try again when the exchange answers."),
        (409, "COLLECTION_IN_PROGRESS", "a run is active", "Wait until that run has ended"),
        (403, "FORBIDDEN_SCOPE", "no", "Give an admin key"),
        (500, "INTERNAL_ERROR", "the call failed", "`make logs` says why"),
    ],
)
def test_a_preview_or_a_start_that_is_refused_says_why_and_what_to_do(
    archive: FakeArchive, http_status: int, code: str, message: str, remedy: str
) -> None:
    page = press(opened(), "preview")
    archive.refuse(TRIGGER, http_status, code, message)
    for button in ("start", "preview"):
        said = text_of(press(page, button))
        assert remedy in said
        assert code == "FORBIDDEN_SCOPE" or message[1:] in said


def test_a_run_is_cancelled_when_that_is_confirmed(archive: FakeArchive) -> None:
    running(archive)
    page = press(opened(), "cancel-button")
    assert "End this run?" in text_of(page)
    press(page, "cancel-no")
    assert archive.calls[CANCEL] == 0
    press(page, "cancel-button")
    press(page, "cancel-yes")
    assert archive.calls[CANCEL] == 1
    assert not page.error


def test_what_failed_is_retried_when_that_is_confirmed(archive: FakeArchive) -> None:
    page = opened()
    assert page.button(key="retry-button").label == "Retry 2 cryptos"
    press(page, "retry-button")
    assert archive.calls[RETRY] == 0
    press(page, "retry-yes")
    assert archive.calls[RETRY] == 1


def test_a_retry_that_is_refused_says_why(archive: FakeArchive) -> None:
    page = press(opened(), "retry-button")
    archive.refuse(RETRY, 409, "NOTHING_TO_RETRY", "the run left nothing behind", run_id=RUN)
    assert "The run left nothing behind." in text_of(press(page, "retry-yes"))


def test_a_run_of_the_history_shows_what_is_missing_and_why(archive: FakeArchive) -> None:
    archive.runs = [run_line(), run_line("01KAS3ZJ5VABCDEFGHJKMNPQRT", failed=1, partial=1, end_reason="cancelled")]
    page = opened()
    assert [row["outcome"] for row in table(page, "took")] == ["✓ complete", "✗ 1 failed, 1 partial (cancelled)"]
    page.selectbox(key="run_shown").set_value("01KAS3ZJ5VABCDEFGHJKMNPQRT").run()
    assert is_calm(page)
    said = text_of(page)
    assert "**BTCUSDT** ✗ failed: the exchange answered 503" in said
    assert "2025-11-18 00:00 to 2025-11-19 23:00 (48 candles)" in said
    assert archive.calls["/api/admin/collect/status"] == 2


def test_coverage_begins_with_the_least_covered(archive: FakeArchive) -> None:
    page = opened("coverage")
    assert page.query_params["symbol"] in ("BTCUSDT", ["BTCUSDT"])
    assert [row["symbol"] for row in table(page, "covered")] == ["BTCUSDT", "ADAUSDT", "ETHUSDT"]
    assert "99.67% covered" in text_of(page)
    assert "**48 missing**" in text_of(page)
    assert archive.calls["/api/admin/coverage/BTCUSDT"] == 1


def kinds_of(chart: dict[str, Any]) -> dict[Kind, list[Any]]:
    """Return what each kind of mark of a chart stands for."""
    symbols = {symbol: kind for kind, symbol in MARKS.items()}
    traces = [trace for trace in chart["data"] if trace["type"] == "scatter"]
    return {
        symbols.get(trace["marker"]["symbol"], Kind.STORED): trace["customdata"]
        for trace in traces
        if trace["marker"].get("opacity", 1)
    }


def test_the_calendar_marks_each_day_by_its_worst_hour(archive: FakeArchive) -> None:
    page = opened("coverage", symbol="BTCUSDT", day="2025-11-18")
    year, month = charts(page)
    assert kinds_of(year) == {Kind.REJECTED: ["2025-10-02"], Kind.MISSING: ["2025-11-18", "2025-11-19"]}
    assert {kind: Counter(days) for kind, days in kinds_of(month).items()} == {
        Kind.MISSING: Counter({"2025-11-18": 24, "2025-11-19": 24})
    }
    colours = {colour for _, colour in year["data"][0]["colorscale"]}
    assert colours == set(COLOURS.values())
    # every day of the year can be clicked
    assert sum(len(trace["customdata"]) for trace in year["data"][1:]) == 365
    page = opened("coverage", symbol="BTCUSDT", day="2024-07-10")
    assert kinds_of(charts(page)[0]) == {Kind.NEVER_PRINTED: ["2024-07-10"]}
    assert archive.calls["/api/admin/coverage/BTCUSDT"] == 2


def test_a_day_shows_its_hours_with_attempts_and_the_last_error(archive: FakeArchive) -> None:
    page = opened("coverage", symbol="BTCUSDT", day="2025-11-18")
    assert table(page, "attempts") == [
        {"time (UTC)": "00:00 to 23:59", "is": "missing", "attempts": 8, "last error": WHY}
    ]
    assert "**Tuesday, 18 November 2025**: 24 missing" in text_of(page)
    page = opened("coverage", symbol="BTCUSDT", day="2025-10-02")
    (row,) = table(page, "attempts")
    assert (row["time (UTC)"], row["is"], row["last error"]) == (
        "03:00",
        "wrong at the exchange",
        "the high is under the low",
    )
    page = opened("coverage", symbol="BTCUSDT", day="2024-07-10")
    assert [row["is"] for row in table(page, "attempts")] == ["never printed"]
    assert archive.bodies == []


def test_the_first_day_that_is_shown_is_one_that_lacks_something(archive: FakeArchive) -> None:
    assert "**Tuesday, 18 November 2025**" in text_of(opened("coverage"))
    assert "nothing missing" in text_of(opened("coverage", symbol="ADAUSDT"))
    assert archive.series


def test_another_day_and_another_year_can_be_typed(archive: FakeArchive) -> None:
    page = opened("coverage", symbol="BTCUSDT")
    page.date_input(key="day-input").set_value(date(2025, 10, 2)).run()
    assert "**Thursday, 02 October 2025**" in text_of(page)
    year = next(box for box in page.selectbox if box.label == "Year")
    assert year.options == ["2025", "2024"]
    year.set_value(2024).run()
    assert is_calm(page)
    assert "2024" in text_of(page)
    assert archive.calls["/api/admin/coverage/BTCUSDT"] == 2


def test_a_gap_is_filled_by_the_form_filled_in_for_it(archive: FakeArchive) -> None:
    page = opened("coverage", symbol="BTCUSDT", day="2025-11-18")
    assert page.button(key="fill-this").label == "Fill this gap (2025-11-18 to 2025-11-19)"
    press(page, "fill-this")
    page.switch_page("views/now.py").run()
    assert page.text_input(key="start-symbols").value == "BTCUSDT"
    press(page, "preview")
    assert archive.bodies == [
        {
            "mode": "backward",
            "start_date": "2025-11-18",
            "end_date": "2025-11-19",
            "symbols": ["BTCUSDT"],
            "dry_run": True,
        }
    ]


def test_the_matrix_has_a_row_for_each_crypto_and_marks_what_it_lacks(archive: FakeArchive) -> None:
    page = opened("coverage")
    page.session_state["coverage-view"] = "All by month"
    page.run()
    assert is_calm(page)
    (matrix,) = charts(page)
    assert matrix["layout"]["yaxis"]["ticktext"] == ["BTCUSDT", "ADAUSDT", "ETHUSDT"]
    assert kinds_of(matrix) == {
        Kind.NEVER_PRINTED: [["BTCUSDT", "2024-07"]],
        Kind.REJECTED: [["BTCUSDT", "2025-10"]],
        Kind.MISSING: [["BTCUSDT", "2025-11"]],
    }
    assert "Missing, or wrong at the exchange: BTCUSDT 49." in text_of(page)
    assert archive.calls["/api/admin/coverage/months"] == 1


@pytest.mark.parametrize(("interval", "most"), [("1h", 200), ("4h", 200), ("1d", 200)])
def test_candles_of_each_interval_with_their_gaps_shaded_and_named(
    archive: FakeArchive, interval: str, most: int
) -> None:
    page = opened("candles", symbol="BTCUSDT", interval=interval)
    assert is_calm(page)
    (chart,) = charts(page)
    candles, volume = chart["data"]
    assert (candles["type"], volume["type"]) == ("candlestick", "bar")
    assert 100 < len(candles["x"]) == len(volume["x"]) <= most
    shades = {shape["fillcolor"] for shape in chart["layout"]["shapes"]}
    assert COLOURS[Kind.MISSING] in shades
    if interval == "1h":
        assert [note["text"] for note in chart["layout"]["annotations"]] == ["missing"]
    assert "missing: 2025-11-18 " in text_of(page)
    assert f"candles of BTCUSDT, {interval}" in text_of(page)
    assert archive.calls["/api/v3/klines"] == 1


def test_every_interval_that_can_be_made_of_what_is_stored_has_a_chart(archive: FakeArchive) -> None:
    archive.series = [by_month("ADAUSDT", Interval.MINUTE)]
    for interval in INTERVALS:
        (chart,) = charts(opened("candles", symbol="ADAUSDT", interval=interval))
        assert len(chart["data"][0]["x"]) > 5
        assert archive.queries["/api/v3/klines"][-1]["interval"] == interval
    assert archive.calls["/api/v3/klines"] == len(INTERVALS)


def test_an_interval_that_cannot_be_made_of_what_is_stored_is_not_offered(archive: FakeArchive) -> None:
    page = opened("candles", symbol="ADAUSDT", interval="15m")
    assert "There is no such interval." in text_of(page)
    assert archive.queries["/api/v3/klines"][-1]["interval"] == "1h"


def test_a_chart_reads_the_longest_series_that_makes_its_interval(archive: FakeArchive) -> None:
    archive.series = [by_month("BTCUSDT", interval) for interval in (Interval.MINUTE, Interval.HOUR)]
    for interval, base in (("15m", "1m"), ("4h", "1h")):
        page = opened("candles", symbol="BTCUSDT", interval=interval, until="2025-11-19")
        assert is_calm(page)
        assert archive.queries["/api/admin/coverage/BTCUSDT"][-1]["interval"] == base
        assert f"candles of {base})" in text_of(page)


def test_of_several_stored_intervals_one_is_chosen(archive: FakeArchive) -> None:
    assert "Interval" not in {box.label for box in opened("coverage").selectbox}
    archive.series += [by_month("BTCUSDT", Interval.MINUTES_15)]
    page = opened("coverage", symbol="BTCUSDT", day="2025-11-18")
    (choice,) = [box for box in page.selectbox if box.label == "Interval"]
    assert (choice.options, choice.value) == (["15m", "1h"], "1h")
    assert "24 missing" in text_of(page)
    choice.set_value("15m").run()
    assert is_calm(page)
    assert "**Tuesday, 18 November 2025**: 96 missing" in text_of(page)
    assert table(page, "attempts") == [
        {"time (UTC)": "00:00 to 23:59", "is": "missing", "attempts": 8, "last error": WHY}
    ]
    # the squares of a month are hours, whatever the interval
    assert kinds_of(charts(page)[1])[Kind.MISSING].count("2025-11-18") == 24
    assert [row["symbol"] for row in table(page, "covered")] == ["BTCUSDT"]
    page.session_state["coverage-view"] = "All by month"
    page.run()
    (matrix,) = charts(page)
    assert matrix["layout"]["yaxis"]["ticktext"] == ["BTCUSDT"]
    assert "BTCUSDT 196." in text_of(page)


def test_a_gap_of_another_interval_is_filled_in_that_interval(archive: FakeArchive) -> None:
    archive.series += [by_month("BTCUSDT", Interval.MINUTES_15)]
    page = opened("coverage", symbol="BTCUSDT", interval="15m", day="2025-11-18")
    press(page, "fill-this")
    page.switch_page("views/now.py").run()
    press(page, "preview")
    assert archive.bodies[-1]["intervals"] == ["15m"]


def test_a_run_of_several_intervals_names_them(archive: FakeArchive) -> None:
    assert archive.status.last_results is not None
    details = [*archive.status.last_results.details]
    details[0] = replace(details[0], interval="1m")
    archive.status = replace(archive.status, last_results=replace(archive.status.last_results, details=details))
    rows = table(opened(), "retries")
    assert [row["interval"] for row in rows] == ["1h", "1h", "1m"]


def test_a_crypto_that_lacks_nothing_has_no_shade(archive: FakeArchive) -> None:
    (chart,) = charts(opened("candles", symbol="ADAUSDT"))
    assert "shapes" not in chart["layout"]
    assert len(chart["data"][0]["x"]) == 200
    assert archive.keys


def test_the_chosen_crypto_stays_from_page_to_page(archive: FakeArchive) -> None:
    page = opened("coverage", symbol="ETHUSDT")
    page.switch_page("views/candles.py").run()
    assert "candles of ETHUSDT" in text_of(page)
    assert archive.calls


def test_the_end_of_a_run_has_all_asked_for_again(archive: FakeArchive) -> None:
    running(archive)
    page = opened()
    calls = archive.calls.copy()
    archive.system, archive.status = system(), replace(archive.status, is_running=False)
    whose, kept = page.session_state["loaded"]
    page.session_state["loaded"] = (whose, {name: replace(item, asked_at=float("-inf")) for name, item in kept.items()})
    page.run()
    assert is_calm(page)
    assert "Last run" in text_of(page)
    for path in ("/api/admin/system/info", "/api/admin/coverage/months", "/api/admin/collect/runs"):
        assert archive.calls[path] > calls[path]
