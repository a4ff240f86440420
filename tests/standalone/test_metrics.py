"""The metrics page: parsed as Prometheus parses it, with the sums of what was reported, and for whom it is."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from candle_collector.domain.health import Health, State, cannot_store
from candle_collector.domain.run import Outcome, RunSeriesRecord
from candle_collector.ports import ArchiveFigures
from prometheus_client.parser import text_string_to_metric_families

from standalone.gateway import ApiFunctions, Gateway
from standalone.metrics import FRESH_SECONDS, PrometheusMetrics
from standalone.request import Request
from tests.exchange import ROOT
from tests.hourly import hourly

OUTAGE = "the database postgresql://me:***@host/x does not answer: gone; look whether its server runs"


FIGURES = ArchiveFigures(lag_hours=3, overdue_seconds=0.0, blocked_seconds=12.5)


class Stand:
    """What the metrics ask for."""

    def __init__(self) -> None:
        self.health: Health | None = None
        self.seconds = 100.0
        self.metrics = PrometheusMetrics(
            version="1.2.3", stage="local", health=lambda: self.health, monotonic=lambda: self.seconds
        )

    def samples(self) -> dict[tuple[str, str], float]:
        """Return every value by its name and its label's value."""
        return {
            (sample.name, "".join(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(self.metrics.text())
            for sample in family.samples
        }

    def __getitem__(self, name: str) -> float:
        name, _, label = name.partition(" ")
        return self.samples()[f"candle_collector_{name}", label]


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_every_name_has_a_help_text_and_the_fields_form(stand: Stand) -> None:
    stand.health = Health("ok", "OK.")
    stand.metrics.archive_stands(FIGURES)
    families = {family.name: family for family in text_string_to_metric_families(stand.metrics.text())}
    own = {name.removeprefix("candle_collector_") for name in families if name.startswith("candle_collector_")}
    assert own == {
        *("build_info", "health", "database_failing", "newest_candle_lag_hours", "open_run_overdue_seconds"),
        *("exchange_blocked_seconds", "candles_stored", "exchange_requests", "symbols_ended", "keys_refused"),
        *("scheduled_starts_failed", "last_run_degraded_percent", "last_run_missing_candles", "worker_processes_ended"),
    }
    assert all(family.documentation and family.type in {"gauge", "counter"} for family in families.values())
    assert {name for name in families if not name.startswith("candle_collector_")} >= {"process_resident_memory_bytes"}
    assert not [name for name in families if name.endswith("_created")]


def test_symbols_are_summed_by_outcome(stand: Stand) -> None:
    for outcome, records, requests in (
        (Outcome.COMPLETE, 48, 2),
        (Outcome.COMPLETE, 52, 3),
        (Outcome.PARTIAL, 5, 4),
        (Outcome.FAILED, 0, 9),
    ):
        stand.metrics.symbol_ended(
            RunSeriesRecord("run", hourly("BTCUSDT"), outcome=outcome, records=records, requests=requests)
        )
    assert (stand["candles_stored_total"], stand["exchange_requests_total"]) == (105, 18)
    ended = {name: stand[f"symbols_ended_total {name}"] for name in ("complete", "partial", "failed", "skipped")}
    assert ended == {"complete": 2, "partial": 1, "failed": 1, "skipped": 0}


def test_nothing_is_known_of_the_last_run_before_one_has_ended(stand: Stand) -> None:
    assert math.isnan(stand["last_run_missing_candles"])
    assert math.isnan(stand["last_run_degraded_percent"])
    stand.metrics.run_ended("run", {"complete": 3, "partial": 1, "failed": 0, "skipped": 0, "records": 10}, 7)
    assert (stand["last_run_missing_candles"], stand["last_run_degraded_percent"]) == (7, 25)


def test_figures_of_the_archive_are_not_given_out_when_they_are_old(stand: Stand) -> None:
    name = ("candle_collector_newest_candle_lag_hours", "")
    assert name not in stand.samples()
    stand.metrics.archive_stands(FIGURES)
    stand.seconds += FRESH_SECONDS
    assert stand.samples()[name] == 3
    assert (stand["exchange_blocked_seconds"], stand["open_run_overdue_seconds"]) == (12.5, 0)
    stand.seconds += 1
    assert name not in stand.samples()


@pytest.mark.parametrize("state", ["empty", "running", "waiting", "ok", "needs_you"])
def test_the_health_is_one_of_its_states(stand: Stand, state: State) -> None:
    stand.health = Health(state, "A sentence.")
    shown = {name: stand[f"health {name}"] for name in ("empty", "running", "waiting", "ok", "needs_you")}
    assert [name for name, value in shown.items() if value] == [state]
    assert stand["database_failing"] == 0


def test_a_database_that_fails_is_a_figure(stand: Stand) -> None:
    stand.health = cannot_store(OUTAGE)
    assert (stand["database_failing"], stand["health needs_you"]) == (1, 1)


def test_refusals_and_failed_starts_are_counted(stand: Stand) -> None:
    stand.metrics.key_refused()
    stand.metrics.key_refused()
    stand.metrics.start_failed("forward")
    assert stand["keys_refused_total"] == 2
    assert (stand["scheduled_starts_failed_total forward"], stand["scheduled_starts_failed_total gap_fill"]) == (1, 0)


def test_no_health_is_given_before_the_first_look(stand: Stand) -> None:
    assert ("candle_collector_health", "ok") not in stand.samples()


# who may read it


class Door:
    """A gateway whose authorizer knows one key, or has no database."""

    def __init__(self) -> None:
        self.outage: str | None = None
        self.events: list[dict[str, Any]] = []
        refuse = self._refuse
        functions = ApiFunctions(authorizer=self._authorize, trigger=refuse, status=refuse, candles=refuse)
        self.gateway = Gateway(functions, "", metrics=lambda: "text 1\n", outage=lambda: self.outage)

    def get(self, key: str = "", path: str = "/metrics", header: str = "X-API-Key") -> Any:
        headers = [(header, key)] if key else []
        return self.gateway.answer(Request("GET", path, headers=headers))

    def _authorize(self, event: dict[str, Any], _context: object) -> dict[str, Any]:
        self.events.append(event)
        if self.outage:
            raise OSError(self.outage)
        keys = event["headers"] or {}
        if not keys.keys() - {"Host"}:
            raise Exception("Unauthorized")  # noqa: TRY002 - as the authorizer does
        effect = "Allow" if {"good", "Bearer good"} & set(keys.values()) else "Deny"
        said = {"code": "INVALID_API_KEY", "message": "no"}
        return {"policyDocument": {"Statement": [{"Effect": effect}]}, "context": said, "principalId": "k"}

    def _refuse(self, *_: object) -> Any:
        pytest.fail("no function has metrics")


@pytest.fixture
def door() -> Door:
    return Door()


def test_the_page_takes_a_key_of_the_scope_read(door: Door) -> None:
    answer = door.get("good")
    assert (answer.status, answer.body) == (200, "text 1\n")
    assert answer.headers["Content-Type"][0].startswith("text/plain")
    assert door.events[0]["resource"] == "/metrics"
    assert door.get("Bearer good", header="Authorization").status == 200
    assert (door.get().status, door.get("wrong").status) == (401, 403)
    assert door.gateway.answer(Request("POST", "/metrics")).status == 404


def test_without_its_database_the_page_is_for_whoever_had_a_good_key(door: Door) -> None:
    door.get("good")
    door.outage = OUTAGE
    before = len(door.events)
    assert door.get("good").status == 200
    assert len(door.events) == before  # the scrape does not wait for a database that is gone
    assert door.get("wrong").status == 500
    assert door.get("Bearer good", header="Authorization").status == 500
    assert door.get().status == 500


def test_a_key_that_was_refused_since_is_forgotten(door: Door) -> None:
    door.get("good")
    door.gateway._functions = ApiFunctions(
        authorizer=lambda *_: {
            "policyDocument": {"Statement": [{"Effect": "Deny"}]},
            "context": {"code": "INVALID_API_KEY", "message": "revoked"},
        },
        trigger=door._refuse,
        status=door._refuse,
        candles=door._refuse,
    )
    assert door.get("good").status == 403
    door.outage = OUTAGE
    door.gateway._functions = ApiFunctions(door._authorize, door._refuse, door._refuse, door._refuse)
    assert door.get("good").status == 500


def test_why_no_key_can_be_checked_is_said_to_whoever_had_a_good_one_alone(door: Door) -> None:
    door.get("good")
    door.outage = OUTAGE
    known = door.get("good", path="/api/v3/ping")
    assert known.status == 500
    assert '"DATABASE_UNAVAILABLE"' in known.body
    assert "Needs you: nothing can be stored: the database" in known.body
    assert "Look whether its server runs." in known.body
    stranger = door.get("other", path="/api/v3/ping")
    assert (stranger.status, "postgresql" in stranger.body) == (500, False)


def test_the_documentation_has_every_name_and_no_other(stand: Stand) -> None:
    stand.health = Health("ok", "OK.")
    stand.metrics.archive_stands(FIGURES)
    text = (ROOT / "docs/standalone.md").read_text(encoding="utf-8")
    table = text.partition("| metric, after `candle_collector_` |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    documented = {name.partition("{")[0] for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    own = {name.removeprefix("candle_collector_") for name, _ in stand.samples() if name.startswith("candle_coll")}
    assert documented == own
