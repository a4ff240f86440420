"""What trades on Binance's spot market and is money rather than a crypto."""

from __future__ import annotations

from collections.abc import Mapping

from candle_collector.domain.market import FIAT, STABLECOIN

PEGGED_ASSETS: Mapping[str, str] = {
    **dict.fromkeys(("AUD", "BRL", "EUR", "GBP", "RUB", "TRY"), FIAT),
    **dict.fromkeys(
        [
            *("AEUR", "BFUSD", "BKRW", "BUSD", "BVND", "DAI", "EURI", "FDUSD", "IDRT", "PAX", "PYUSD", "RLUSD", "SUSD"),
            *("TUSD", "U", "USD1", "USDC", "USDE", "USDP", "USDS", "USDSB", "USDT", "XUSD"),
        ],
        STABLECOIN,
    ),
}
"""Fiat, and coins whose issuer pegs them to fiat, by asset; the delisted ones stay, as past years have them. USDT is a
base asset where the quote asset is fiat (USDTTRY, USDTBRL).

Sources, read on 2026-11-26: Binance's exchangeInfo of 2021-10-12 and of August 2025, as recorded; the lists "Fiat" and
"Stable" of configs/blacklist-binance.json of github.com/iterativv/NostalgiaForInfinity at 000e8dc. USTC is not among
them: it has not been worth a dollar since May 2022. A list ages, so `at_par` looks for what it lacks.
"""
