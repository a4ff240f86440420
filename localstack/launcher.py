"""Runs MiniStack in the stack's own environment, with what it lacks: timed snapshots, shared layers, logs in files.

A program of its own, started by `python -m localstack up` with an environment that it has made; see `main`.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import importlib
import os
import resource
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from localstack import patches
from localstack.front import Front
from localstack.snapshots import Snapshots, saver

if TYPE_CHECKING:
    from collections.abc import Callable

# How long a killed predecessor's last snapshot may take to be written.
LOCK_WITHIN_S = 30


def lock_state(folder: Path) -> int:
    """Take the state folder for this process and its snapshots; give the lock's file descriptor.

    Raises
    ------
    SystemExit
        Another process keeps it.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_WITHIN_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                sys.exit(f"{folder} is in use by another local stack")
            time.sleep(0.1)
        else:
            return descriptor


def serve(state: Path, logs: Path, aws_port: int, api_port: int) -> None:
    """Serve the local AWS and the API until SIGTERM or SIGINT."""
    lock = lock_state(state)
    scratch = Path(os.environ["TMPDIR"])
    # MiniStack leaves gigabytes of unpacked functions behind when it is killed.
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096) if most != resource.RLIM_INFINITY else 4096, most))

    # Imported here: MiniStack reads its settings from the environment when it is imported.
    ministack = importlib.import_module("ministack.app")
    runtime = importlib.import_module("ministack.core.lambda_runtime")
    patches.apply(layers=scratch / "layers", logs=logs)
    snapshots = Snapshots(saver(ministack, importlib.import_module("ministack.core.persistence")), lock)
    front = Front(ministack.app, api_port, state / "api-path", snapshots)
    snapshots.start()

    config = importlib.import_module("hypercorn.config").Config()
    config.bind = [f"127.0.0.1:{aws_port}", f"127.0.0.1:{api_port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    asyncio.run(_serve(front, config, runtime.reset))


async def _serve(front: Front, config: object, end_functions: Callable[[], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    async def stopped() -> None:
        await stop.wait()
        # Functions that run are not waited for: their messages come back, as after a crash. Else a request that waits
        # for one would keep the server from closing.
        await asyncio.to_thread(end_functions)

    await importlib.import_module("hypercorn.asyncio").serve(front, config, shutdown_trigger=stopped)
    # Everything is saved. What the queue's polling has started since is ended like the others, unwaited for.
    end_functions()
    os._exit(0)


def main() -> None:
    """Read the command line; MiniStack's own settings (STATE_DIR and others) come as environment."""
    parser = argparse.ArgumentParser(prog="python -m localstack.launcher")
    parser.add_argument("--state", type=Path, required=True, help="the state folder of the exchange")
    parser.add_argument("--logs", type=Path, required=True, help="where the functions' logs go")
    parser.add_argument("--aws-port", type=int, required=True)
    parser.add_argument("--api-port", type=int, required=True)
    arguments = parser.parse_args()
    serve(arguments.state, arguments.logs, arguments.aws_port, arguments.api_port)


if __name__ == "__main__":
    main()
