"""What to say where a library is missing that a command needs: not all of them are installed at first."""

from __future__ import annotations

from background.progress import IS_CLONE, StackError

EXTRAS = {"boto3": "aws", "botocore": "aws", "pynamodb": "aws", "pandas": "files", "pyarrow": "files"}
"""The extra of the project that brings a library."""


def remedy_for(error: ModuleNotFoundError) -> StackError | None:
    """Return what to say; None where the library is not one of those."""
    library = (error.name or "").partition(".")[0]
    if library == "localstack":
        return StackError("This needs the project's sources, and this is an installed package.", "clone the project.")
    extra = EXTRAS.get(library)
    if extra is None:
        return None
    return StackError(
        f"This needs {library}, which is not installed.",
        f"make setup WITH={extra}" if IS_CLONE else f"pipx install 'candle-collector[{extra}]'",
    )
