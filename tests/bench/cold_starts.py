"""What a cold start loads: the seconds, CPU and memory of each function's import, from a layer as it is deployed.

The layer is built for this Python; boto3, which the Lambda runtime brings, is linked beside it with its compiled files.
Run it with ``python -m tests.bench.cold_starts``; ``--imports worker`` says what takes longest.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from background.places import PROJECT

FUNCTIONS = ("trigger", "worker", "status", "candles", "authorizer", "reconciler")
REPEATS = 7
IN_THE_RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
ENVIRONMENT = {
    "AWS_LAMBDA_FUNCTION_NAME": "bench",  # with it, adapters are built while the function starts
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "POWERTOOLS_METRICS_NAMESPACE": "Bench",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "STAGE": "local",
    "CANDLES_TABLE": "candles",
    "RUNS_TABLE": "runs",
    "KEYS_TABLE": "keys",
    "COLLECT_QUEUE_URL": "http://127.0.0.1/queue",
    "EXCHANGE_BASE_URL": "http://127.0.0.1:10",  # nothing is sent to it
    "API_KEY_REQUIRED": "true",
    "MAX_RETRIES": "3",
}
_PYTHON: str = sys._base_executable  # type: ignore[attr-defined] # the one outside of any environment
_IMPORT = """
import json, resource, time
begun, cpu = time.perf_counter(), time.process_time()
import app
seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
print(json.dumps([seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


class Loaded(NamedTuple):
    """What loading a function took: wall seconds, CPU seconds, MB."""

    seconds: float
    cpu: float
    megabytes: float


class Layer:
    """The layer and the runtime's packages, unpacked as Lambda has them."""

    def __init__(self, folder: Path) -> None:
        self.built, runtime = folder / "layer", folder / "runtime"
        make = ["make", "-C", str(PROJECT / "layers" / "common"), "build-CommonLayer", f"ARTIFACTS_DIR={self.built}"]
        _run(*make, "LAYER_PLATFORM=native", f"LAYER_PIP={sys.executable} -m pip")
        runtime.mkdir()
        site = Path(sysconfig.get_path("purelib"))
        for name in IN_THE_RUNTIME:
            (runtime / name).symlink_to(site / name)
        self._path = (self.built / "python", runtime)

    def load(self, function: str, *options: str, code: str = _IMPORT) -> subprocess.CompletedProcess[str]:
        """Import a function's app in a fresh interpreter that sees nothing else and writes no compiled files."""
        path = os.pathsep.join(map(str, (PROJECT / "functions" / function, *self._path)))
        return _run(_PYTHON, "-S", "-B", *options, "-c", code, env=ENVIRONMENT | {"PYTHONPATH": path})

    def measure(self, function: str) -> Loaded:
        """Return the medians."""
        taken = [json.loads(self.load(function).stdout) for _ in range(REPEATS)]
        return Loaded(*map(statistics.median, zip(*taken, strict=True)))

    def compile(self) -> None:
        """Compile everything in the layer, as a function's init does in memory each time where nothing is compiled."""
        _run(_PYTHON, "-m", "compileall", "-q", str(self.built))

    def sizes(self) -> tuple[float, float]:
        """Return the megabytes of the layer, unpacked and zipped."""
        files = [file for file in self.built.rglob("*") if file.is_file()]
        with io.BytesIO() as packed:
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                for file in files:
                    archive.write(file, file.relative_to(self.built))
            return sum(file.stat().st_size for file in files) / 1e6, packed.getbuffer().nbytes / 1e6


def main() -> None:
    """Print the table, or one function's imports."""
    arguments = argparse.ArgumentParser("python -m tests.bench.cold_starts")
    arguments.add_argument("--imports", choices=FUNCTIONS, help="say what takes longest to import, by itself, in ms")
    function = arguments.parse_args().imports
    console = Console(highlight=False, width=100)
    with tempfile.TemporaryDirectory() as folder:
        layer = Layer(Path(folder))
        if function:
            console.print(_longest(layer.load(function, "-X", "importtime", code="import app").stderr))
            return
        size = layer.sizes()
        plain = {name: layer.measure(name) for name in FUNCTIONS}
        layer.compile()
        compiled_size = layer.sizes()
        compiled = {name: layer.measure(name) for name in FUNCTIONS}
    table = Table(title="Loading a function: ms of wall time, ms of CPU, MB of memory")
    for name in ("function", f"layer as built\n{_reported(size)}", f"with compiled files\n{_reported(compiled_size)}"):
        table.add_column(name)
    for name in FUNCTIONS:
        table.add_row(name, *(_row(measured[name]) for measured in (plain, compiled)))
    console.print(table)


def _run(*command: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True)  # noqa: S603 - commands from here


def _row(loaded: Loaded) -> str:
    return f"{1000 * loaded.seconds:5.0f} {1000 * loaded.cpu:5.0f} {loaded.megabytes:5.0f}"


def _reported(size: tuple[float, float]) -> str:
    return f"{size[0]:.1f} MB, zipped {size[1]:.1f} MB"


def _longest(reported: str) -> str:
    """Return the modules that took longest, with all that they import, and by themselves."""
    lines = [line.removeprefix("import time:").split("|") for line in reported.splitlines() if "|" in line][1:]
    modules = sorted(((int(own), int(whole), name.strip()) for own, whole, name in lines), key=lambda item: -item[1])
    return "\n".join(f"{whole / 1000:7.1f} {own / 1000:7.1f}  {name}" for own, whole, name in modules[:60])


if __name__ == "__main__":
    main()
