"""The coverage of an interval that is read from several series, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from candle_collector import answers
from candle_collector.domain.coverage import percent
from candle_collector.domain.windows import Window
from candle_collector.reading.candle_source import Part
from candle_collector.reading.report_coverage import CoveragePorts, bounded, report_series_coverage


def report_parts_coverage(
    parts: Sequence[Part], ports: CoveragePorts, *, interval: str, start_ms: int | None, end_ms: int | None
) -> answers.SymbolCoverage:
    """Return the coverage of candles that are made of the parts of several series, as if those were one.

    Parameters
    ----------
    parts
        Those of `parts_of`.
    interval
        The name of the interval that they make up.
    start_ms, end_ms
        As for `report_series_coverage`.
    """
    wanted = Window(parts[0].within.start if start_ms is None else start_ms, parts[-1].within.end)
    wanted = wanted if end_ms is None else Window(wanted.start, end_ms)
    touched = [part for part in parts if part.within.clip(wanted).slots] or [parts[0]]
    reports = [
        report_series_coverage(
            source.series,
            ports,
            start_ms=within.start if at else start_ms,
            end_ms=end_ms if at == len(touched) - 1 else within.end,
            interval=interval,
            grid=source.grid,
        )
        for at, (source, within) in enumerate(touched)
    ]
    return bounded(reduce(_joined, reports))


def _joined(before: answers.SymbolCoverage, after: answers.SymbolCoverage) -> answers.SymbolCoverage:
    """Return one report of two whose times follow each other."""
    expected = before.expected + after.expected
    known = before.stored + after.stored + before.never_printed_candles + after.never_printed_candles
    return replace(
        before,
        is_kept=before.is_kept or after.is_kept,
        last=max(before.last or "", after.last or "") or None,
        delisted_from=after.delisted_from,
        segments=max(before.segments, after.segments, key=len),
        start=before.start or after.start,
        end=after.end or before.end,
        expected=expected,
        stored=before.stored + after.stored,
        never_printed_candles=before.never_printed_candles + after.never_printed_candles,
        never_printed=[*before.never_printed, *after.never_printed],
        missing_candles=before.missing_candles + after.missing_candles,
        missing=[*before.missing, *after.missing],
        rejected=[*before.rejected, *after.rejected],
        percent=percent(known, expected),
        record_repaired=before.record_repaired or after.record_repaired,
    )
