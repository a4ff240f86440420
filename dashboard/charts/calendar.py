"""A year of a series by the day, and a month by the hour, or by what is longer."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from plotly import graph_objects as go

from dashboard.charts.palette import FAINT, SCALE_BOUNDS, layout, marker
from dashboard.slots import NAMES, Kind, Slots, by_hour, count_kinds, days_of

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY_MARK, _HOUR_MARK = 13, 8
_MONTH_ROW, _MONTH_EDGES = 11, 36
_HOURS_NAMED = (0, 6, 12, 18, 23)
_CLEAN: dict[str, Any] = {"showgrid": False, "zeroline": False, "fixedrange": True, "ticks": ""}


def year_calendar(slots: Slots, year: int, chosen: date | None) -> go.Figure:
    """Return a square for each UTC day, weeks side by side; a point's ``customdata`` is its day."""
    days = days_of(date(year, 1, 1), date(year, 12, 31))
    first = days[0].weekday()
    place = {day: ((number + first) // 7, day.weekday()) for number, day in enumerate(days)}
    counts = dict(zip(days, count_kinds(slots.kinds_by_day(days[0], days[-1])), strict=True))
    weeks = place[days[-1]][0] + 1
    z: list[list[int | None]] = [[None] * weeks for _ in _WEEKDAYS]
    by_kind: dict[Kind, list[date]] = {}
    for day, (week, weekday) in place.items():
        kind = max(counts[day])
        z[weekday][week] = kind.value
        by_kind.setdefault(kind, []).append(day)
    figure = go.Figure(
        go.Heatmap(z=z, x=list(range(weeks)), y=list(range(7)), xgap=2, ygap=2, hoverinfo="skip", **SCALE_BOUNDS)
    )
    for kind, of_kind in sorted(by_kind.items()):
        figure.add_trace(_days(of_kind, place, counts, marker(kind, _DAY_MARK)))
    if chosen in place:
        week, weekday = place[chosen]
        figure.add_shape(
            type="rect", x0=week - 0.5, x1=week + 0.5, y0=weekday - 0.5, y1=weekday + 0.5, line={"width": 2.5}
        )
    starts = [place[date(year, month, 1)][0] for month in range(1, 13)]
    figure.update_layout(
        layout(
            176,
            xaxis={
                **_CLEAN,
                "range": [-0.5, weeks - 0.5],
                "tickvals": starts,
                "ticktext": _MONTHS,
                "side": "top",
                "tickfont": {"color": FAINT},
            },
            yaxis={
                **_CLEAN,
                "tickvals": [0, 2, 4, 6],
                "ticktext": [_WEEKDAYS[number] for number in (0, 2, 4, 6)],
                "range": [6.5, -0.5],
                "tickfont": {"color": FAINT},
            },
            hovermode="closest",
        )
    )
    return figure


def _days(
    days: list[date],
    place: Mapping[date, tuple[int, int]],
    counts: Mapping[date, Mapping[Kind, int]],
    mark: dict[str, Any],
) -> go.Scatter:
    """Return the marks of some days, which say what they stand for when they are pointed at, and can be clicked."""
    return go.Scatter(
        x=[place[day][0] for day in days],
        y=[place[day][1] for day in days],
        mode="markers",
        marker=mark,
        customdata=[day.isoformat() for day in days],
        text=[f"<b>{day:%a %d %B %Y}</b><br>{in_words(counts[day])}" for day in days],
        hovertemplate="%{text}<extra></extra>",
        selected={"marker": {"opacity": mark.get("opacity", 1)}},
        unselected={"marker": {"opacity": mark.get("opacity", 1)}},
    )


def month_hours(slots: Slots, year: int, month: int, chosen: date | None) -> go.Figure:
    """Return a square for each hour of a UTC month, or each longer slot: days side by side.

    A square is of its worst slot; a point's ``customdata`` is its day.
    """
    last = monthrange(year, month)[1]
    days = days_of(date(year, month, 1), date(year, month, last))
    by_day = [by_hour(kinds, slots.interval) for kinds in slots.kinds_by_day(days[0], days[-1])]
    kinds = [list(row) for row in zip(*by_day, strict=True)]
    hours_each = 24 // len(kinds)
    figure = go.Figure(
        go.Heatmap(
            z=[[kind.value for kind in row] for row in kinds],
            x=[day.day for day in days],
            y=list(range(len(kinds))),
            xgap=1.5,
            ygap=1.5,
            hoverinfo="skip",
            **SCALE_BOUNDS,
        )
    )
    marks: dict[Kind, list[tuple[date, int]]] = {}
    for number, row in enumerate(kinds):
        for day, kind in zip(days, row, strict=True):
            marks.setdefault(kind, []).append((day, number))
    for kind, places in sorted(marks.items()):
        figure.add_trace(
            go.Scatter(
                x=[day.day for day, _ in places],
                y=[number for _, number in places],
                mode="markers",
                marker=marker(kind, _HOUR_MARK),
                customdata=[day.isoformat() for day, _ in places],
                text=[f"<b>{day} {number * hours_each:02}:00 UTC</b><br>{NAMES[kind]}" for day, number in places],
                hovertemplate="%{text}<extra></extra>",
                selected={"marker": {"opacity": marker(kind, _HOUR_MARK).get("opacity", 1)}},
                unselected={"marker": {"opacity": marker(kind, _HOUR_MARK).get("opacity", 1)}},
            )
        )
    if chosen in days:
        figure.add_shape(
            type="rect", x0=chosen.day - 0.5, x1=chosen.day + 0.5, y0=-0.5, y1=len(kinds) - 0.5, line={"width": 2.5}
        )
    figure.update_layout(
        layout(
            _MONTH_EDGES + _MONTH_ROW * len(kinds),
            xaxis={
                **_CLEAN,
                "range": [0.5, last + 0.5],
                "tickvals": [day.day for day in days[::2]],
                "tickangle": 0,
                "tickfont": {"color": FAINT, "size": 11},
            },
            yaxis={
                **_CLEAN,
                "tickvals": (shown := [number for number in range(len(kinds)) if number * hours_each in _HOURS_NAMED]),
                "ticktext": [f"{number * hours_each:02}h" for number in shown],
                "range": [len(kinds) - 0.5, -0.5],
                "tickfont": {"color": FAINT},
            },
            hovermode="closest",
        )
    )
    return figure


def in_words(counts: Mapping[Kind, int]) -> str:
    """Write how many candles are of which kind: `20 stored, 4 missing`."""
    return ", ".join(f"{counts[kind]:,} {NAMES[kind]}" for kind in sorted(counts))


def month_of(day: date) -> tuple[date, date]:
    """Return the first and the last day of a day's month."""
    following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return day.replace(day=1), following - timedelta(days=1)
