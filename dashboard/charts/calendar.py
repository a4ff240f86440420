"""A year of a series by the day, and a month by the hour."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from candle_collector.domain.windows import HOURS_A_DAY, Window
from plotly import graph_objects as go

from dashboard.charts.palette import FAINT, SCALE_BOUNDS, layout, marker
from dashboard.hours import NAMES, Hours, Kind, by_day, day_window, days_of

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY_MARK, _HOUR_MARK = 13, 8
_CLEAN: dict[str, Any] = {"showgrid": False, "zeroline": False, "fixedrange": True, "ticks": ""}


def year_calendar(hours: Hours, year: int, chosen: date | None) -> go.Figure:
    """Return a square for each UTC day, weeks side by side; a point's ``customdata`` is its day."""
    days = days_of(date(year, 1, 1), date(year, 12, 31))
    first = days[0].weekday()
    place = {day: ((number + first) // 7, day.weekday()) for number, day in enumerate(days)}
    kinds = hours.kinds(Window(day_window(days[0]).start, day_window(days[-1]).end))
    counts = dict(zip(days, by_day(kinds), strict=True))
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


def month_hours(hours: Hours, year: int, month: int, chosen: date | None) -> go.Figure:
    """Return a square for each hour of a UTC month: days side by side; a point's ``customdata`` is its day."""
    last = monthrange(year, month)[1]
    days = days_of(date(year, month, 1), date(year, month, last))
    whole = hours.kinds(Window(day_window(days[0]).start, day_window(days[-1]).end))
    kinds = [whole[hour::HOURS_A_DAY] for hour in range(HOURS_A_DAY)]
    figure = go.Figure(
        go.Heatmap(
            z=[[kind.value for kind in row] for row in kinds],
            x=[day.day for day in days],
            y=list(range(HOURS_A_DAY)),
            xgap=1.5,
            ygap=1.5,
            text=[[NAMES[kind] for kind in row] for row in kinds],
            hovertemplate=f"<b>{year}-{month:02}-%{{x:02d}} %{{y:02d}}:00 UTC</b><br>%{{text}}<extra></extra>",
            **SCALE_BOUNDS,
        )
    )
    marks: dict[Kind, list[tuple[date, int]]] = {}
    for hour, row in enumerate(kinds):
        for day, kind in zip(days, row, strict=True):
            marks.setdefault(kind, []).append((day, hour))
    for kind, places in sorted(marks.items()):
        figure.add_trace(
            go.Scatter(
                x=[day.day for day, _ in places],
                y=[hour for _, hour in places],
                mode="markers",
                marker=marker(kind, _HOUR_MARK),
                customdata=[day.isoformat() for day, _ in places],
                text=[f"<b>{day} {hour:02}:00 UTC</b><br>{NAMES[kind]}" for day, hour in places],
                hovertemplate="%{text}<extra></extra>",
                selected={"marker": {"opacity": marker(kind, _HOUR_MARK).get("opacity", 1)}},
                unselected={"marker": {"opacity": marker(kind, _HOUR_MARK).get("opacity", 1)}},
            )
        )
    if chosen in days:
        figure.add_shape(type="rect", x0=chosen.day - 0.5, x1=chosen.day + 0.5, y0=-0.5, y1=23.5, line={"width": 2.5})
    figure.update_layout(
        layout(
            300,
            xaxis={
                **_CLEAN,
                "range": [0.5, last + 0.5],
                "tickvals": [day.day for day in days[::2]],
                "tickangle": 0,
                "tickfont": {"color": FAINT, "size": 11},
            },
            yaxis={
                **_CLEAN,
                "tickvals": [0, 6, 12, 18, 23],
                "ticktext": ["00h", "06h", "12h", "18h", "23h"],
                "range": [23.5, -0.5],
                "tickfont": {"color": FAINT},
            },
            hovermode="closest",
        )
    )
    return figure


def in_words(counts: Mapping[Kind, int]) -> str:
    """Write how many hours are of which kind: `20 h stored, 4 h missing`."""
    return ", ".join(f"{counts[kind]} h {NAMES[kind]}" for kind in sorted(counts))


def month_of(day: date) -> tuple[date, date]:
    """Return the first and the last day of a day's month."""
    following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return day.replace(day=1), following - timedelta(days=1)
