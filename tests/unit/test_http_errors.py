"""Every kind of refusal has one status and one code, and nothing of HTTP is known below the API."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from candle_collector import errors
from candle_collector.api.errors import HTTP_ERRORS, error_body

from tests.unit.imports import imports

PACKAGE = Path(errors.__file__).parent


def kinds(root: type[errors.RefusedError]) -> Iterator[type[errors.RefusedError]]:
    for kind in root.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_every_kind_of_refusal_stands_in_the_table() -> None:
    abstract = {errors.RunConflictError}
    assert set(kinds(errors.RefusedError)) - abstract == set(HTTP_ERRORS)


def test_every_kind_has_a_code_of_its_own_and_a_status_of_a_refusal() -> None:
    codes = [error.code for error in HTTP_ERRORS.values()]
    assert len(set(codes)) == len(codes)
    assert all(error.status >= HTTPStatus.BAD_REQUEST for error in HTTP_ERRORS.values())


def test_the_body_names_the_field_or_the_run_that_the_error_is_about() -> None:
    assert error_body(errors.InvalidRequestError("mode", "is missing")) == {
        "code": "INVALID_REQUEST",
        "message": "mode: is missing",
        "field": "mode",
    }
    assert error_body(errors.RunEndedError("R1"))["run_id"] == "R1"
    assert error_body(errors.NotFoundError("no such day")).keys() == {"code", "message"}


@pytest.mark.parametrize("room", ["domain", "collecting", "reading", "ports.py", "errors.py"])
def test_nothing_below_the_api_knows_http(room: str) -> None:
    place = PACKAGE / room
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    imported = {name for path in files for name in imports(path.stem, path.read_text())}
    assert not {name for name in imported if name.split(".")[0] in {"http", "aws_lambda_powertools"}}
