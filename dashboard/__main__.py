"""Serves the page at http://localhost:8501, or on the port LOCAL_DASHBOARD_PORT, until Ctrl-C."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from background.places import PROJECT

PORT_VARIABLE = "LOCAL_DASHBOARD_PORT"
PORT = "8501"


def main() -> None:
    """Become Streamlit, with the settings beside this file.

    Raises
    ------
    SystemExit
        The port is not one, or another program has it.
    """
    port = os.environ.get(PORT_VARIABLE) or PORT
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):  # noqa: PLR2004 - TCP's own bounds
        sys.exit(f"{PORT_VARIABLE}={port} is not a port.\n  Remedy: a number from 1 to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(port)))
        except OSError:
            sys.exit(f"Another program has the port {port}.\n  Remedy: {PORT_VARIABLE}=8502 make dashboard")
    # the key that these may hold reaches the page by the environment alone: arguments are seen by everybody
    roots = [str(PROJECT), str(PROJECT / "layers" / "common" / "src")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(roots)}
    os.chdir(Path(__file__).parent)  # Streamlit looks for its settings where it is started
    words = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", port]
    os.execve(sys.executable, words, environment)  # noqa: S606 - the page takes the place of this program


if __name__ == "__main__":
    main()
