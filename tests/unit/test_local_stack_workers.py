"""Layers are unpacked once for all workers; what functions log goes to a file each."""

import io
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from localstack.patches import function_logs
from localstack.patches.function_logs import FunctionLogs, write_logs_at_once
from localstack.patches.shared_layers import SharedLayers, share_layers


def layer(text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("python/package.py", text)
    return packed.getvalue()


def test_a_layer_is_unpacked_once_and_another_one_beside_it(tmp_path: Path) -> None:
    layers = SharedLayers(tmp_path)
    first = layer("VERSION = 1")
    folder = layers.unpack(first)
    assert (folder / "python" / "package.py").read_text() == "VERSION = 1"
    (folder / "python" / "package.pyc").write_text("compiled by the first worker")
    assert layers.unpack(bytes(bytearray(first))) == folder
    assert (folder / "python" / "package.pyc").exists()
    assert layers.unpack(layer("VERSION = 2")) != folder


def test_a_worker_is_started_with_the_shared_folders_and_keeps_its_own_settings(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []

    class Worker:
        config: dict[str, Any]

        def _spawn(self) -> None:
            seen.append(self.config)

    runtime: Any = SimpleNamespace(Worker=Worker)
    archive = layer("VERSION = 1")
    service: Any = SimpleNamespace(_resolve_layer_zip=lambda arn: archive if arn == "arn:common" else None)
    share_layers(runtime, service, SharedLayers(tmp_path))
    worker = Worker()
    worker.config = {
        "Layers": ["arn:common", "arn:gone"],
        "Environment": {"Variables": {"STAGE": "local"}},
        "Timeout": 20,
    }
    before = dict(worker.config)
    worker._spawn()
    folder = SharedLayers(tmp_path).unpack(archive)
    variables = {"STAGE": "local", "_LAMBDA_LAYERS_DIRS": str(folder)}
    assert seen == [{"Layers": [], "Environment": {"Variables": variables}, "Timeout": 20}]
    assert worker.config == before


def test_what_a_function_writes_is_in_its_file_and_still_reaches_ministack(tmp_path: Path) -> None:
    class Worker:
        func_name = "stack-worker"
        _proc = SimpleNamespace(stderr=io.StringIO('{"level": "INFO", "message": "100% %s"}\nsecond\n'))
        _stderr_queue = SimpleNamespace(put=lambda line: passed_on.append(line))  # noqa: PLW0108 - it is defined below

        def _read_stderr(self) -> None: ...

    passed_on: list[str] = []
    logs = FunctionLogs(tmp_path)
    write_logs_at_once(SimpleNamespace(Worker=Worker), logs)  # type: ignore[arg-type] # stands for MiniStack's module
    Worker()._read_stderr()
    logs.close()
    lines = ['{"level": "INFO", "message": "100% %s"}', "second"]
    assert passed_on == lines
    assert (tmp_path / "stack-worker.log").read_text().splitlines() == lines


def test_logs_are_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_logs, "LOG_BYTES", 100)
    logs = FunctionLogs(tmp_path)
    for number in range(50):
        logs.write("worker", f"line {number}")
    logs.close()
    assert len(list(tmp_path.iterdir())) == 1 + function_logs.LOG_FILES_KEPT
    assert (tmp_path / "worker.log").read_text().endswith("line 49\n")
