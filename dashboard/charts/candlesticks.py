"""Candles with their volume; where one is lacking, that is shaded and named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from candle_collector.domain import windows
from candle_collector.domain.interval import moment_at
from candle_collector.domain.windows import Window
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from cli.client import Kline
from dashboard.charts.palette import COLOURS, DOWN, FAINT, GRID, UP, layout
from dashboard.slots import NAMES, Kind, Slots

_GAPS = (Kind.MISSING, Kind.REJECTED, Kind.NEVER_PRINTED, Kind.TO_COME)
_SHADES_MOST = 150
"""A chart with more shades than this cannot be read; the widest are drawn."""
_NAMED_FROM = 0.012
"""Which share of the chart a gap must have at least to be named in it; narrower ones are named when pointed at."""


def candle_chart(symbol: str, rows: Sequence[Kline], length_ms: int, slots: Slots, shown: Window) -> go.Figure:
    """Return the candles of rows of the API, in a range of slots.

    Parameters
    ----------
    length_ms
        How long a candle is.
    slots
        What is known of the slots that the candles are made of.
    shown
        The range.
    """
    times = [moment_at(int(row[0])) for row in rows]
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
            width=length_ms * 0.8,
            marker={"color": [UP if up else DOWN for up in rose], "opacity": 0.55, "line": {"width": 0}},
            name="volume",
            hovertemplate="volume %{y:,.2f}<extra></extra>",
        ),
        row=2,
        col=1,
    )
    _shade(figure, slots, shown)
    axis: dict[str, Any] = {"gridcolor": GRID, "zeroline": False, "tickfont": {"color": FAINT}, "ticks": ""}
    span = [slots.interval.moment_of(slot) for slot in shown]
    figure.update_layout(layout(560, hovermode="x unified", bargap=0, margin={"l": 8, "r": 8, "t": 8, "b": 8}))
    figure.update_xaxes({**axis, "range": span, "showgrid": False, "rangeslider": {"visible": False}})
    figure.update_yaxes(
        {**axis, "side": "right", "fixedrange": True, "exponentformat": "none", "separatethousands": True}
    )
    figure.update_yaxes(title={"text": "volume", "font": {"size": 11, "color": FAINT}}, nticks=3, row=2, col=1)
    return figure


def gaps(slots: Slots, shown: Window) -> list[tuple[Window, Kind]]:
    """Return the windows of a range that have no candle, by time."""
    by_kind = dict(slots.by_kind())
    return sorted((window, kind) for kind in _GAPS for window in windows.clip(by_kind[kind], shown))


def _shade(figure: go.Figure, slots: Slots, shown: Window) -> None:
    found = gaps(slots, shown)
    widest = sorted(found, key=lambda gap: -gap[0].slots)[:_SHADES_MOST]
    for window, kind in sorted(widest):
        start, end = (slots.interval.moment_of(slot) for slot in window)
        is_named = window.slots >= _NAMED_FROM * shown.slots
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
                textangle=-90 if window.slots < 0.08 * shown.slots else 0,
                font={"size": 12},
                bgcolor="rgba(255,255,255,0.75)",
            )
