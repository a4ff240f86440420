"""The page in a real Chromium, before a real archive: RUNTIME says which home, the standalone server if it is not set.

The tests go on from each other, as an owner does. SCREENSHOTS names a folder for pictures of what was seen.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.dashboard.served import CHROMIUM, Heard, Home, handshake, home, served

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM HERE: the page was not opened in a browser")

WIDE: ViewportSize = {"width": 1360, "height": 1240}
SEEN_AT = 40
"""Percent of a run, at least, at which it is looked at."""
SECONDS = 1000
"""Of playwright's milliseconds."""


@dataclass(frozen=True)
class Visit:
    """A browser at the page of an archive."""

    home: Home
    url: str
    browser: Browser
    page: Page
    heard: Heard

    def show(self, name: str) -> None:
        """Keep a picture, where a folder for pictures is named."""
        if folder := os.environ.get("SCREENSHOTS"):
            self.page.mouse.move(0, 0)
            self.page.wait_for_timeout(1500)
            self.page.screenshot(path=Path(folder, f"{name}.png"))

    def go(self, name: str) -> None:
        """Open a page by the line at the top."""
        self.page.get_by_role("link", name=name).click()
        self.settle()

    def settle(self) -> None:
        """Wait until the page has been run and drawn."""
        self.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        expect(self.page.locator("[data-testid=stSkeleton]")).to_have_count(0, timeout=20 * SECONDS)


def failing(symbol: str, *, after: int, times: int) -> dict[str, object]:
    """Return a rule for the exchange to answer 503 so many times, after some good answers for a symbol."""
    match = {"path": "klines", "symbol": symbol}
    return {"kind": "status", "status": 503, "match": match, "after": after, "times": times}


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """Open the page of an empty archive."""
    runtime = os.environ.get("RUNTIME") or "standalone"
    with (
        home(tmp_path_factory.mktemp("archive"), runtime) as serving,
        served(serving) as url,
        sync_playwright() as play,
    ):
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=WIDE)
        page.set_default_timeout(60 * SECONDS)
        expect.set_options(timeout=60 * SECONDS)  # the emulator takes its time
        heard = Heard()
        heard.listen(page)
        page.goto(url)
        yield Visit(serving, url, browser, page, heard)
        browser.close()


def test_an_empty_archive_says_so_and_what_to_do(visit: Visit) -> None:
    visit.settle()
    expect(visit.page.get_by_text("nothing is stored, and nothing was collected yet")).to_be_visible()
    expect(visit.page.get_by_role("button", name="Start", exact=True)).to_be_disabled()
    assert visit.page.title() == "Candle archive"
    visit.show("empty")


def test_a_collection_is_previewed_started_and_seen_to_its_end(visit: Visit) -> None:
    page = visit.page
    visit.home.set_exchange(
        latency_ms=400, faults=[failing("ETHUSDT", after=6, times=4), failing("XRPUSDT", after=3, times=2)]
    )
    page.get_by_role("textbox", name="Cryptos").fill("20")
    page.get_by_role("textbox", name="Cryptos").press("Enter")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Candles missing")).to_be_visible()
    visit.show("preview")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("button", name="Cancel the run")).to_be_visible()
    bar = page.get_by_text(re.compile(r"\d+ of 20 series done, \d+% of the candles"))
    shares = set[int]()
    until = time.monotonic() + 240
    while (len(shares) < 3 or max(shares) < SEEN_AT) and time.monotonic() < until:
        found = re.search(r"(\d+)% of the candles", bar.text_content() or "")
        shares.add(int(found[1]) if found else 0)
        page.wait_for_timeout(300)
    assert len(shares) >= 3
    assert max(shares) >= SEEN_AT
    visit.show("running")
    visit.home.set_exchange(latency_ms=0)
    expect(page.get_by_role("heading", name="Last run")).to_be_visible(timeout=300 * SECONDS)
    visit.settle()
    expect(page.get_by_text(re.compile("Needs you: .* candles are missing"))).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Retry 1 crypto"))).to_be_visible()
    visit.show("ended")


def test_the_calendar_opens_a_day_with_attempts_and_the_last_error(visit: Visit) -> None:
    page = visit.page
    visit.go("Coverage")
    expect(page.get_by_role("heading", name="ETHUSDT")).to_be_visible()
    calendar = page.locator(".st-key-year-calendar")
    calendar.locator(".heatmaplayer image").wait_for()
    before = page.url
    points = calendar.locator(".scatterlayer .point")
    assert points.count() >= 300
    box = points.nth(40).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url(lambda url: "day=" in url and url != before)
    visit.settle()
    expect(page.get_by_text(re.compile(r"^\w+day, \d\d \w+ 20\d\d: "))).to_be_visible()
    expect(page.get_by_text("the exchange answered 503")).to_have_count(0)  # the day that was clicked lacks nothing
    crosses = calendar.locator(".scatterlayer .trace").last.locator(".point")
    box = crosses.nth(3).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.get_by_text(re.compile(r"20\d\d: .*\d+ missing$"))).to_be_visible()
    visit.settle()
    visit.show("coverage")
    page.get_by_role("button", name="Fill this").click()
    expect(page.get_by_role("textbox", name="Cryptos")).to_have_value("ETHUSDT")


