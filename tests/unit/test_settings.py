"""Settings: read when they are needed, and refused by name where they are wrong."""

from __future__ import annotations

import pytest
from candle_collector.domain import dates
from candle_collector.errors import SettingError
from candle_collector.settings import Settings


def test_a_variable_that_is_not_set_has_its_default() -> None:
    assert (Settings({}).max_retries, Settings({}).gap_fill_schedule) == (3, "cron(35 3 ? * SUN *)")
    assert Settings({"GAP_FILL_SCHEDULE": ""}).gap_fill_schedule == ""


def test_a_setting_that_only_the_stack_knows_is_missed_when_it_is_needed() -> None:
    settings = Settings({"RUNS_TABLE": "runs"})
    assert settings.runs_table == "runs"
    with pytest.raises(SettingError, match="CANDLES_TABLE"):
        _ = settings.candles_table


@pytest.mark.parametrize(
    ("name", "text", "attribute", "value"),
    [
        ("TOP_N_CRYPTOS", "100", "top_n", 100),
        ("BATCH_SIZE", "720", "batch_size", 720),
        ("MAX_RETRIES", "0", "max_retries", 0),
        ("API_KEY_REQUIRED", "false", "api_key_required", False),
        ("API_KEY_REQUIRED", "true", "api_key_required", True),
        ("COLLECTION_START_DATE", "2025-01-01", "collection_start", dates.start_of("2025-01-01")),
        ("QUOTE_ASSETS", "USDT", "quote_assets", ("USDT",)),
        ("QUOTE_ASSETS", "USDC,BTC,U,USD1", "quote_assets", ("USDC", "BTC", "U", "USD1")),
        ("EXCLUDED_BASE_ASSETS", "USDC,FDUSD,EUR", "excluded_base_assets", frozenset({"USDC", "FDUSD", "EUR"})),
    ],
)
def test_a_setting_is_read(name: str, text: str, attribute: str, value: object) -> None:
    assert getattr(Settings({name: text}), attribute) == value


@pytest.mark.parametrize(
    ("name", "attribute", "text"),
    [
        *[("TOP_N_CRYPTOS", "top_n", text) for text in ("0", "501", "-1", "many", "1e2", " 5", "\u0665")],
        *[("BATCH_SIZE", "batch_size", text) for text in ("0", "1001", "")],
        *[("API_KEY_REQUIRED", "api_key_required", text) for text in ("yes", "0", "", "True")],
        *[("EXCLUDED_BASE_ASSETS", "excluded_base_assets", text) for text in ("", "USDC, EUR", "USDC,")],
        *[
            ("QUOTE_ASSETS", "quote_assets", text)
            for text in (
                "",
                "usdt",
                "USDT, BTC",
                "USDT,",
                "USDT,BTC,USDT",
                "BTC,BTC",
                ",".join(f"Q{n}" for n in range(21)),
            )
        ],
        *[("MAX_RETRIES", "max_retries", text) for text in ("6", "-1")],
        *[("RUN_DEADLINE_HOURS", "run_deadline_hours", text) for text in ("0", "25")],
        *[("EXCHANGE_WEIGHT_SHARE", "weight_share_percent", text) for text in ("0", "81")],
        *[("WORKER_TIMEOUT", "worker_timeout", text) for text in ("61", "060")],
        *[
            ("COLLECTION_START_DATE", "collection_start", text)
            for text in (
                "2025-13-01",
                "2025-02-29",
                "2025-02-31",
                "2025-04-31",
                "2100-02-29",
                "2016-12-31",
                "20250101",
                "2025-01-01T00:00:00Z",
                "2024-W01-1",
                "\u0662025-01-01",
            )
        ],
    ],
)
def test_a_setting_that_is_wrong_is_refused_by_its_name(name: str, attribute: str, text: str) -> None:
    with pytest.raises(SettingError, match=name):
        getattr(Settings({name: text}), attribute)


@pytest.mark.parametrize(
    ("url", "stage"),
    [
        ("https://data-api.binance.vision", "prod"),
        ("https://api.binance.com", "dev"),
        ("https://api4.binance.com", "dev"),
        ("https://data-api.binance.vision", "local"),
        ("http://127.0.0.1:9100", "local"),
        ("http://localhost:9100", "local"),
        ("http://host.docker.internal:9100", "local"),
    ],
)
def test_the_exchange_may_be_binance_and_locally_this_machine(url: str, stage: str) -> None:
    assert Settings({"STAGE": stage, "EXCHANGE_BASE_URL": url}).exchange_base_url == url


@pytest.mark.parametrize(
    ("url", "stage"),
    [
        ("http://data-api.binance.vision", "prod"),
        ("https://data-api.binance.vision.evil.example", "prod"),
        ("https://evil.example/data-api.binance.vision", "prod"),
        ("https://data-api.binance.vision@evil.example", "prod"),
        ("https://user@data-api.binance.vision", "prod"),
        ("https://data-api.binance.vision:8443", "prod"),
        ("https://data-api.binance.vision/", "prod"),
        ("https://data-api.binance.vision/api", "prod"),
        ("https://data-api.binance.vision?x=1", "prod"),
        ("https://data-api.binance.vision#x", "prod"),
        ("https://dataXapi.binance.vision", "prod"),
        ("https://169.254.169.254", "prod"),
        ("http://127.0.0.1:9100", "prod"),
        ("http://localhost:9100", "dev"),
        ("http://169.254.169.254", "local"),
        ("http://10.0.0.1:9100", "local"),
        ("ftp://127.0.0.1", "local"),
        ("data-api.binance.vision", "prod"),
    ],
)
def test_the_exchange_may_be_nowhere_else(url: str, stage: str) -> None:
    with pytest.raises(SettingError, match="EXCHANGE_BASE_URL"):
        _ = Settings({"STAGE": stage, "EXCHANGE_BASE_URL": url}).exchange_base_url
