"""EXCHANGE is understood in each of its forms, and each exchange has a state folder of its own."""

from pathlib import Path

import pytest

from background.exchange_choice import BINANCE, ExchangeChoice, choose
from background.progress import StackError


def chosen(requested: str, folder: Path, *, online: bool = False) -> ExchangeChoice:
    return choose(requested, lambda: online, folder)


def test_auto_is_binance_where_it_answers_and_simulated_where_not(tmp_path: Path) -> None:
    assert chosen("auto", tmp_path, online=True).url == BINANCE
    assert chosen("auto", tmp_path, online=False) == chosen("simulated", tmp_path)


def test_binance_is_insisted_on_without_asking_whether_it_answers(tmp_path: Path) -> None:
    assert chosen("binance", tmp_path, online=False).url == BINANCE


def test_a_replay_is_relative_to_where_it_was_asked_and_has_a_folder_by_its_path(tmp_path: Path) -> None:
    for parent in ("one", "two"):
        (tmp_path / parent / "klines").mkdir(parents=True)
        (tmp_path / parent / "klines" / "BTCUSDT-1h-2024.csv.gz").touch()
    item, two = chosen("replay:one/klines", tmp_path), chosen("replay:two/klines", tmp_path)
    assert item.arguments == ("--replay", str(tmp_path / "one" / "klines"))
    assert item.is_ours
    assert item.folder.startswith("replay-klines-")
    assert item.folder != two.folder
    assert chosen(f"replay:{tmp_path}/one/klines", tmp_path / "two") == item


@pytest.mark.parametrize("requested", ["replay:", "replay:nowhere", "replay:empty"])
def test_a_replay_without_candles_is_refused(requested: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(StackError, match=r"Remedy: name a folder"):
        chosen(requested, tmp_path)


def test_an_exchange_of_ones_own_is_named_by_its_address(tmp_path: Path) -> None:
    own = chosen("http://127.0.0.1:8123/", tmp_path)
    assert (own.url, own.folder, own.is_ours) == ("http://127.0.0.1:8123", "http-127.0.0.1-8123", False)


@pytest.mark.parametrize(
    "requested",
    [
        "Binance",
        "x",
        "http://127.0.0.1",
        "http://127.0.0.1:99999",
        "http://example.com:80",
        "https://127.0.0.1:1",
        "http://u@127.0.0.1:80",
        "http://127.0.0.1:80/api",
        "http://127.0.0.1:80?x",
    ],
)
def test_what_is_not_an_exchange_is_refused_with_the_accepted_forms(requested: str, tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"replay:FOLDER or http://127\.0\.0\.1:PORT"):
        chosen(requested, tmp_path)
