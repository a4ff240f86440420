"""The settings of the functions, from the environment that template.yaml gives them, each read when it is needed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from urllib.parse import urlsplit

from candle_collector.domain import windows
from candle_collector.errors import SettingError

VERSION = "0.1.0"

EXCHANGE_HOSTS = re.compile(r"(data-api\.binance\.vision|api[1-4]?\.binance\.com|api-gcp\.binance\.com)")
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "host.docker.internal"})

BATCH_SIZE_MAX = 1000
"""Binance's most rows in an answer (rest-api.md)."""


class Settings:
    """Every setting by name; a function reads only those it needs.

    Raises
    ------
    SettingError
        On reading one that is missing or malformed.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def _text(self, name: str) -> str:
        value = self._environment.get(name, "")
        if not value:
            raise SettingError(f"{name} is not set; template.yaml gives it to the functions that need it")
        return value

    def _number(self, name: str, least: int, most: int) -> int:
        text = self._text(name)
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
            raise SettingError(f"{name} is {text!r}; it takes a whole number from {least} to {most}")
        return int(text)

    def _flag(self, name: str) -> bool:
        text = self._text(name).lower()
        if text not in {"true", "false"}:
            raise SettingError(f"{name} is {text!r}; it takes true or false")
        return text == "true"

    @cached_property
    def stage(self) -> str:
        """The stage: local, dev, prod."""
        return self._text("STAGE")

    @cached_property
    def candles_table(self) -> str:
        """The name of the table of candles."""
        return self._text("CANDLES_TABLE")

    @cached_property
    def runs_table(self) -> str:
        """The name of the table of runs and series."""
        return self._text("RUNS_TABLE")

    @cached_property
    def keys_table(self) -> str:
        """The name of the table of API keys."""
        return self._text("KEYS_TABLE")

    @cached_property
    def collect_queue_url(self) -> str:
        """The URL of the workers' queue."""
        return self._text("COLLECT_QUEUE_URL")

    @cached_property
    def api_key_required(self) -> bool:
        """Whether a call needs a key."""
        return self._flag("API_KEY_REQUIRED")

    @cached_property
    def dashboard_origin(self) -> str:
        """The origin whose pages may read the API's answers in a browser; empty for none."""
        return self._environment.get("DASHBOARD_ORIGIN", "")

    @cached_property
    def top_n(self) -> int:
        """How many symbols a run without symbols of its own takes."""
        return self._number("TOP_N_CRYPTOS", 1, 500)

    @cached_property
    def collection_start(self) -> int:
        """The hour from which candles are collected where a request names none."""
        text = self._text("COLLECTION_START_DATE")
        try:
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
                raise ValueError  # noqa: TRY301 - the same remedy for a bad form and a day that is none
            return windows.hour_of(datetime.fromisoformat(text).replace(tzinfo=UTC))
        except ValueError:
            raise SettingError(f"COLLECTION_START_DATE is {text!r}; it takes a day such as 2025-01-01") from None

    @cached_property
    def collection_schedule(self) -> str:
        """The schedule of forward runs, as EventBridge takes it."""
        return self._text("COLLECTION_SCHEDULE")

    @cached_property
    def gap_fill_schedule(self) -> str:
        """The schedule of gap filling, as EventBridge takes it; empty for none."""
        return self._environment.get("GAP_FILL_SCHEDULE", "")

    @cached_property
    def schedules_enabled(self) -> bool:
        """Whether the schedules start anything."""
        return self._flag("SCHEDULES_ENABLED")

    @cached_property
    def batch_size_hours(self) -> int:
        """The most candles a request asks for."""
        return self._number("BATCH_SIZE_HOURS", 1, BATCH_SIZE_MAX)

    @cached_property
    def max_retries(self) -> int:
        """How often a failed request is tried again: 3 are four attempts."""
        return self._number("MAX_RETRIES", 0, 10)

    @cached_property
    def worker_timeout(self) -> int:
        """After how many seconds a worker is ended."""
        return self._number("WORKER_TIMEOUT", 1, 900)

    @cached_property
    def queue_visibility(self) -> int:
        """After how many seconds the queue gives an unfinished message to another worker."""
        return self._number("QUEUE_VISIBILITY", 1, 43_200)

    @cached_property
    def run_deadline_hours(self) -> int:
        """After how many hours a run is closed."""
        return self._number("RUN_DEADLINE_HOURS", 1, 48)

    @cached_property
    def weight_share_percent(self) -> int:
        """How much of the exchange's limit is used at most."""
        return self._number("WEIGHT_SHARE_PERCENT", 1, 100)

    @cached_property
    def keep_stored_symbols(self) -> bool:
        """Whether forward also takes the symbols that left the top N but hold data."""
        return self._flag("KEEP_STORED_SYMBOLS")

    @cached_property
    def excluded_base_assets(self) -> frozenset[str]:
        """Base assets that are no cryptos in the sense of the top N: stablecoins and fiat."""
        return frozenset(part.strip() for part in self._text("EXCLUDED_BASE_ASSETS").split(",") if part.strip())

    @cached_property
    def exchange_base_url(self) -> str:
        """Where the exchange is asked: https and a host of Binance, or loopback in the local stage."""
        text = self._text("EXCHANGE_BASE_URL").rstrip("/")
        parts = urlsplit(text)
        plain = not (parts.path or parts.query or parts.fragment or parts.username)
        public = parts.scheme == "https" and parts.port is None and EXCHANGE_HOSTS.fullmatch(parts.hostname or "")
        loopback = self.stage == "local" and parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS
        if not (plain and (public or loopback)):
            raise SettingError(
                f"EXCHANGE_BASE_URL is {text!r}; it takes https and one of Binance's hosts for market data, "
                "such as https://data-api.binance.vision, or http://127.0.0.1:PORT in the local stage"
            )
        return text
