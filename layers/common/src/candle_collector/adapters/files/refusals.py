"""What is said of a file, or of a row, that cannot be taken."""

from __future__ import annotations

import csv
import lzma
import struct
import zipfile
import zlib

from candle_collector.errors import CollectorError

UNREADABLE = (
    *(ValueError, TypeError, LookupError, ArithmeticError, OSError, EOFError, RuntimeError),
    *(csv.Error, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
"""What the libraries raise on files that are cut, encrypted, or of another kind."""


class CandleFileError(CollectorError):
    """A file that cannot be taken; the message names it, the row where one is wrong, and the remedy."""


class WrongRowError(Exception):
    """A row that refuses its file; `remedy` says what helps, where it is not the row that is wrong."""

    def __init__(self, number: int, reason: object, remedy: str | None = None) -> None:
        super().__init__(f"at row {number}: {reason}")
        self.remedy = remedy
