"""docs/api.md against the OpenAPI document: every route, error and member of an answer is documented for people too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from candle_collector.api.openapi_document import openapi_document
from candle_collector.api.openapi_operations import OPERATIONS

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
SCHEMAS: dict[str, Any] = openapi_document()["components"]["schemas"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)
def test_a_route_is_reported_with_its_parameters(operation: Any) -> None:
    assert operation.route.path in TEXT
    untold = {"permissions", "showPermissionSets", "symbolStatus", "symbols"}  # of exchangeInfo: as Binance has them
    for parameter in operation.parameters:
        if parameter.name not in untold:
            assert parameter.name in TEXT, parameter.name


def codes() -> set[str]:
    """Return every code that an error answer may have."""
    errors = [schema["properties"]["error"] for schema in SCHEMAS.values() if "error" in schema.get("properties", {})]
    words = {word for error in errors if "properties" in error for word in error["properties"]["code"]["enum"]}
    return words - {""}


def test_every_error_is_reported() -> None:
    assert len(codes()) > 15
    assert {code for code in codes() if code not in TEXT} == set()


def test_no_error_is_reported_that_there_is_not() -> None:
    reported = set(re.findall(r"^\|.*?\| ([A-Z]+_[A-Z_]+) \|", TEXT, re.MULTILINE))
    assert reported
    assert reported <= codes()


@pytest.mark.parametrize(
    "name",
    [
        "TriggerBody",
        "Started",
        "Plan",
        "Status",
        "Results",
        "SymbolResult",
        "RunLine",
        "Universe",
        "SystemInfo",
        "ExchangeInfo",
        "StoreInfo",
        "CollectionInfo",
        "Limits",
        "SettingsInForce",
        "SymbolCoverage",
        "Cancelled",
    ],
)
def test_every_member_of_an_answer_is_reported(name: str) -> None:
    assert {
        member for member in SCHEMAS[name]["properties"] if f"`{member}`" not in TEXT and member not in TEXT
    } == set()
