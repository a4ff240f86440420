"""A folder of every kind of file in every layout: each is taken or named, the totals add up, the exit code says it."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import re
import zipfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped] # it ships none
import pyarrow.parquet as pq  # type: ignore[import-untyped] # as above
import pytest
from candle_collector.domain.windows import Window

from cli.main import main
from tests.fakes.exchange import synthetic_candle
from tests.hourly import first_hour_of, hourly
from tests.unit.archive import Archive, line

START = first_hour_of("2024-01-01")
HEADER = (
    "open_time,open,high,low,close,volume,close_time,"
    "quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n"
)
LAYOUTS = (
    "",
    "BTCUSDT",
    "data/spot/monthly/klines/{symbol}/1h",
    "2024/01",
    "a b/ü/{symbol}-1h",
    ".hidden",
    "deep/" * 30,
    "symbol={symbol}/month=2024-01",
)


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Archive:
    there = Archive()
    there.stand_for_the_database(monkeypatch)
    return there


def text(symbol: str, hours: int = 48) -> str:
    return "".join(line(synthetic_candle(symbol, START + hour)) for hour in range(hours))


def zipped(content: bytes, name: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(name, content)

    return write


def raw(content: bytes) -> Callable[[Path], None]:
    return lambda path: (path.write_bytes(content), None)[1]


def parquet(rows: str) -> Callable[[Path], None]:
    columns = zip(*(row.split(",") for row in rows.splitlines()), strict=True)
    table = pa.table({name: list(values) for name, values in zip(HEADER.strip().split(","), columns, strict=True)})
    return lambda path: pq.write_table(table, path)


def two_files(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name in ("a.csv", "b.csv"):
            file.writestr(name, text("BTCUSDT"))


def zipped_by_macos(content: bytes, name: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(name, content)
            file.writestr(f"__MACOSX/._{name}", b"\0")

    return write


def pipe(path: Path) -> None:
    """Make what would be waited for without end."""
    os.mkfifo(path)


def link_to_nothing(path: Path) -> None:
    path.symlink_to(path.with_name("gone.csv"))


def sidecar(content: bytes, name: str) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode()


def kinds(symbol: str) -> list[tuple[str, Callable[[Path], None], str]]:
    """Return files by name, how they are written, and what becomes of them."""
    plain = text(symbol)
    name = f"{symbol}-1h-2024-01"
    rows = plain.encode()
    return [
        (f"{name}.csv", raw(rows), "taken"),
        (f"{name}.csv.gz", raw(gzip.compress(rows)), "taken"),
        (f"{name}.zip", zipped(rows, f"{name}.csv"), "taken"),
        (f"{name} (1).csv", raw(HEADER.encode() + rows), "taken"),
        (f"{symbol}-1h-2024.csv", raw((HEADER + plain).replace(",", ";").encode("utf-16")), "taken"),
        (f"{symbol}-1h-2024-01-01.csv", raw(text(symbol, 24).encode("utf-8-sig")), "taken"),
        (f"{name} (2).csv", raw(rows.replace(b"\n", b"\r\n")), "taken"),
        (f"{name} (3).CSV", raw(b"\n" + rows.replace(b",", b"\t") + b"\n"), "taken"),
        (f"{name} (4).parquet", parquet(plain), "taken"),
        (f"{name} (5).zip", zipped_by_macos(rows, f"{name}.csv"), "taken"),
        (f"{name} (6).csv.gz", raw(gzip.compress(gzip.compress(rows))), "refused"),
        (f"{name} (7).zip", two_files, "refused"),
        (f"{name} (8).csv", raw(b"\0" * 100_000), "refused"),
        (f"{symbol.lower()}-1h-2024-01.csv", raw(rows), "refused"),
        (f"{symbol}-1h-2024-11.csv", pipe, "refused"),
        (f"{symbol}-1h-2024-12.csv", link_to_nothing, "refused"),
        (f"{symbol}-1h-2024-02.csv", raw(rows), "refused"),  # another month
        (f"{symbol}-1h-2024-03.csv", raw(b""), "refused"),
        (f"{symbol}-1h-2024-04.csv", raw(HEADER.encode()), "refused"),
        (f"{symbol}-1h-2024-05.zip", raw(b"<html>not found</html>"), "refused"),
        (f"{symbol}-1h-2024-06.csv.gz", raw(gzip.compress(rows)[:-20]), "refused"),
        (f"{symbol}-1h-2024-07.zip", zipped(rows, "inner.zip"), "refused"),
        (f"{symbol}-1h-2024-08.csv", raw(HEADER.encode() * 2 + rows), "refused"),
        (f"{symbol}-1h-2024-09.csv", raw(rows[:-40]), "refused"),
        (f"{symbol}-1h-2024-10.parquet", raw(b"PAR1"), "refused"),
        (f"{symbol}-1h-2024-13.csv", raw(rows), "refused"),
        (f"{symbol}-1d-2024-01.csv", raw(rows), "refused"),
        (f"{symbol}-aggTrades-2024-01.csv", raw(b"1,2,3\n"), "refused"),
        (f"{symbol}.csv", raw(b"unix,date,symbol,open\n1,2,3,4\n"), "refused"),  # another service's
        (f"{name}.csv.partial", raw(rows), "left out"),
        ("notes.txt", raw(b"mine"), "left out"),
        ("two\nlines.txt", raw(b"mine"), "left out"),
        (os.fsdecode(b"no-text-\xff.txt"), raw(b"mine"), "left out"),
        (".DS_Store", raw(b"\0"), "left out"),
        ("._x.csv", raw(b"\0"), "left out"),
        ("orphan.zip.CHECKSUM", raw(b"0"), "left out"),
    ]


def test_of_a_folder_of_200_files_each_is_taken_or_named(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "all"
    written: dict[str, list[Path]] = {"taken": [], "refused": [], "left out": []}
    layouts = cycle(LAYOUTS)
    symbols = [f"S{number}USDT" for number in range(9)]
    for symbol in symbols:
        at = folder / symbol.lower() / next(layouts).format(symbol=symbol)
        at.mkdir(parents=True)
        for name, write, outcome in kinds(symbol):
            write(at / name)
            written[outcome].append(at / name)
        checked, cut = (at / f"{symbol}-1h-2024-{month}.csv" for month in ("01-02", "01-03"))
        cut.write_text("".join(line(synthetic_candle(symbol, START + hour)) for hour in range(48, 60)))
        checked.write_text("".join(line(synthetic_candle(symbol, START + hour)) for hour in range(24, 48)))
        Path(f"{checked}.CHECKSUM").write_bytes(sidecar(checked.read_bytes(), checked.name))
        Path(f"{cut}.CHECKSUM").write_bytes(sidecar(b"the whole file", cut.name))
        written["taken"].append(checked)
        written["refused"].append(cut)
    futures = folder / "data/futures/um/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01.csv"
    futures.parent.mkdir(parents=True)
    futures.write_text(text("BTCUSDT"))
    written["refused"].append(futures)
    (folder / "around").symlink_to(folder)
    assert sum(map(len, written.values())) > 300
    assert main(["import", str(folder), str(written["taken"][0])]) == 2  # which is in the folder
    said = capsys.readouterr()
    refused = re.findall(r"^refused: (.*?\.[a-zA-Z.]+): ", said.err, re.MULTILINE)
    assert sorted(refused) == sorted(map(str, written["refused"]))
    assert all(sentence.count("\n") == 0 for sentence in said.err.strip().splitlines())
    left_out = re.findall(r"^left out: (.*) is not a file of candles by its name$", said.out, re.MULTILINE)
    shown = {"two\nlines": "two\\nlines", "\udcff": "\\udcff"}
    for name, escaped in shown.items():
        written["left out"] = [Path(str(path).replace(name, escaped)) for path in written["left out"]]
    assert sorted(left_out) == sorted(map(str, written["left out"]))
    counts = [len(written[name]) for name in ("taken", "refused", "left out")]
    offered = 9 * (9 * 48 + 24 + 24)
    assert said.out.strip().splitlines()[-1] == (
        f"{counts[0]} files taken, {counts[1]} refused, {counts[2]} left out; "
        f"{offered:,} candles, {9 * 48:,} stored, {offered - 9 * 48:,} were there, 0 differ"
    )
    for symbol in symbols:
        assert archive.candles.slots(hourly(symbol)) == (Window(START, START + 48),)


def test_bytes_of_any_kind_are_a_refusal_and_never_a_crash(
    archive: Archive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(7)
    good = {
        ".csv": text("BTCUSDT").encode(),
        ".csv.gz": gzip.compress(text("BTCUSDT").encode()),
        ".zip": b"",
        ".parquet": b"",
    }
    zipped(good[".csv"], "x.csv")(tmp_path / "x.zip")
    good[".zip"] = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "BTCUSDT-1h-2024-01.csv").write_bytes(good[".csv"])
    main(["import", str(tmp_path / "BTCUSDT-1h-2024-01.csv")])
    assert main(["export", str(tmp_path / "x.parquet")]) == 0
    good[".parquet"] = (tmp_path / "x.parquet").read_bytes()
    before = dict(archive.candles.lines)
    folder = tmp_path / "broken"
    folder.mkdir()
    for number in range(120):
        suffix = chance.choice(sorted(good))
        broken = bytearray(good[suffix])
        for _ in range(chance.randint(1, 20)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        del broken[chance.choice([len(broken), chance.randrange(len(broken))]) :]
        (folder / f"BTCUSDT-1h-2024-01 ({number}){suffix}").write_bytes(broken)
    capsys.readouterr()
    assert main(["import", str(folder)]) == 2
    said = capsys.readouterr()
    taken, refused = map(int, re.findall(r"^(\d+) files taken, (\d+) refused", said.out, re.MULTILINE)[0])
    assert taken + refused == 120
    assert said.err.count("refused: ") == refused > 60
    assert {key: archive.candles.lines[key] for key in before} == before
