#!/usr/bin/env python3
"""Lists, rotates and revokes the API keys of the local stack or a deployed one; generate_admin_api_key.py makes them.

    python scripts/api_keys.py list
    python scripts/api_keys.py rotate KEY_ID --stack-name candle-collector-prod
    python scripts/api_keys.py revoke KEY_ID --stack-name candle-collector-prod

A key id is the part between the first two underscores of a key; it is no secret. A rotation makes a second key of the
same name and scope: hand it out, and then revoke the first. Started with any Python 3, it goes on in the project's own.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from generate_admin_api_key import add_stack_arguments, aim_at, continue_in_venv, outputs_of, parse, show_once

if TYPE_CHECKING:
    from candle_collector.domain.api_key import StoredKey

COLUMNS = ("KEY ID", "NAME", "SCOPE", "STATE", "CREATED", "EXPIRES", "LAST USED")


def arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="List, rotate and revoke API keys. Without --stack-name: local ones.")
    commands = parser.add_subparsers(dest="command", required=True)
    listed = commands.add_parser("list", help="show all keys, with their state; the keys themselves are nowhere")
    rotated = commands.add_parser("rotate", help="make a second key of the same name and scope")
    revoked = commands.add_parser("revoke", help="refuse a key from the next request on")
    for command in (rotated, revoked):
        command.add_argument("key_id", metavar="KEY_ID", help="the first ten letters of the key, after cck_")
    for command in (listed, rotated, revoked):
        add_stack_arguments(command)
    return parse(parser, words)


def lines(keys: list[StoredKey], now: datetime) -> list[str]:
    """Return a table of keys, the newest last."""
    rows = [
        (key.key_id, key.name, key.scope.value, key.state(now), *map(_told, (key.created_at, key.expires_at)), used)
        for key in sorted(keys, key=lambda key: key.created_at)
        for used in (_told(key.last_used_at),)
    ]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows)]  # noqa: B905 - Python 3.9 has no strict
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in (COLUMNS, *rows)]  # noqa: B905 - as above


def _told(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "never"


def main(words: list[str]) -> None:
    """Do what the command line asks for."""
    asked = arguments(words)
    stack_name = aim_at(asked)

    from candle_collector.adapters.dynamodb.keys_table import KeysTable  # noqa: PLC0415 - not in the Python that starts this
    from candle_collector.api.create_key import rotate_key  # noqa: PLC0415 - the same

    now = datetime.now(timezone.utc)  # noqa: UP017 - datetime.UTC is missing in the Pythons that only start this
    store = KeysTable(*outputs_of(stack_name, "KeysTableName"))
    if asked.command == "list":
        print("\n".join(lines(list(store.all()), now)))
    elif asked.command == "rotate":
        try:
            key, stored = rotate_key(store, asked.key_id, now=now)
        except ValueError as error:
            sys.exit(f"{error}. `list` shows the keys of {stack_name}.")
        show_once(key, stored, stack_name)
        print(f"{asked.key_id} works on. Revoke it when the new one is in use.", file=sys.stderr)
    else:
        revoked = store.revoke(asked.key_id, now)
        if revoked is None or revoked.revoked_at is None:
            sys.exit(f"There is no key {asked.key_id}. `list` shows the keys of {stack_name}.")
        print(f"{asked.key_id} ({revoked.name}) is refused since {revoked.revoked_at:%Y-%m-%d %H:%M:%S} UTC.")


if __name__ == "__main__":
    continue_in_venv()
    main(sys.argv[1:])
