"""The rows of a CSV file, plain, zipped or gzipped, in the encodings and with the separators of spreadsheets."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path
from typing import Any

from candle_collector.adapters.files.columns import COLUMNS, Row, names_of
from candle_collector.adapters.files.names import ARCHIVE_NAME, suffix_of
from candle_collector.adapters.files.refusals import WrongRowError

_LINE_MOST = 100_000
"""The most characters that are held of a line: a file of one endless line does not fill the memory."""
_EMPTY_MOST = 100
"""The most empty lines before the first that says what parts its columns."""


def csv_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a CSV file, with a header or, as the archive's, without; empty lines are passed over."""
    with ExitStack() as stack:
        lines = _lines(path, stack)
        leading: list[str] = []
        for line in islice(lines, _EMPTY_MOST):
            leading.append(line)
            if line.strip():
                break
        delimiter = max(",;\t", key="".join(leading[-1:]).count)  # spreadsheets write the others
        reader = csv.reader(chain(leading, lines), delimiter=delimiter)
        names: Sequence[str] | None = None
        for values in reader:
            if not any(values):
                continue
            if names is None:
                if not (values[0].strip().isdecimal() and len(values) > len(COLUMNS)):
                    names = names_of(values)
                    continue
                names = COLUMNS
            if len(values) < len(names):
                raise WrongRowError(reader.line_num, f"it has {len(values)} columns in place of {len(names)}")
            yield Row(reader.line_num, dict(zip(names, values, strict=False)))


def _lines(path: Path, stack: ExitStack) -> Iterator[str]:
    """Yield the lines of a file in the encoding that its first bytes say, UTF-8 where they say nothing."""
    packed = _unpacked(path, stack)
    is_utf16 = packed.peek(2).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if is_utf16 else "utf-8-sig"
    text = stack.enter_context(io.TextIOWrapper(packed, encoding=encoding, newline=""))
    return iter(lambda: text.readline(_LINE_MOST), "")


def _unpacked(path: Path, stack: ExitStack) -> Any:
    """Open a file's bytes, or those of the one CSV file that is zipped in it: a reader that can peek."""
    suffix = suffix_of(path)
    if suffix == ".csv.gz":
        return stack.enter_context(gzip.open(path, "rb"))
    if suffix != ".zip":
        return stack.enter_context(path.open("rb"))
    zipped = stack.enter_context(zipfile.ZipFile(path))
    inside = [Path(name) for name in zipped.namelist() if name.lower().endswith(".csv")]
    inside = [name for name in inside if not name.name.startswith("._")]  # what macOS adds
    if len(inside) != 1:
        raise ValueError(f"it holds {len(inside)} CSV files in place of one")
    outside, named = (
        ARCHIVE_NAME.fullmatch(name) for name in (path.name[: -len(suffix)], inside[0].name[: -len(".csv")])
    )
    if outside and named and outside.groups() != named.groups():
        raise ValueError(f"the file in it is {inside[0].name}, which is another's name")
    return stack.enter_context(zipped.open(str(inside[0])))
