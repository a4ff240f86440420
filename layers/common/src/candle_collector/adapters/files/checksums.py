"""The checksum that the exchange's archive puts beside each file: if it fits, the file is as it was published."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from candle_collector.adapters.files.refusals import CandleFileError

CHECKSUM = ".CHECKSUM"
"""What the archive puts behind the name of a file for the one beside it that has its SHA-256."""

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII | re.IGNORECASE)
_CHECKSUM_MOST = 1000


def has_checksum(path: Path) -> bool:
    """Return whether a checksum lies beside a file: if so it fits, and the file is whole.

    Raises
    ------
    CandleFileError
        It does not fit, or cannot be read.
    """
    beside = path.with_name(path.name + CHECKSUM)
    try:
        with beside.open(encoding="utf-8") as file:
            words = file.read(_CHECKSUM_MOST).split()
        if len(words) != 2 or not _SHA256.fullmatch(words[0]) or words[1].lstrip("*") != path.name:  # noqa: PLR2004 - the sum and the name
            raise CandleFileError(f"{path}: {beside.name} is not its checksum. Fetch both again")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise CandleFileError(f"{path}: {beside.name} cannot be read: {error}. Fetch both again") from error
    if found != words[0].lower():
        raise CandleFileError(
            f"{path}: {beside.name} does not fit: the file was cut or changed, or was published again. Fetch both again"
        )
    return True
