"""`candles copy`: an archive into another one, wherever each is kept (docs/migration.md)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from candle_collector.adapters.sql.addresses import parsed
from candle_collector.bootstrap import Container
from candle_collector.collecting.copy_archive import CopiedSeries, copy_series, copy_universes
from candle_collector.collecting.import_candles import ImportPorts, importing
from candle_collector.collecting.keep_listings import copy_listings
from candle_collector.domain.closing import closed_ms_at
from candle_collector.domain.interval import ms_of
from candle_collector.domain.series_record import SeriesRecord
from candle_collector.errors import CollectorError
from rich.progress import Progress

from background.home import LOCAL_AWS, STANDALONE
from background.progress import StackError
from cli.archives import Archive, Database, archive_of
from cli.commands.import_ import SHOWN_DIFFERENCES

PLACES = "standalone, local-aws, aws:STACK, aws:STACK@REGION, or a database's URL"
DIFFERENT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `candles copy` takes."""
    parser.epilog = (
        "What the target holds stays. It may be stopped at any time and run again. Exit code 1: something in the "
        "target differs."
    )
    parser.add_argument("--from", dest="source", required=True, metavar="PLACE", help=PLACES)
    parser.add_argument("--to", dest="target", required=True, metavar="PLACE", help=PLACES)


def run(arguments: argparse.Namespace) -> int:
    """Copy every series, and compare both sides."""
    source, target = _archive("--from", arguments.source), _archive("--to", arguments.target)
    if source.name == target.name:
        raise StackError(f"--from and --to are both {source.name}.", "name two archives.")
    try:
        read = source.source()
        records = list(read.series.all())
        if not records:
            raise StackError(f"{source.name} holds no series: there is nothing to copy.", "look at --from.")
        return _copy(records, read, target.tables())
    except CollectorError as error:
        raise StackError(str(error)) from error


def _archive(option: str, place: str) -> Archive:
    """Return the archive that an option names.

    Raises
    ------
    StackError
        It names none.
    DatabaseError
        It is not the address of a database that can be used.
    """
    if place == STANDALONE:
        return Database.at_home()
    if "://" in place:
        parsed(place)  # before either is opened
        return Database(place)
    kind, _, name = place.partition(":")
    stack, _, region = name.partition("@")
    if place == LOCAL_AWS or (kind == "aws" and stack):
        chosen = {"on": place if place == LOCAL_AWS else "", "stack_name": stack or None, "region": region or None}
        return archive_of(argparse.Namespace(profile=None, **chosen))
    raise StackError(f"{option} {place} is not an archive.", f"one of {PLACES}.")


def _copy(records: list[SeriesRecord], source: Container, target: Container) -> int:
    closed_ms = closed_ms_at(ms_of(target.clock.now()))
    ports = ImportPorts(target.market, target.candles, target.series, target.leases, target.clock)
    known = sum(sum(record.years.values()) for record in records)
    copied: list[CopiedSeries] = []
    with importing(ports) as lease, Progress(disable=not sys.stdout.isatty(), transient=True) as bar:
        task = bar.add_task("Copying", total=known)
        for record in records:
            lease.hold()
            series = copy_series(
                record.series,
                source,
                ports,
                lease,
                closed_end=record.series.interval.slot_at(closed_ms),
                progress=lambda rows: bar.advance(task, rows),
            )
            copied.append(series)
            # a line is one line in a file or a pipe too
            bar.console.print(*_lines(series), sep="\n", highlight=False, soft_wrap=True)
        universes = copy_universes(source.universes, target.universes, name="copied")
        copy_listings(source.listings, target.listings)
    return _report(copied, universes)


def _lines(series: CopiedSeries) -> Iterator[str]:
    """Yield what is reported of a series: a line, and the first candles that differ."""
    imported, source, target = series.imported, series.source, series.target
    verdict = "equal" if series.is_equal else "DIFFERENT"
    yield (
        f"{imported.series.symbol} {imported.series.interval}: {source.candles:,} candles, {imported.stored:,} copied, "
        f"{imported.equal:,} were there, "
        f"{imported.never_printed:,} never printed; digests {source.sha256[:12]} and {target.sha256[:12]}: "
        f"{verdict}"
    )
    for difference in imported.different[:SHOWN_DIFFERENCES]:
        yield (
            f"  {imported.series.interval.format(difference.stored.slot)} the target has {difference.stored.line()}, "
            f"the source {difference.offered.line()}; the target's stays"
        )


def _report(copied: list[CopiedSeries], universes: tuple[int, int]) -> int:
    """Print the totals, and return the exit code."""
    different = [
        f"{series.imported.series.symbol} {series.imported.series.interval}" for series in copied if not series.is_equal
    ]
    candles = sum(series.source.candles for series in copied)
    stored = sum(series.imported.stored for series in copied)
    print(f"{len(copied)} series, {candles:,} candles, {stored:,} copied; {universes[0]} rankings of days copied")
    if universes[1]:
        print(f"{universes[1]} rankings of days are others in the target, and stay")
    if different:
        print(f"{len(different)} series differ: {', '.join(different[:SHOWN_DIFFERENCES])}")
    return DIFFERENT if different or universes[1] else 0
