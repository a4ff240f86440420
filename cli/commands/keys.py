"""`candles keys`: API keys of the archive at home or of a stack on AWS.

Only a key's hash is stored, so it is printed once.
A key id is the part between the first two underscores of a key; it is not a secret. A rotation makes a second key of
the same name and scope: hand it out, and then revoke the first.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta

from candle_collector.api.create_key import create_key, rotate_key
from candle_collector.domain.api_key import ApiKey, Scope, StoredKey
from candle_collector.ports import ApiKeyStore

from background.progress import StackError
from cli.archives import add_stack_arguments, archive_of

COLUMNS = ("KEY ID", "NAME", "SCOPE", "STATE", "CREATED", "EXPIRES", "LAST USED")
LONGEST_DAYS = 3650


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add create, list, rotate and revoke."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key; it alone goes to standard output")
    create.add_argument("--name", default="admin", help="whose key it is, or what for (default: admin)")
    create.add_argument(
        "--scope", choices=[scope.value for scope in Scope], default="admin", help="read reaches candles and coverage"
    )
    create.add_argument("--expires-in-days", type=_days, help="when it stops working (default: never)")
    listing = actions.add_parser("list", help="show all keys with their state; the keys themselves are nowhere")
    rotate = actions.add_parser("rotate", help="make a second key of the same name and scope")
    revoke = actions.add_parser("revoke", help="refuse a key from the next request on")
    for action in (rotate, revoke):
        action.add_argument("key_id", metavar="KEY_ID", help="the first ten letters of the key, after cck_")
    for action in (create, listing, rotate, revoke):
        add_stack_arguments(action)


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LONGEST_DAYS:
        raise argparse.ArgumentTypeError(f"takes 1 to {LONGEST_DAYS} days")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Do what was chosen."""
    stack = archive_of(arguments)
    store, now = stack.keys(), datetime.now(UTC)
    match arguments.action:
        case "create":
            _create(arguments, store, stack.name, now)
        case "list":
            print("\n".join(lines(list(store.all()), now)))
        case "rotate":
            _rotate(arguments.key_id, store, stack.name, now)
        case _:
            _revoke(arguments.key_id, store, stack.name, now)
    return 0


def _create(arguments: argparse.Namespace, store: ApiKeyStore, stack: str, now: datetime) -> None:
    days = arguments.expires_in_days
    expires_at = now + timedelta(days=days) if days else None
    try:
        key, stored = create_key(
            store, name=arguments.name, scope=Scope(arguments.scope), now=now, expires_at=expires_at
        )
    except ValueError as error:
        raise StackError(f"--name: {error}") from error
    _show_once(key, stored, stack)


def _rotate(key_id: str, store: ApiKeyStore, stack: str, now: datetime) -> None:
    try:
        key, stored = rotate_key(store, key_id, now=now)
    except ValueError as error:
        raise StackError(f"{error}.", _which(key_id, store, stack)) from error
    _show_once(key, stored, stack)
    print(f"{key_id} still works. Revoke it when the new one is in use.", file=sys.stderr)


def _revoke(key_id: str, store: ApiKeyStore, stack: str, now: datetime) -> None:
    revoked = store.revoke(key_id, now)
    if revoked is None or revoked.revoked_at is None:
        raise StackError(f"There is not a key {key_id}.", _which(key_id, store, stack))
    print(f"{key_id} ({revoked.name}) is refused since {revoked.revoked_at:%Y-%m-%d %H:%M:%S} UTC.")


def _which(named: str, store: ApiKeyStore, stack: str) -> str:
    """Say how a key is named, and which ones somebody may mean who has given a name."""
    ids = [key.key_id for key in sorted(store.all(), key=lambda key: key.created_at) if key.name == named]
    meant = f" {named} is the name of {' and '.join(ids)}." if ids else ""
    return f"give its id, not its name: `candles keys list` shows the keys of {stack}, in the column KEY ID.{meant}"


def _show_once(key: ApiKey, stored: StoredKey, stack: str) -> None:
    """Print a new key; it alone goes to stdout, so that KEY=$(...) takes it."""
    ends = f"until {stored.expires_at:%Y-%m-%d %H:%M} UTC" if stored.expires_at else "until it is revoked"
    print(f"{stored.scope} key {stored.key_id} ({stored.name}) for {stack}, good {ends}:", file=sys.stderr)
    print(key.text)
    print("Keep it now: only its hash is stored, so it cannot be shown again.", file=sys.stderr)


def lines(keys: list[StoredKey], now: datetime) -> list[str]:
    """Return a table of keys, the newest last."""
    rows = [
        (key.key_id, key.name, key.scope.value, key.state(now), *map(_moment, (key.created_at, key.expires_at)), used)
        for key in sorted(keys, key=lambda key: key.created_at)
        for used in (_moment(key.last_used_at),)
    ]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in (COLUMNS, *rows)
    ]


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "never"
