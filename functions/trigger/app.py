"""Starts runs, for a caller or a schedule; retries and cancels them."""

from __future__ import annotations

import time
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from candle_collector import answers, bootstrap
from candle_collector.api import routes
from candle_collector.api.responses import answer, resolver
from candle_collector.api.trigger_body import read_trigger
from candle_collector.collecting.control_run import cancel_run, retry_run, run_to_retry
from candle_collector.collecting.plan_run import plan_run
from candle_collector.collecting.run_scope import RunRequest
from candle_collector.collecting.scheduled_start import keeping_failure
from candle_collector.collecting.start_run import start_run
from candle_collector.domain import dates
from candle_collector.domain.ids import is_run_id
from candle_collector.domain.run import Mode, Run, RunState
from candle_collector.errors import CollectionInProgressError, NotFoundError, StaleTurnError
from candle_collector.observability import logger
from candle_collector.ports import find_run

log = logger()
bootstrap.load("exchange", "rate_limiter", "market_cache", "leases", "runs", "universes", "series", "queue", "metrics")
WORKERS_STOP_WITHIN = 5
"""How many seconds a cancel waits for workers to store the answers in hand, so that most find the run ended."""

app = resolver(bootstrap.container().settings.dashboard_origin)


@app.post(routes.TRIGGER.path)
def trigger() -> Response[str]:
    """Start a run, or answer what one would ask for."""
    request, dry_run = read_trigger(app.current_event.decoded_body)
    container = bootstrap.container()
    if dry_run:
        return answer(200, plan_run(request, container.run_defaults(), container.run_ports(), container.candles))
    run = start_run(request, container.run_defaults(), container.run_ports())
    if run is None:
        raise AssertionError("only an occurrence of a schedule can have started before")
    return _started(run)


@app.post(routes.RETRY.pattern)
def retry(run_id: str) -> Response[str]:
    """Start a run of what another left behind, which may be the newest that has something to retry."""
    container = bootstrap.container()
    ports = container.run_ports()
    old = run_to_retry(ports) if run_id == routes.NEWEST else _named(run_id)
    return _started(retry_run(old, container.run_defaults(), ports))


@app.post(routes.CANCEL.pattern)
def cancel(run_id: str) -> Response[str]:
    """Stop a run."""
    run = cancel_run(_named(run_id), bootstrap.container().closing_ports())
    for _ in range(WORKERS_STOP_WITHIN * 4):
        if run.state is RunState.ENDED:
            break
        time.sleep(0.25)
        run = find_run(run.run_id, bootstrap.container().runs)
    return answer(
        200,
        answers.Cancelled(
            success=True,
            run_id=run.run_id,
            state="ended" if run.state is RunState.ENDED else "active",
            counts=run.counts or {},
            status_url=_status_url(run),
        ),
    )


def _named(run_id: str) -> str:
    """Return a run's id from the path; what cannot be one is neither looked up nor repeated.

    Raises
    ------
    NotFoundError
        It cannot be the ID of a run.
    """
    if not is_run_id(run_id):
        raise NotFoundError("there is no such run")
    return run_id


def _started(run: Run) -> Response[str]:
    log.info("run started", extra={"run_id": run.run_id, "mode": run.mode, "symbols": len(run.symbols)})
    app.note(run_id=run.run_id)
    return answer(
        202,
        answers.Started(
            success=True,
            message=f"Collection task started: {run.mode}",
            mode=run.mode,
            run_id=run.run_id,
            start_date=dates.format_start(run.start_ms),
            end_date=dates.format_end(run.end_ms),
            total_cryptos=len(run.symbols),
            intervals=[str(interval) for interval in run.intervals],
            status_endpoint=routes.STATUS.path,
            status_url=_status_url(run),
            estimated_minutes=round(run.estimated_seconds / 60, 2),
            note=run.note,
        ),
    )


def _status_url(run: Run) -> str:
    """Return the absolute URL of a run's status, as the caller reaches this API."""
    event = app.current_event
    host = next((value for name, value in event.headers.items() if name.lower() == "host"), "")
    own_domain = host == event.request_context.domain_name
    base = event.request_context.path.removesuffix(event.path) if own_domain else ""
    forwarded = next((value for name, value in event.headers.items() if name.lower() == "x-forwarded-proto"), "https")
    return f"{forwarded}://{host}{base}{routes.STATUS.path}?run_id={run.run_id}"


@log.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a call of the API, or start what a schedule requests: ``{"mode": "forward", "time": "..."}``."""
    if event.keys() == {"mode", "time"}:
        return start_scheduled(event["mode"], event["time"])
    return app.resolve(event, context)


def start_scheduled(mode: Mode, time: str) -> dict[str, Any]:
    """Start the run of a schedule's occurrence, once; one that meets an active run is skipped.

    Raises
    ------
    Exception
        It could not be started: Lambda tries again twice, and then sends the occurrence and the reason to the queue
        of failed starts. Each try counts as an error of this function, on which there is an alarm.
    """
    container = bootstrap.container()
    request = RunRequest(mode, occurrence=f"{mode}#{time}")
    try:
        with keeping_failure(mode, time, container.failed_starts, container.clock):
            run = start_run(request, container.run_defaults(), container.run_ports())
    except CollectionInProgressError as busy:
        log.warning("occurrence skipped: a run is active", extra={"mode": mode, "active_run_id": busy.run_id})
        return {"skipped": True, "active_run_id": busy.run_id}
    except StaleTurnError:
        run = None
    except Exception as error:
        log.error("a scheduled start failed", extra={"mode": mode, "time": time, "reason": str(error)})  # noqa: TRY400 - Lambda logs what is raised
        raise
    if run is None:
        log.info("occurrence delivered again", extra={"mode": mode, "time": time})
        return {"started": False}
    log.info("run started", extra={"run_id": run.run_id, "mode": run.mode, "symbols": len(run.symbols)})
    return {"started": True, "run_id": run.run_id}
