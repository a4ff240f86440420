"""Schemathesis asks every route for what its schema allows and for what it does not: no answer is outside the document.

CONTRACT_CASES is how many cases there are at least; `make contract` asks for 20,000.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import schemathesis
from candle_collector.api.openapi_document import openapi_document
from candle_collector.api.openapi_operations import OPERATIONS as DOCUMENTED
from candle_collector.api.routes import ROUTES
from candle_collector.domain.api_key import Scope
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api_contract.gateway import Gateway, in_process
from tests.fakes.world import World

AnyCase = schemathesis.Case[Any]
CASES = int(os.environ.get("CONTRACT_CASES") or 200)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# The keys are ours to send; the matrix of tests/e2e/test_keys_matrix.py is about those that are wrong.
OWN_KEYS = SchemathesisConfig(
    projects=ProjectsConfig(
        default=ProjectConfig(base_url="http://api.test", generation=GenerationConfig(with_security_parameters=False))
    )
)


@pytest.fixture(scope="module")
def gateway() -> Iterator[tuple[Gateway, dict[Scope, str]]]:
    with in_process() as made:
        yield made


@pytest.fixture(scope="module")
def cases() -> Iterator[Counter[str]]:
    """Count the cases of each operation; in the end there must have been as many as were asked for."""
    counted: Counter[str] = Counter()
    yield counted
    print(f"\n{counted.total()} cases: {dict(counted)}")  # noqa: T201 - the figure that `make contract` is run for


class Door:
    """Stands where Schemathesis looks for an application, before there is one."""

    gateway: Gateway

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Forward a request."""
        return self.gateway(environ, start_response)


DOOR = Door()
SCHEMA = schemathesis.openapi.from_dict(openapi_document(), config=OWN_KEYS)
SCHEMA.app = DOOR
OPERATIONS = {f"{route.method} {route.path}": SCHEMA[route.path][route.method] for route in ROUTES}


def name_what_there_is(case: AnyCase, world: World) -> None:
    """Replace ids and symbols by such as are stored: those that are synthetic are known to nobody."""
    (run_id,) = world.runs.runs(limit=1)
    there = {"run_id": run_id, "before": run_id, "symbol": "BTCUSDT", "after": "BTCUSDT", "symbols": '["ETHUSDT"]'}
    for place in (case.path_parameters, case.query):
        place.update({name: there[name] for name in place.keys() & there.keys()})
    if isinstance(case.body, dict) and isinstance(case.body.get("symbols"), list):
        case.body["symbols"] = ["BTCUSDT", "BNBUSDT"]


WITH_PARAMETERS = [operation.route for operation in DOCUMENTED if operation.parameters or operation.body]
EACH = -(-CASES // (2 * len(WITH_PARAMETERS)))
ASKED = [
    (f"{route.method} {route.path}", mode)
    for route in ROUTES
    for mode in (GenerationMode if route in WITH_PARAMETERS else (GenerationMode.POSITIVE,))
]


@pytest.mark.parametrize(("label", "mode"), ASKED, ids=lambda value: getattr(value, "value", value))
def test_no_answer_is_outside_the_document(
    label: str, mode: GenerationMode, gateway: tuple[Gateway, dict[Scope, str]], cases: Counter[str]
) -> None:
    DOOR.gateway, keys = gateway

    @given(OPERATIONS[label].as_strategy(generation_mode=mode), st.booleans())
    @settings(
        max_examples=EACH, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    def ask(case: AnyCase, known: bool) -> None:  # noqa: FBT001 - Hypothesis passes it by place
        if known:
            name_what_there_is(case, DOOR.gateway.world)
        response = case.call(headers={"X-API-Key": keys[Scope.ADMIN]})
        case.validate_response(response, checks=CHECKS)
        cases[f"{label} {response.status_code}"] += 1
        if response.status_code == HTTPStatus.CONFLICT:
            DOOR.gateway.world.settle()  # so that the next run can start

    ask()


def test_as_many_cases_were_made_as_were_asked_for(cases: Counter[str]) -> None:
    assert cases.total() >= CASES
    assert {label for label, _ in ASKED} == {counted.rpartition(" ")[0] for counted in cases}
