"""What to say where the file system refuses something, whichever command asked for it."""

from __future__ import annotations

import errno
import os

from background.progress import StackError

_ELSEWHERE = "name another folder; LOCAL_DIR moves all that is kept on this machine."
_FREE = "free some space, then ask again; nothing stored is lost."
_ALLOW = f"let this user write there, or {_ELSEWHERE}"
_LOOK = "look at the path."
_REMEDIES = {
    errno.ENOSPC: _FREE,
    errno.EDQUOT: _FREE,
    errno.EFBIG: f"allow larger files, or {_ELSEWHERE}",
    errno.EROFS: f"let it be written to, or {_ELSEWHERE}",
    errno.EACCES: _ALLOW,
    errno.EPERM: _ALLOW,
    errno.EIO: f"look at the disk, or {_ELSEWHERE}",
    errno.ENAMETOOLONG: "give it a shorter name.",
    errno.EMFILE: "allow more open files: `ulimit -n 4096`.",
    errno.ENFILE: "end other programs that have files open.",
}
"""By what the file system says; of anything else the path has to be looked at."""
_WITHOUT_A_PATH = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EMFILE})
"""What is said while a file is written to that is open, when the system names it no more."""


def refusal_of(error: OSError) -> StackError | None:
    """Return what to say; None where it was not the file system, but the network or another program."""
    if error.errno is None or (error.filename is None and error.errno not in _WITHOUT_A_PATH):
        return None
    where = str(error.filename) if error.filename is not None else "A file that was being written"
    return StackError(f"{where}: {os.strerror(error.errno)}.", _REMEDIES.get(error.errno, _LOOK))
