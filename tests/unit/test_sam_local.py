"""What `make sam-local` is made of, as far as it needs no Docker."""

from __future__ import annotations

import json
import re
import socket
import threading

import pytest

from background.progress import StackError
from tests.sam_local.checks import EVENTS, KEY, RUN_ID, Stack, event
from tests.sam_local.forward import forwarded
from tests.sam_local.functions import FUNCTIONS


def test_there_is_an_event_of_a_real_run_for_every_function() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == {name.lower() for name in FUNCTIONS}


def test_no_event_holds_a_key() -> None:
    for path in EVENTS.glob("*.json"):
        assert set(re.findall(r"cck_[^\"]+", path.read_text())) <= {KEY}, path.name


def test_an_event_is_given_the_key_and_a_run_of_the_stack() -> None:
    stack = Stack("http://localhost:5000", "the key", "01AAAAAAAAAAAAAAAAAAAAAAAA")
    assert event("authorizer", stack)["headers"]["x-api-key"] == "the key"
    assert json.loads(event("worker", stack)["Records"][0]["body"])["run_id"] == stack.run_id
    assert not RUN_ID.search(json.dumps(event("candles", stack)).replace(stack.run_id, ""))


def test_what_listens_on_the_loopback_alone_is_reached_by_another_address_meanwhile() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def echo() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(connection.recv(1000).upper())

        thread = threading.Thread(target=echo)
        thread.start()
        # On Linux all of 127/8 is this machine.
        with forwarded("127.0.0.2", [port]), socket.create_connection(("127.0.0.2", port), timeout=10) as caller:
            caller.sendall(b"candles")
            assert caller.recv(1000) == b"CANDLES"
        thread.join()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=10)


def test_an_address_that_is_taken_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackError, match=f"127.0.0.1:{port} cannot be listened on"), forwarded("127.0.0.1", [port]):
            pass