def test_all_cryptos_by_month(visit: Visit) -> None:
    visit.go("Coverage")
    visit.page.get_by_role("radio", name="All by month").or_(visit.page.get_by_text("All by month")).first.click()
    visit.settle()
    visit.page.locator(".st-key-months-matrix .heatmaplayer image").wait_for()
    expect(visit.page.get_by_text("20 series, the least covered first")).to_be_visible()
    visit.show("months")


def test_the_chart_of_hours_and_of_days(visit: Visit) -> None:
    page = visit.page
    visit.go("Candles")
    for interval in ("1h", "1d"):
        page.get_by_role("radio", name=interval).or_(
            page.get_by_role("button", name=interval, exact=True)
        ).first.click()
        expect(page.get_by_text(re.compile(rf"\d+ candles of \w+, {interval}, "))).to_be_visible()
        visit.settle()
        page.locator(".boxlayer .box, .boxlayer path").first.wait_for(state="attached")
        visit.show(f"candles-{interval}")
    page.goto(f"{visit.url}/candles?symbol=ETHUSDT&interval=1d&until=2025-12-31")
    expect(page.get_by_text(re.compile("missing: 2025-.* candles"))).to_be_visible()
    visit.settle()
    visit.show("candles")


def test_health(visit: Visit) -> None:
    visit.go("Health")
    expect(visit.page.get_by_text("How it is set up")).to_be_visible()
    visit.show("health")


def test_on_a_phone_the_month_is_shown_alone(visit: Visit) -> None:
    page = visit.browser.new_page(viewport={"width": 390, "height": 1700})
    visit.heard.listen(page)
    page.goto(f"{visit.url}/coverage")
    expect(page.get_by_text("by the hour (UTC)")).to_be_visible(timeout=30 * SECONDS)
    expect(page.locator(".st-key-year-calendar")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    if folder := os.environ.get("SCREENSHOTS"):
        expect(page.locator("[data-testid=stSkeleton]")).to_have_count(0, timeout=20 * SECONDS)
        page.wait_for_timeout(2000)
        page.screenshot(path=Path(folder, "phone.png"))
    page.close()


def test_what_failed_is_retried(visit: Visit) -> None:
    page = visit.page
    visit.go("Now")
    visit.home.set_exchange(latency_ms=0, faults=[])
    page.get_by_role("button", name=re.compile("Retry 1 crypto")).click()
    page.get_by_role("button", name="Yes, retry").click()
    expect(page.get_by_text("a retry of ")).to_be_visible()
    expect(page.get_by_text(re.compile("OK: 20 cryptos stored"))).to_be_visible()


def test_an_api_that_goes_in_mid_run_is_said_and_comes_back_by_itself(visit: Visit) -> None:
    page = visit.page
    visit.home.set_exchange(latency_ms=2000, faults=[])
    visit.home.start({"mode": "backward", "symbols": ["BTCUSDT"], "start_date": "2019-01-01", "end_date": "2024-12-31"})
    # a run that was started elsewhere is seen by itself
    expect(page.get_by_role("button", name="Cancel the run")).to_be_visible()
    visit.home.candles("down")
    expect(page.get_by_text("The run goes on as soon as the archive is there again").first).to_be_visible()
    expect(page.get_by_text("make up").first).to_be_visible()
    visit.show("api-lost")
    visit.home.candles("up", "--exchange", "simulated")
    expect(page.get_by_text("The run goes on as soon as the archive is there again")).to_have_count(
        0, timeout=180 * SECONDS
    )


def test_no_request_leaves_the_machine_and_the_key_is_nowhere(visit: Visit) -> None:
    key = str(visit.home.reported["api_key"])
    assert len(visit.heard.frames) > 100
    assert visit.heard.bodies
    assert not visit.heard.holds(key)
    assert not visit.heard.holds(key.split("_")[2])
    assert visit.heard.hosts() == {"127.0.0.1"}
    assert visit.heard.errors == []


@pytest.mark.parametrize(
    ("host", "origin", "answered"),
    [
        ("{own}", "http://{own}", 101),
        ("evil.example", "http://evil.example", 403),
        ("evil.example:{port}", "http://evil.example:{port}", 403),
        ("{own}", "http://evil.example", 403),
    ],
)
def test_a_foreign_name_for_this_machine_is_refused(visit: Visit, host: str, origin: str, answered: int) -> None:
    own = urlsplit(visit.url)
    names = {"own": own.netloc, "port": own.port}
    assert handshake(visit.url, host.format(**names), origin.format(**names)) == answered


def test_nobody_else_on_the_network_reaches_it(visit: Visit) -> None:
    port = urlsplit(visit.url).port or 0
    others = {str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}
    for address in others - {"127.0.0.1", "127.0.1.1"}:
        with socket.socket() as caller:
            assert caller.connect_ex((address, port)) != 0
