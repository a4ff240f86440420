"""The runtimes that the end-to-end tests take as their parameter, and the marks that say which tests run on which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from background.home import LOCAL_AWS, STANDALONE

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "ALL",
    "LOCAL_AWS",
    "POSTGRESQL",
    "RUNTIMES",
    "STANDALONE",
    "aws_alone",
    "aws_at_length",
    "core",
    "runtimes_of",
]

POSTGRESQL = "postgresql"
"""The standalone server, with a PostgreSQL database in place of its SQLite file."""
RUNTIMES = (STANDALONE, POSTGRESQL, LOCAL_AWS)
ALL = "all"

aws_alone = pytest.mark.runtimes(LOCAL_AWS)
"""What only AWS has."""
core = pytest.mark.runtimes(STANDALONE, LOCAL_AWS, also=(POSTGRESQL,))
"""What proves, in `make test` already, that the template does what the standalone server does."""
aws_at_length = pytest.mark.runtimes(also=(LOCAL_AWS,))
"""What only AWS has, and takes the emulator too long for `make test`."""
_UNMARKED = pytest.mark.runtimes(STANDALONE, also=(POSTGRESQL, LOCAL_AWS)).mark


def runtimes_of(marked: pytest.Mark | None, requested: str | None) -> Collection[str]:
    """Return the runtimes that a test is to run on.

    Parameters
    ----------
    marked
        Its mark `runtimes`: those of `make test`, and with `also` those that it can run on besides.
    requested
        The option --runtime: one of them, `all`, or None for those of `make test`.
    """
    mark = marked or _UNMARKED
    possible = {*mark.args, *mark.kwargs.get("also", ())}
    wanted = {None: mark.args, ALL: RUNTIMES}.get(requested, (requested,))
    return [runtime for runtime in RUNTIMES if runtime in possible and runtime in wanted]
