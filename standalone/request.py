"""A request of HTTP, as the parts of the gateway know it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Request(NamedTuple):
    """A request as it came.

    Attributes
    ----------
    path
        As it is on the wire, percent-encoded.
    query, headers
        In their order, repeated ones too; the query's are decoded.
    source_ip
        The caller's address.
    """

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Sequence[tuple[str, str]] = ()
    body: str | None = None
    source_ip: str = ""
