"""Which parameters the template takes, and which combinations its rules refuse."""

from __future__ import annotations

import re
from datetime import date
from ipaddress import ip_network
from itertools import product

import pytest

from tests.template.stack import broken_rules, parameter_defaults, source

PARAMETERS = source()["Parameters"]
EVERYBODY = ("0.0.0.0/0,::/0", "0.0.0.0/0", "::/0")


def accepts(name: str, value: str) -> bool:
    """Return whether CloudFormation would take a value, by the parameter's own constraints."""
    parameter = PARAMETERS[name]
    if "AllowedValues" in parameter and value not in map(str, parameter["AllowedValues"]):
        return False
    if "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], value):
        return False
    if parameter["Type"] == "Number":
        return value.isdecimal() and parameter.get("MinValue", 0) <= int(value) <= parameter.get("MaxValue", 10**9)
    return True


def test_defaults_make_a_stack_and_are_taken_by_their_own_constraints() -> None:
    assert broken_rules() == []
    assert [name for name, value in parameter_defaults().items() if not accepts(name, value)] == []


def test_every_parameter_says_what_it_is_and_what_a_bad_value_lacks() -> None:
    assert [name for name, parameter in PARAMETERS.items() if not parameter.get("Description")] == []
    patterned = {name for name, parameter in PARAMETERS.items() if "AllowedPattern" in parameter}
    assert patterned == {name for name, parameter in PARAMETERS.items() if "ConstraintDescription" in parameter}


def test_every_parameter_is_shown_in_a_group_of_the_console() -> None:
    groups = source()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(PARAMETERS)


def test_promised_defaults() -> None:
    promised = {
        "TopNCryptos": "100",
        "QuoteAssets": "USDT",
        "CollectionSchedule": "cron(5 0/6 * * ? *)",
        "CollectionStartDate": "2025-01-01",
        "ApiKeyRequired": "true",
        "BatchSize": "1000",
        "MaxRetries": "3",
        "WorkerTimeout": "60",
        "QueueVisibility": "360",
        "ExchangeBaseUrl": "https://data-api.binance.vision",
        "PythonRuntime": "python3.13",
    }
    assert promised.items() <= parameter_defaults().items()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CollectionSchedule", "cron(0 0/6 * * ? *)"),
        ("CollectionSchedule", "cron(15,45 6-18/2 ? * MON-FRI *)"),
        ("CollectionSchedule", "rate(1 hour)"),
        ("GapFillSchedule", ""),
        ("GapFillSchedule", "rate(7 days)"),
        ("ReconcilerSchedule", "rate(1 minute)"),
        ("ReconcilerSchedule", "rate(15 minutes)"),
        ("CollectionStartDate", "2017-08-17"),
        ("CollectionStartDate", "2024-02-29"),
        ("BatchSize", "720"),
        ("ExchangeBaseUrl", "https://api.binance.com"),
        ("ExchangeBaseUrl", "https://api4.binance.com"),
        ("ExchangeBaseUrl", "https://api-gcp.binance.com"),
        ("ExchangeBaseUrl", "http://127.0.0.1:5050"),
        ("AllowedCidrs", "203.0.113.0/24"),
        ("AllowedCidrs", "203.0.113.7/32,2001:db8::/32"),
        ("AllowedCidrs", "0.0.0.0/0"),
        ("AllowedCidrs", "::/0"),
        ("AllowedCidrs", "2001:db8:0:1:2:3:4:5/128,::1/128,2a00::/24"),
        ("GapFillSchedule", "cron(0 0 L * ? *)"),
        ("GapFillSchedule", "cron(0 8 ? * 2#1 *)"),
        ("ExcludedBaseAssets", "USDC,币安人生"),
        ("QuoteAssets", "USDT,BTC,USDC,U,USD1"),
        ("AlarmEmail", "someone@example.org"),
        ("DashboardOrigin", "https://candles.example.org"),
        ("DashboardOrigin", "http://localhost:8501"),
        ("ExistingCandlesTable", "candle-collector-prod-CandlesTable-1ABC2DEF3GHIJ"),
    ],
)
def test_good_values_are_taken(name: str, value: str) -> None:
    assert accepts(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Stage", "test"),
        ("TopNCryptos", "0"),
        ("TopNCryptos", "501"),
        ("QuoteAssets", ""),
        ("QuoteAssets", "usdt"),
        ("QuoteAssets", "USDT, BTC"),
        ("QuoteAssets", "USDT,BTC,USDT"),
        ("QuoteAssets", "BTC,BTC"),
        ("CollectionSchedule", ""),
        ("CollectionSchedule", "0 */6 * * *"),
        ("CollectionSchedule", "cron(0 */6 * * *)"),
        ("CollectionSchedule", "rate(0 hours)"),
        ("GapFillSchedule", "weekly"),
        ("ReconcilerSchedule", "rate(16 minutes)"),
        ("ReconcilerSchedule", "rate(1 hour)"),
        ("CollectionStartDate", "2016-12-31"),
        ("CollectionStartDate", "2025-13-01"),
        ("CollectionStartDate", "2025-1-1"),
        ("CollectionStartDate", "20250101"),
        ("BatchSize", "0"),
        ("BatchSize", "1001"),
        ("MaxRetries", "6"),
        ("ExchangeWeightShare", "81"),
        ("ExchangeBaseUrl", "http://data-api.binance.vision"),
        ("ExchangeBaseUrl", "https://data-api.binance.vision/"),
        ("ExchangeBaseUrl", "https://data-api.binance.vision.example.org"),
        ("ExchangeBaseUrl", "https://api5.binance.com"),
        ("ExchangeBaseUrl", "https://apixbinance.com"),
        ("ExchangeBaseUrl", "https://user@api.binance.com"),
        ("ExchangeBaseUrl", "http://127.0.0.1"),
        ("ExchangeBaseUrl", "http://127.0.0.1:80@example.org"),
        ("ExchangeBaseUrl", "http://169.254.169.254:80"),
        ("ExchangeBaseUrl", "http://data-api.binance.vision:80"),
        ("ApiKeyRequired", "no"),
        ("AllowedCidrs", ""),
        ("AllowedCidrs", "203.0.113.0/24, 198.51.100.0/24"),
        ("AllowedCidrs", "203.0.113.7"),
        ("AllowedCidrs", "0.0.0.0/1,128.0.0.0/1"),
        ("AllowedCidrs", "::/1,8000::/1"),
        ("AllowedCidrs", "10.0.0.0/8"),
        ("AllowedCidrs", "0.0.0.0/0,203.0.113.0/24"),
        ("AllowedCidrs", "0.0.0.0/0,0.0.0.0/0"),
        ("AllowedCidrs", "203.0.113.0/24,0.0.0.0/0"),
        ("AllowedCidrs", "203.0.113.256/32"),
        ("AllowedCidrs", "203.0.113.0/33"),
        ("AllowedCidrs", "2001:db8::/129"),
        ("AllowedCidrs", "2001:db8::1::/64"),
        ("AllowedCidrs", "2001:db8/32"),
        ("AllowedCidrs", "1:2:3:4:5:6:7:8:9/64"),
        ("AllowedCidrs", ",".join(["203.0.113.7/32"] * 33)),
        ("CollectionSchedule", "rate(1 hours)"),
        ("CollectionSchedule", "rate(6 hour)"),
        ("CollectionSchedule", "cron(5 0/6 * * * *)"),
        ("CollectionSchedule", "cron(5 0/6 ? * ? *)"),
        ("Architecture", "arm"),
        ("ApiAccessLog", "true"),
        ("WorkerConcurrency", "1"),
        ("MonthlyBudget", "-1"),
        ("WorkerTimeout", "61"),
        ("PythonRuntime", "python3.9"),
        ("ExcludedBaseAssets", ""),
        ("ExcludedBaseAssets", "USDC, EUR"),
        ("ExcludedBaseAssets", "USDC,"),
        ("AlarmEmail", "someone"),
    ],
)
def test_bad_values_are_refused(name: str, value: str) -> None:
    assert not accepts(name, value)


