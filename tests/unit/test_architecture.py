"""Dependencies point one way: functions, use cases, ports, domain; vendors are known in adapters alone."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from tests.unit.imports import MAY_IMPORT, PACKAGE, imports, kind_of, module_name, violations

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers/common/src"
PROGRAMS = ("functions", "background", "cli", "dashboard", "localstack", "simulator", "standalone")
SOURCES = {
    module_name(PurePosixPath(path.relative_to(root))): path.read_text(encoding="utf-8")
    for root, folder in (
        (LAYER, PACKAGE),
        *((ROOT, name) for name in PROGRAMS),
    )
    for path in sorted((root / folder).rglob("*.py"))
}
KNOWN = frozenset(SOURCES)
IMPORTS = {module: frozenset(imports(module, source, known=KNOWN)) for module, source in SOURCES.items()}


def test_all_parts_are_looked_at() -> None:
    kinds = {kind_of(module) for module in SOURCES}
    assert kinds == set(MAY_IMPORT)


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_imports_point_the_right_way(module: str) -> None:
    assert [str(item) for item in violations(module, SOURCES[module], known=KNOWN)] == []


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_no_module_depends_on_itself_in_a_circle(module: str) -> None:
    seen: set[str] = set()
    following = list(IMPORTS[module])
    while following:
        imported = following.pop()
        assert imported != module
        if imported in SOURCES and imported not in seen:
            seen.add(imported)
            following += IMPORTS[imported]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("candle_collector.domain.windows", "import boto3"),
        ("candle_collector.domain.windows", "import pydantic"),
        ("candle_collector.domain.windows", "from aws_lambda_powertools import Logger"),
        ("candle_collector.domain.windows", "import numpy"),
        ("dashboard.loading", "from candle_collector.bootstrap import container"),
        ("dashboard.loading", "from candle_collector.reading.report_coverage import report_coverage"),
        ("cli.main", "from dashboard.loading import Loader"),
        ("candle_collector.domain.run", "from candle_collector.adapters.binance.client import Binance"),
        ("candle_collector.domain.run", "from candle_collector import adapters"),
        ("candle_collector.domain.run", "from ..adapters.binance import Binance"),
        ("candle_collector.domain.run", "from candle_collector.ports import Clock"),
        ("candle_collector.domain.run", "from candle_collector.errors import CollectorError"),
        ("candle_collector.domain.run", "def late():\n    import requests"),
        ("candle_collector.ports", "from candle_collector.collecting.start_run import RunRequest"),
        ("candle_collector.ports", "from candle_collector.adapters.binance.client import Binance"),
        ("candle_collector.errors", "from candle_collector.ports import FetchedCandles"),
        ("candle_collector.settings", "from candle_collector.bootstrap import Container"),
        (
            "candle_collector.collecting.start_run",
            "from candle_collector.adapters.dynamodb.runs_table import RunsTable",
        ),
        ("candle_collector.collecting.start_run", "from candle_collector import bootstrap"),
        ("candle_collector.collecting.start_run", "from candle_collector.settings import Settings"),
        ("candle_collector.collecting.start_run", "from candle_collector.api.responses import answer"),
        ("candle_collector.collecting.start_run", "import botocore.exceptions"),
        ("candle_collector.collecting.start_run", "from tenacity import retry"),
        ("candle_collector.collecting.start_run", "from pydantic import BaseModel"),
        ("candle_collector.collecting.start_run", "import functions.trigger.app"),
        (
            "candle_collector.adapters.binance.client",
            "from candle_collector.collecting.worker_ports import WorkerPorts",
        ),
        ("candle_collector.adapters.binance.client", "from candle_collector.settings import Settings"),
        ("candle_collector.adapters.binance.client", "from aws_lambda_powertools import Logger"),
        ("candle_collector.adapters.binance.client", "import pydantic"),
        ("candle_collector.api.responses", "from candle_collector.bootstrap import container"),
        ("candle_collector.api.responses", "from candle_collector.adapters.sqs import SqsCollectQueue"),
        ("candle_collector.collecting.start_run", "from candle_collector.reading.read_candles import read_candles"),
        ("candle_collector.reading.read_candles", "from candle_collector.collecting.control_run import cancel_run"),
        ("candle_collector.collecting.start_run", "from candle_collector.api import limits"),
        ("candle_collector.reading.read_candles", "from candle_collector.api import limits"),
        ("candle_collector.api.responses", "import boto3"),
        ("candle_collector.api.responses", "from candle_collector.settings import Settings"),
        ("candle_collector.answers", "from candle_collector.ports import Clock"),
        ("candle_collector.answers", "import pydantic"),
        ("candle_collector.domain.run", "from candle_collector import answers"),
        ("candle_collector.adapters.sqs", "from candle_collector import answers"),
        ("functions.status.app", "from candle_collector.adapters.dynamodb.items import RunItem"),
        ("candle_collector.observability", "from candle_collector.collecting.end_run import end_run"),
        ("candle_collector.bootstrap", "import boto3"),
        ("candle_collector.bootstrap", "import functions.worker.app"),
        ("candle_collector.bootstrap", "import importlib\nimportlib.import_module('functions.worker.app')"),
        ("functions.trigger.app", "from functions.worker.app import handler"),
        ("functions.trigger.app", "from ..worker import app"),
        ("functions.trigger.app", "import boto3"),
        ("functions.trigger.app", "from candle_collector.adapters.binance.client import Binance"),
        ("functions.trigger.app", "import pydantic"),
        ("functions.worker.app", "from candle_collector.adapters.dynamodb.candles_table import CandlesTable"),
        ("functions.worker.app", "from background.places import PROJECT"),
        ("candle_collector.bootstrap", "from simulator.market import Market"),
        ("candle_collector.collecting.start_run", "from cli.console import Console"),
        ("cli.main", "from simulator.market import Market"),
        ("cli.main", "from functions.worker.app import handler"),
        ("background.home", "from localstack.running import LocalStack"),
        ("background.home", "from cli.console import Console"),
        ("localstack.running", "from cli.console import Console"),
        ("localstack.running", "from simulator.market import Market"),
        ("localstack.running", "from candle_collector.bootstrap import container"),
        ("simulator.market", "from candle_collector.domain.windows import Window"),
        ("simulator.market", "from background.places import PROJECT"),
        ("standalone.server", "import boto3"),
        ("standalone.server", "from candle_collector.adapters.sqs import SqsCollectQueue"),
        ("standalone.server", "from candle_collector.collecting.start_run import start_run"),
        ("functions.worker.app", "from standalone.workers import Workers"),
        ("candle_collector.bootstrap", "import uvicorn"),
    ],
)
def test_a_planted_import_that_points_the_wrong_way_is_found(module: str, source: str) -> None:
    known = KNOWN | {"candle_collector.adapters"}
    assert len(violations(module, source, known=known)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("candle_collector.domain.run", "import re\nfrom candle_collector.domain import window"),
        (
            "candle_collector.adapters.binance.client",
            "import requests\nfrom candle_collector.ports import FetchedCandles",
        ),
        ("candle_collector.api.trigger_body", "from pydantic import BaseModel"),
        ("candle_collector.collecting.start_run", "from candle_collector.ports import Clock"),
        (
            "functions.trigger.app",
            "from functions.trigger import answers\nfrom candle_collector.api.responses import answer",
        ),
        ("standalone.server", "import uvicorn\nfrom functions.worker.app import handler"),
    ],
)
def test_an_import_that_points_the_right_way_is_let_be(module: str, source: str) -> None:
    assert violations(module, source, known=KNOWN) == []
