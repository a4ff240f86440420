"""Files that are written whole or not at all, those with a key readable by their owner alone; digests of sources."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from background.places import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

UNREAD = ("__pycache__", ".egg-info", ".pyc")
"""Written by tools into the sources' folders; nothing of it is run."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have what the file system refuses name the file that a person knows, not one that is written in its place."""
    try:
        yield
    except OSError as error:
        if not isinstance(error, ConnectionError | TimeoutError):  # which are of the network
            error.filename, error.filename2 = str(path), None
        raise


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    unfinished = path.with_name(path.name + ".unfinished")
    with naming(path):
        unfinished.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
            unfinished.replace(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise


def require_writable(folder: Path) -> None:
    """Make sure that files can be made in a folder.

    Raises
    ------
    OSError
        They cannot; it names the folder.
    """
    with naming(folder), tempfile.TemporaryFile(dir=folder):
        pass


@contextmanager
def left_as_it_was(path: Path) -> Iterator[None]:
    """Have a file, which only its owner can read, be what it was before, or not be there, when this ends."""
    before = path.read_text() if path.exists() else None
    try:
        yield
    finally:
        if before is None:
            path.unlink(missing_ok=True)
        else:
            write_private(path, before)


@contextmanager
def without_new(folder: Path, *, unless: Callable[[], bool]) -> Iterator[None]:
    """Remove what is in a folder when this ends and was not when it began, and the folder itself if it is new.

    Parameters
    ----------
    unless
        Returns at the end whether all of it stays.
    """
    existed = folder.exists()
    before = set(folder.iterdir()) if existed else set()
    try:
        yield
    finally:
        for path in set(folder.iterdir()) - before if folder.exists() and not unless() else ():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        if not existed and folder.exists() and not any(folder.iterdir()):
            folder.rmdir()


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file, an empty one where it is missing or was half written."""
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def digest_of(paths: Iterable[Path]) -> str:
    """Return a digest of the contents of files and folders; what tools leave in them does not count."""
    digest = hashlib.sha256()
    for path in paths:
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        for file in files:
            if not any(part.endswith(UNREAD) for part in file.parts):
                name = file.relative_to(PROJECT) if file.is_relative_to(PROJECT) else file
                digest.update(f"{name}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