def test_a_start_date_is_a_day_of_the_calendar() -> None:
    for year, month, day in product(range(2015, 2103), range(14), range(33)):
        text = f"{year}-{month:02}-{day:02}"
        try:
            exists = 2017 <= date(year, month, day).year <= 2099
        except ValueError:
            exists = False
        assert accepts("CollectionStartDate", text) is exists, text


def test_only_timeouts_with_a_visibility_of_six_times_them_make_a_stack() -> None:
    taken = {
        (timeout, visibility)
        for timeout in PARAMETERS["WorkerTimeout"]["AllowedValues"]
        for visibility in PARAMETERS["QueueVisibility"]["AllowedValues"]
        if broken_rules(WorkerTimeout=str(timeout), QueueVisibility=str(visibility)) == []
    }
    assert taken == {(timeout, 6 * timeout) for timeout in PARAMETERS["WorkerTimeout"]["AllowedValues"]}


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_an_api_without_keys_needs_named_callers_outside_the_local_stage(stage: str) -> None:
    assert broken_rules(Stage=stage, ApiKeyRequired="false") != []
    assert broken_rules(Stage=stage, ApiKeyRequired="false", AllowedCidrs="203.0.113.0/24") == []
    assert broken_rules(Stage="local", ApiKeyRequired="false") == []
    for everybody in EVERYBODY:
        assert broken_rules(Stage=stage, ApiKeyRequired="false", AllowedCidrs=everybody) != []


def test_what_is_not_written_as_everybody_is_a_small_part_of_the_world() -> None:
    """Whoever adds up the largest blocks that are taken, as many as are taken, has a hundredth of all addresses."""
    largest = {4: "10.16.0.0/12", 6: "2001:d00::/24"}
    for version, bits in ((4, 32), (6, 128)):
        network = ip_network(largest[version])
        assert accepts("AllowedCidrs", str(network))
        assert not accepts("AllowedCidrs", str(network.supernet()))
        most = next(count for count in range(1, 100) if not accepts("AllowedCidrs", ",".join([str(network)] * count)))
        assert (most - 1) * network.num_addresses <= 2**bits / 100


def test_a_budget_is_for_somebody() -> None:
    assert broken_rules(MonthlyBudget="20") != []
    assert broken_rules(MonthlyBudget="20", AlarmEmail="someone@example.org") == []


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_an_exchange_on_this_machine_is_for_the_local_stage(stage: str) -> None:
    assert broken_rules(Stage=stage, ExchangeBaseUrl="http://127.0.0.1:5050") != []
    assert broken_rules(Stage="local", ExchangeBaseUrl="http://127.0.0.1:5050") == []


@pytest.mark.parametrize(
    "host", ["data-api.binance.vision", "api.binance.com", "api-gcp.binance.com", "api1.binance.com"]
)
def test_every_host_that_the_pattern_takes_passes_the_rule(host: str) -> None:
    assert broken_rules(Stage="prod", ExchangeBaseUrl=f"https://{host}") == []


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_public_reads_need_addresses_that_were_named(stage: str) -> None:
    assert parameter_defaults()["PublicReads"] == "false"
    assert broken_rules(Stage=stage, PublicReads="true") != []
    assert broken_rules(Stage=stage, PublicReads="true", AllowedCidrs="203.0.113.0/24") == []
    assert broken_rules(Stage="local", PublicReads="true") == []
