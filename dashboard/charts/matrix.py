"""All series by month."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from candle_collector.answers import MonthCoverage, SeriesByMonth
from plotly import graph_objects as go

from dashboard.charts.palette import FAINT, SCALE_BOUNDS, layout, marker
from dashboard.slots import Kind, month_kind, to_come

_ROW, _EDGES = 22, 44
_CLEAN: dict[str, Any] = {"showgrid": False, "zeroline": False, "fixedrange": True, "ticks": ""}


def months_matrix(series: Sequence[SeriesByMonth]) -> go.Figure:
    """Return a row for each series and a column for each month, in the order given.

    A mark's ``customdata`` is its symbol and month; months of which nothing is lacking have none.
    """
    months = _months(series)
    column = {month: number for number, month in enumerate(months)}
    z = [[Kind.NOT_EXPECTED.value] * len(months) for _ in series]
    text = [[f"<b>{item.symbol} {month}</b><br>not expected" for month in months] for item in series]
    marks: dict[Kind, list[tuple[int, int, str]]] = {}
    for row, item in enumerate(series):
        coming = to_come(item)
        for month in item.months:
            kind, at = month_kind(month, coming.get(month.month, 0)), column[month.month]
            z[row][at] = kind.value
            text[row][at] = f"<b>{item.symbol} {month.month}</b><br>{_in_words(month, coming.get(month.month, 0))}"
            if kind > Kind.STORED:
                marks.setdefault(kind, []).append((at, row, text[row][at]))
    figure = go.Figure(
        go.Heatmap(
            z=z,
            x=list(range(len(months))),
            y=list(range(len(series))),
            xgap=1.5,
            ygap=1.5,
            text=text,
            hovertemplate="%{text}<extra></extra>",
            **SCALE_BOUNDS,
        )
    )
    for kind, places in sorted(marks.items()):
        figure.add_trace(
            go.Scatter(
                x=[at for at, _, _ in places],
                y=[row for _, row, _ in places],
                mode="markers",
                marker=marker(kind, 11),
                customdata=[[series[row].symbol, months[at]] for at, row, _ in places],
                text=[said for _, _, said in places],
                hovertemplate="%{text}<extra></extra>",
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 1}},
            )
        )
    step = max(1, -(-len(months) // 24))
    shown = list(range(0, len(months), step))
    figure.update_layout(
        layout(
            _EDGES + _ROW * max(1, len(series)),
            xaxis={
                **_CLEAN,
                "side": "top",
                "range": [-0.5, len(months) - 0.5],
                "tickvals": shown,
                "ticktext": [_short(months[number], first=number == 0) for number in shown],
                "tickangle": 0,
                "tickfont": {"color": FAINT, "size": 11},
            },
            yaxis={
                **_CLEAN,
                "tickvals": list(range(len(series))),
                "ticktext": [item.symbol for item in series],
                "range": [len(series) - 0.5, -0.5],
                "tickfont": {"size": 12},
            },
            hovermode="closest",
        )
    )
    return figure


def _months(series: Sequence[SeriesByMonth]) -> list[str]:
    """Return all months from the first of any series to the last."""
    named = [month.month for item in series for month in item.months]
    if not named:
        return []
    (year, month), (last_year, last_month) = (map(int, text.split("-")) for text in (min(named), max(named)))
    count = (last_year - year) * 12 + last_month - month + 1
    return [f"{year + (month - 1 + number) // 12}-{(month - 1 + number) % 12 + 1:02}" for number in range(count)]


def _short(month: str, *, first: bool) -> str:
    """Write a month below an axis: its number, in January and at the beginning with the year."""
    year, number = month.split("-")
    return f"{number}<br>{year}" if first or number == "01" else number


def _in_words(month: MonthCoverage, still_to_come: int) -> str:
    parts = [f"{month.stored:,} of {month.expected:,} stored"]
    named = (
        ("never printed", month.never_printed),
        ("wrong at the exchange", month.rejected),
        ("missing", month.missing - still_to_come),
        ("to come", still_to_come),
    )
    return ", ".join(parts + [f"{candles:,} {name}" for name, candles in named if candles])
