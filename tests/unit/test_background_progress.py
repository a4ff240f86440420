"""Commands are named as they can be typed: those of make in a clone, those of `candles` where a wheel is installed."""

import pytest

from background.progress import as_typed


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("`make up` starts it.", "`candles up` starts it."),
        ("make collect TOP=100 START=2025-01-01", "candles collect --top 100 --start 2025-01-01"),
        ("`make up ON=local-aws` starts it", "`candles up --on local-aws` starts it"),
        ("`make up INTERVALS=1m,1h` adds minutes", "`INTERVALS=1m,1h candles up` adds minutes"),
        ("make up ON=standalone TOP_N_CRYPTOS=7", "TOP_N_CRYPTOS=7 candles up --on standalone"),
        ("make collect INTERVALS=1m", "candles collect --intervals 1m"),
        ("make setup WITH=files", "make setup WITH=files"),
        ("it can make updates", "it can make updates"),
    ],
)
def test_commands_are_those_that_there_are(text: str, typed: str) -> None:
    assert as_typed(text, is_clone=False) == typed
    assert as_typed(text, is_clone=True) == text
