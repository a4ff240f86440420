"""Finds the files of candles in folders of any depth: downloaders' trees, exports by symbol and month, single files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from candle_collector.adapters.files.checksums import CHECKSUM
from candle_collector.adapters.files.names import SUFFIXES


@dataclass
class FoundFiles:
    """What lies at some paths.

    Attributes
    ----------
    files
        Those that may hold candles, each once, and whatever was named itself.
    left_out
        Those in the folders that cannot, by their names; checksums of files that are there are not among them.
    unreadable
        A sentence for each folder that cannot be read, and for pipes and devices, which would be waited for for ever.
    """

    files: list[Path] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def find_files(paths: Iterable[Path]) -> FoundFiles:
    """Return the files that paths stand for: a folder for all that lie in it, at any depth, through links too."""
    found = FoundFiles()
    seen: set[Path] = set()
    for path in paths:
        for file in _walk(path, found) if path.is_dir() else [path]:
            real = file.resolve()
            if real in seen or _is_checksum(file):
                continue
            seen.add(real)
            if file.exists() and not file.is_file():
                found.unreadable.append(f"{file}: it is a pipe, a socket or a device. Leave it out")
                continue
            may_hold = file.name.lower().endswith(SUFFIXES) and not file.name.startswith(".")
            (found.files if may_hold or file == path else found.left_out).append(file)
    return found


def _is_checksum(file: Path) -> bool:
    return file.name.endswith(CHECKSUM) and file.with_name(file.name.removesuffix(CHECKSUM)).exists()


def _walk(folder: Path, found: FoundFiles) -> Iterator[Path]:
    """Yield the files below a folder by name, each folder once however it is linked."""

    def note(error: OSError) -> None:
        found.unreadable.append(
            f"{error.filename}: the folder cannot be read: {error.strerror}. Allow it, or leave it out"
        )

    entered: set[Path] = set()
    for at, folders, files in os.walk(folder, onerror=note, followlinks=True):
        real = Path(at).resolve()
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        folders.sort()
        yield from (Path(at, name) for name in sorted(files))
