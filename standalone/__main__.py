"""``python -m standalone``: run the archive on this machine; settings come from the environment."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from standalone.ending import leave
from standalone.server import check, serve


def main() -> None:
    """Read the command line and serve; the process exits with what `serve` returns."""
    parser = argparse.ArgumentParser(prog="python -m standalone", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="where the API listens (this machine only by default)")
    parser.add_argument("--port", type=int, default=5000, help="0 takes a free one")
    parser.add_argument("--key-file", type=Path, required=True, help="holds the admin key; made if it does not exist")
    parser.add_argument("--log-file", type=Path, help="the file that the output goes to; put aside when it is large")
    parser.add_argument(
        "--only-answer",
        action="store_true",
        help="answer calls alone: no run goes on, and nothing is started or notified",
    )
    parser.add_argument(
        "--check-beside",
        type=int,
        metavar="PID",
        help="start nothing; say what it would be refused for, once the server of this process has ended (0: none)",
    )
    arguments = parser.parse_args()
    if arguments.check_beside is not None:
        leave(check(os.environ, host=arguments.host, beside=arguments.check_beside))
    code = serve(
        os.environ,
        host=arguments.host,
        port=arguments.port,
        key_file=arguments.key_file,
        log_file=arguments.log_file,
        only_answers=arguments.only_answer,
    )
    leave(code)


if __name__ == "__main__":
    main()
