"""The environment of the clients that are compared with: theirs alone, because they pin what we do not."""

from localstack.environments import PROJECT, Environment, build

BENCH = Environment(PROJECT / ".local" / "venvs" / "bench", PROJECT / "requirements" / "bench.txt")


def install() -> None:
    """Build it, if it is not there."""
    build(BENCH, "bench")
