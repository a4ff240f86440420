"""The environment of the functions at home: the caller's settings, and what template.yaml gives them on AWS."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta

from candle_collector.domain.schedule import to_eventbridge
from candle_collector.errors import SettingError
from candle_collector.settings import VISIBILITY_PER_TIMEOUT, Setting, Settings, given

DEFAULTS = {
    "STAGE": "local",
    "WORKER_CONCURRENCY": "8",
    "POWERTOOLS_SERVICE_NAME": "candle-collector",
    "POWERTOOLS_METRICS_NAMESPACE": "CandleCollector",
    "POWERTOOLS_METRICS_DISABLED": "true",  # nothing here reads them
}
"""What the functions read and `Settings` has no default for, or another one than a home wants."""

SCHEDULES = ("COLLECTION_SCHEDULE", "GAP_FILL_SCHEDULE")
"""They may be written as five cron fields."""

RECONCILER_SCHEDULE = "RECONCILER_SCHEDULE"
_RECONCILED_EVERY = "rate(1 minute)"
"""The template has 5 minutes: there each round costs; here it also wakes the scheduler after the machine slept."""


def function_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the functions are to find, of those that are `given`.

    Raises
    ------
    SettingError
        One is missing or not accepted, whichever function would read it.
    """
    variables = given(environment)
    if "DATABASE_URL" not in variables:
        raise SettingError("DATABASE_URL is not set; it takes sqlite:////folder/candles.db or a postgresql:// URL")
    variables = {**DEFAULTS, Settings.worker_processes.name: _worker_processes(), **variables}
    for name in SCHEDULES:
        if schedule := variables.get(name):
            try:
                variables[name] = to_eventbridge(schedule)
            except ValueError as error:
                raise SettingError(f"{name}: {error}") from None
    settings = Settings(variables)
    visibility = str(settings.worker_timeout * VISIBILITY_PER_TIMEOUT)
    if variables.setdefault("QUEUE_VISIBILITY", visibility) != visibility:
        raise SettingError(f"QUEUE_VISIBILITY must be six times WORKER_TIMEOUT: {visibility}")
    if level := variables.get("LOG_LEVEL"):
        variables["POWERTOOLS_LOG_LEVEL"] = level
    for setting in vars(Settings).values():
        if isinstance(setting, Setting) and (setting.default is not None or setting.name in DEFAULTS):
            setting.read(variables)
    return variables


def _worker_processes() -> str:
    """Return in how many processes the workers run where nobody says so: no more than there are cores for them."""
    of_us = getattr(os, "sched_getaffinity", None)  # macOS knows no such limit
    cores = len(of_us(0)) if of_us else os.cpu_count() or 1
    return str(min(cores, int(Settings.worker_processes.default or 1)))


def reconciled_every(environment: Mapping[str, str]) -> timedelta:
    """Return how often the reconciler looks after the runs.

    Raises
    ------
    SettingError
    """
    text = environment.get(RECONCILER_SCHEDULE) or _RECONCILED_EVERY
    found = re.fullmatch(r"rate\((1 minute|(?:[2-9]|1[0-5]) minutes)\)", text)
    if found is None:
        raise SettingError(f"{RECONCILER_SCHEDULE} is {text!r}; it takes a rate of 1 to 15 minutes: rate(5 minutes)")
    return timedelta(minutes=int(found[1].split()[0]))
