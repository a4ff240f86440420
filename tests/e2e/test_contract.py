"""Schemathesis asks the local stack by the document that it serves: no 5xx, and no answer outside the document.

STACK_CASES is how many cases each route gets at most, of each kind.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

import pytest
import schemathesis
from candle_collector.api.openapi import openapi_text
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from tests.api_contract.test_answers import ASKED, CHECKS, OWN_KEYS, AnyCase
from tests.e2e.conftest import StackUnderTest

CASES = int(os.environ.get("STACK_CASES") or 5)


@pytest.fixture(scope="module")
def served(stack: StackUnderTest) -> Any:
    url = f"{stack.api_url}/openapi.json"
    return schemathesis.openapi.from_url(url, config=OWN_KEYS, headers={"X-API-Key": stack.api_key})


def test_the_stack_serves_the_document(served: Any) -> None:
    assert served.raw_schema == json.loads(openapi_text())


def without_starting(case: AnyCase) -> None:
    """Make a dry run of one symbol of whatever would start a run."""
    if isinstance(case.body, dict) and "mode" in case.body:
        case.body |= {"dry_run": True, "symbols": ["BTCUSDT"]}
        case.body.pop("top_n", None)


def test_no_answer_of_the_stack_is_outside_the_document(stack: StackUnderTest, served: Any) -> None:
    answered: Counter[int] = Counter()

    def ask_for(label: str, mode: GenerationMode) -> None:
        method, _, path = label.partition(" ")

        @given(served[path][method].as_strategy(generation_mode=mode))
        @settings(
            max_examples=CASES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
        )
        def ask(case: AnyCase) -> None:
            without_starting(case)
            response = case.call(base_url=stack.api_url, headers={"X-API-Key": stack.api_key}, timeout=60)
            case.validate_response(response, checks=CHECKS)
            answered[response.status_code] += 1

        ask()

    for label, mode in ASKED:
        ask_for(label, mode)
    assert answered.keys() >= {200, 400, 404}
