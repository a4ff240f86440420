"""When symbols were listed, as far as that is known: Binance counts candles of 3d from that day."""

from __future__ import annotations

from collections.abc import Mapping

LISTED_DAYS: Mapping[str, str] = {
    "ADAUSDT": "2018-04-17",
    "ATOMUSDT": "2019-04-29",
    "AVAXUSDT": "2020-09-22",
    "BNBUSDT": "2017-11-06",
    "BTCUSDT": "2017-08-17",
    "DOGEUSDT": "2019-07-05",
    "DOTUSDT": "2020-08-18",
    "ETCUSDT": "2018-06-12",
    "ETHUSDT": "2017-08-17",
    "LINKUSDT": "2019-01-16",
    "LTCUSDT": "2017-12-13",
    "MATICUSDT": "2019-04-26",
    "PAXGUSDT": "2020-08-28",
    "SHIBUSDT": "2021-05-10",
    "SOLUSDT": "2020-08-11",
    "TRXUSDT": "2018-06-11",
    "UNIUSDT": "2020-09-17",
    "XLMUSDT": "2018-05-31",
    "XMRUSDT": "2019-03-15",
    "XRPUSDT": "2018-05-04",
}
"""The day (UTC) of the first candle of symbols that many archives begin long after.

The first rows of Binance's own 3d candles, as downloaded in January 2026: the files named _3d.csv of
github.com/yanniedog/binance-historical-OHLCV-data at 1a00f07, read on 2026-11-26.
"""
