"""Candles with their volume; hours without a candle are shaded and named."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from candle_collector.domain import windows
from candle_collector.domain.windows import HOUR_MS, Window
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from cli.client import Kline
from dashboard.charts.palette import COLOURS, DOWN, FAINT, GRID, UP, layout
from dashboard.hours import NAMES, Hours, Kind

_GAPS = (Kind.MISSING, Kind.REJECTED, Kind.NEVER_PRINTED, Kind.TO_COME)
_SHADES_MOST = 150
"""A chart with more shades than this cannot be read; the widest are drawn."""
_NAMED_FROM = 0.012
"""Which share of the chart a gap must have at least to be named in it; narrower ones are named when pointed at."""


def candle_chart(symbol: str, rows: Sequence[Kline], interval_hours: int, hours: Hours, shown: Window) -> go.Figure:
    """Return the candles of rows of the API, in a range of hours.

    Parameters
    ----------
    hours
        What is known of the hours in the range.
    shown
        The range.
    """
    times = [datetime.fromtimestamp(int(row[0]) / 1000, tz=windows.moment_of(0).tzinfo) for row in rows]
    opened, high, low, closed, volume = ([float(row[column]) for row in rows] for column in range(1, 6))
    rose = [after >= before for before, after in zip(opened, closed, strict=True)]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.78, 0.22], vertical_spacing=0.03)
    figure.add_trace(
        go.Candlestick(
            x=times,
            open=opened,
            high=high,
            low=low,
            close=closed,
            name=symbol,
            # a candle that rose is hollow, one that fell is filled
            increasing={"line": {"color": UP, "width": 1.2}, "fillcolor": "#FFFFFF"},
            decreasing={"line": {"color": DOWN, "width": 1.2}, "fillcolor": DOWN},
        ),
        row=1,
        col=1,
    )
    figure.add_trace(
        go.Bar(
            x=times,
            y=volume,
            width=interval_hours * HOUR_MS * 0.8,
            marker={"color": [UP if up else DOWN for up in rose], "opacity": 0.55, "line": {"width": 0}},
            name="volume",
            hovertemplate="volume %{y:,.2f}<extra></extra>",
        ),
        row=2,
        col=1,
    )
    _shade(figure, hours, shown)
    axis: dict[str, Any] = {"gridcolor": GRID, "zeroline": False, "tickfont": {"color": FAINT}, "ticks": ""}
    span = [windows.moment_of(shown.start), windows.moment_of(shown.end)]
    figure.update_layout(layout(560, hovermode="x unified", bargap=0, margin={"l": 8, "r": 8, "t": 8, "b": 8}))
    figure.update_xaxes({**axis, "range": span, "showgrid": False, "rangeslider": {"visible": False}})
    figure.update_yaxes(
        {**axis, "side": "right", "fixedrange": True, "exponentformat": "none", "separatethousands": True}
    )
    figure.update_yaxes(title={"text": "volume", "font": {"size": 11, "color": FAINT}}, nticks=3, row=2, col=1)
    return figure


def gaps(hours: Hours, shown: Window) -> list[tuple[Window, Kind]]:
    """Return the windows of a range that have no candle, by time."""
    by_kind = dict(hours.by_kind())
    return sorted((window, kind) for kind in _GAPS for window in windows.clip(by_kind[kind], shown))


def _shade(figure: go.Figure, hours: Hours, shown: Window) -> None:
    found = gaps(hours, shown)
    widest = sorted(found, key=lambda gap: -gap[0].hours)[:_SHADES_MOST]
    for window, kind in sorted(widest):
        start, end = windows.moment_of(window.start), windows.moment_of(window.end)
        is_named = window.hours >= _NAMED_FROM * shown.hours
        figure.add_shape(
            type="rect",
            xref="x",
            yref="paper",
            x0=start,
            x1=end,
            y0=0,
            y1=1,
            fillcolor=COLOURS[kind],
            opacity=0.24,
            line={"width": 1, "color": COLOURS[kind], "dash": "dot" if kind is Kind.NEVER_PRINTED else "solid"},
            layer="below",
        )
        if is_named:
            figure.add_annotation(
                x=start,
                y=1,
                xref="x",
                yref="paper",
                xanchor="left",
                yanchor="top",
                text=NAMES[kind],
                showarrow=False,
                textangle=-90 if window.hours < 0.08 * shown.hours else 0,
                font={"size": 12},
                bgcolor="rgba(255,255,255,0.75)",
            )
