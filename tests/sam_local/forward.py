"""Lets containers reach what listens on the loopback alone: a forwarder on the address of Docker's bridge."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from background.progress import StackError


class _Connection(socketserver.BaseRequestHandler):
    """One connection, passed on to the same port of the loopback."""

    request: socket.socket

    def handle(self) -> None:
        port = self.request.getsockname()[1]
        try:
            there = socket.create_connection(("127.0.0.1", port))
        except OSError:
            return  # the caller sees the connection closed
        with there:
            back = threading.Thread(target=_pump, args=(there, self.request))
            back.start()
            _pump(self.request, there)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes until one side ends, and then say the other."""
    try:
        while chunk := source.recv(65_536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the side that broke is gone already


class _Forwarder(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def forwarded(address: str, ports: Iterable[int]) -> Iterator[None]:
    """Forward ports of an address to the same ports of the loopback, meanwhile.

    Raises
    ------
    StackError
        A port of that address is taken.
    """
    with ExitStack() as open_ones:
        for port in ports:
            try:
                server = open_ones.enter_context(_Forwarder((address, port), _Connection))
            except OSError as error:
                said = f"{address}:{port} cannot be listened on: {error.strerror}."
                raise StackError(said, "see docs/local.md.") from error
            thread = threading.Thread(target=server.serve_forever, args=(0.1,))
            thread.start()
            open_ones.callback(thread.join)
            open_ones.callback(server.shutdown)
        yield
