"""An archive at home loads nothing of AWS: no function and no adapter of it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from candle_collector.bootstrap import Container, SqlContainer
from candle_collector.settings import Settings

ROOT = Path(__file__).parents[2]
FUNCTIONS = ("authorizer", "candles", "reconciler", "status", "trigger", "worker")
ADAPTERS = sorted(
    name
    for kind in (Container, SqlContainer)
    for name, value in vars(kind).items()
    if type(value).__name__ == "cached_property" and name != "runs_items"
)

PROGRAM = """
import importlib, json, sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"boto3", "botocore", "pynamodb"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NotInstalled())
from candle_collector import bootstrap
functions, adapters = json.loads(sys.argv[1])
for function in functions:
    importlib.import_module(f"functions.{function}.app")
bootstrap.authorizer()
kinds = {name: type(getattr(bootstrap.container(), name)).__module__ for name in adapters}
print(json.dumps([kinds, sorted({name.split(".")[0] for name in sys.modules})]))
"""


def test_nothing_of_aws_is_needed_or_loaded_where_a_database_is_set(tmp_path: Path) -> None:
    printed = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", PROGRAM, json.dumps([FUNCTIONS, ADAPTERS])],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path / 'candles.db'}", "POWERTOOLS_SERVICE_NAME": "home"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    kinds, loaded = json.loads(printed)
    assert {"candles", "keys", "queue", "events", "exchange", "database"} <= kinds.keys()
    assert kinds["candles"] == "candle_collector.adapters.sql.candles"
    assert {"boto3", "botocore", "pynamodb"} & set(loaded) == set()
    assert "sqlalchemy" in loaded


def test_a_database_is_set_by_its_url_alone(tmp_path: Path) -> None:
    assert Settings({}).database_url == ""
    assert Settings({"DATABASE_URL": str(tmp_path)}).database_url == str(tmp_path)
