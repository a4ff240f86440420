"""The callers whose key was good: while the database that holds the keys is gone, they are known by it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict

from standalone.request import Request

_MOST = 100
_PLACES = {"x-api-key", "authorization"}


class Admitted:
    """The last hundred keys that were good, as digests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, None] = OrderedDict()

    def add(self, request: Request) -> None:
        """Remember a caller."""
        if digest := _digest(request):
            with self._lock:
                self._known[digest] = None
                self._known.move_to_end(digest)
                if len(self._known) > _MOST:
                    self._known.popitem(last=False)

    def forget(self, request: Request) -> None:
        """Forget a caller who was refused."""
        with self._lock:
            self._known.pop(_digest(request), None)

    def __contains__(self, request: Request) -> bool:
        """Return whether a caller carries a key that was good."""
        with self._lock:
            return _digest(request) in self._known


def _digest(request: Request) -> str:
    """Return a digest of whatever may be a key in a request; empty where there is nothing of that kind."""
    carried = sorted(
        [(name.lower(), value.strip()) for name, value in request.headers if name.lower() in _PLACES]
        + [(name, value) for name, value in request.query if name == "api_key"]
    )
    return hashlib.sha256(json.dumps(carried).encode()).hexdigest() if carried else ""
