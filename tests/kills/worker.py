"""A worker process of the runtime that may kill itself at a chosen call: ``python -m tests.kills.worker``."""

from __future__ import annotations

import os

from standalone.worker_process import main
from tests.kills.server import START, read

if __name__ == "__main__":
    read(os.environ.pop(START)).prepare(is_worker=True)
    main()
