"""Which archive the page shows, and with which key: from the environment, from this machine's state, or typed.

The key never is an argument, in a URL or in what the browser is sent; a typed one stays in the memory of the session.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from background.files import read_object
from background.places import Places, shown

URL_VARIABLE, KEY_VARIABLE = "CANDLES_URL", "CANDLES_API_KEY"
_TYPED = "typed_connection"
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Connection:
    """An archive's API.

    Attributes
    ----------
    key
        Empty where none is known: then one is asked for.
    source
        Where the key came from, for people.
    """

    url: str
    key: str
    source: str

    @property
    def is_local(self) -> bool:
        """Whether asking it costs nothing."""
        return urlsplit(self.url).hostname in _THIS_MACHINE

    def __repr__(self) -> str:
        return f"Connection({self.url!r}, from {self.source})"


def find_connection(
    session: Mapping[Any, Any], environment: Mapping[str, str] = os.environ, places: Places | None = None
) -> Connection | None:
    """Return what was typed, else what the environment names, else what runs on this machine; None where nothing does.

    A key goes to the address that it was given for alone.
    """
    typed = session.get(_TYPED)
    if isinstance(typed, Connection):
        return typed
    url = environment.get(URL_VARIABLE, "")
    if url:
        return Connection(url.rstrip("/"), environment.get(KEY_VARIABLE, ""), f"{KEY_VARIABLE} in the environment")
    file = (places or Places.from_environment(environment)).stack_file
    reported = read_object(file)
    if not reported.get("api_url"):
        return None
    return Connection(str(reported["api_url"]), str(reported.get("api_key", "")), shown(file))


def keep_typed(session: MutableMapping[Any, Any], url: str, key: str) -> str | None:
    """Use an address and a key that a person typed; return what is wrong with them, None where they are used."""
    address, typed_key = url.strip().rstrip("/"), key.strip()
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
        return "The address is not valid. Write it like https://abc123.execute-api.us-east-1.amazonaws.com/dev"
    if parts.scheme == "http" and parts.hostname not in _THIS_MACHINE:
        return "The key would travel readable for all on its way. Write the address with https://"
    if not typed_key or not typed_key.isascii() or not typed_key.isprintable() or " " in typed_key:
        return "The key is not valid. It begins with cck_; `candles keys create` makes one."
    session[_TYPED] = Connection(address, typed_key, "typed")
    return None


def forget_typed(session: MutableMapping[Any, Any]) -> None:
    """Go back to what the environment or this machine names."""
    session.pop(_TYPED, None)
