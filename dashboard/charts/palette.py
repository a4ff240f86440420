"""Colours that stay apart for the colour-blind, each with a mark of its own: nothing is said by a colour alone."""

from __future__ import annotations

from typing import Any

from dashboard.slots import NAMES, Kind

COLOURS = {
    Kind.NOT_EXPECTED: "#E9EDF1",
    Kind.STORED: "#6BA6D0",
    Kind.TO_COME: "#BCD9EE",
    Kind.NEVER_PRINTED: "#F5C84C",
    Kind.REJECTED: "#7B4FA3",
    Kind.MISSING: "#A50F24",
}
MARKS = {
    Kind.TO_COME: "triangle-right",
    Kind.NEVER_PRINTED: "circle",
    Kind.REJECTED: "diamond-open",
    Kind.MISSING: "x-thin",
}
MARK_COLOURS = {
    Kind.TO_COME: "#0072B2",
    Kind.NEVER_PRINTED: "#5B4300",
    Kind.REJECTED: "#FFFFFF",
    Kind.MISSING: "#FFFFFF",
}
UP, DOWN = "#0072B2", "#D55E00"
INK, FAINT, GRID = "#1F2933", "#6B7480", "#EBEEF2"
FONT = "Source Sans, Source Sans Pro, sans-serif"

# a heat map of the numbers of `Kind`, each with the colour of its own
_STEPS = len(Kind)
SCALE = [[edge / _STEPS, COLOURS[kind]] for kind in Kind for edge in (kind.value, kind.value + 1)]
SCALE_BOUNDS = {"zmin": -0.5, "zmax": _STEPS - 0.5, "showscale": False, "colorscale": SCALE}


def layout(height: int, **more: Any) -> dict[str, Any]:
    """Return what all charts have in common."""
    return {
        "height": height,
        "margin": {"l": 4, "r": 4, "t": 4, "b": 4},
        "paper_bgcolor": "#FFFFFF",
        "plot_bgcolor": "#FFFFFF",
        "font": {"family": FONT, "color": INK, "size": 13},
        "hoverlabel": {"bgcolor": "#FFFFFF", "bordercolor": "#C5CCD3", "font": {"color": INK, "family": FONT}},
        "showlegend": False,
        "dragmode": False,
        **more,
    }


def marker(kind: Kind, size: float) -> dict[str, Any]:
    """Return the mark of a kind; an invisible one, to be clicked, where it has none."""
    if kind not in MARKS:
        return {"symbol": "square", "size": size * 1.6, "opacity": 0}
    thin = MARKS[kind].endswith("-thin")
    line = {"width": 1.6, "color": MARK_COLOURS[kind]} if thin or "open" in MARKS[kind] else {"width": 0}
    smaller = 0.55 if kind is Kind.NEVER_PRINTED else 0.75
    return {"symbol": MARKS[kind], "size": size * smaller, "color": MARK_COLOURS[kind], "line": line}


_LEGEND_MARKS = {Kind.TO_COME: "▸", Kind.NEVER_PRINTED: "•", Kind.REJECTED: "◇", Kind.MISSING: "✕"}
LEGEND = (*tuple(Kind)[1:], Kind.NOT_EXPECTED)
"""All kinds, as a legend lists them."""


def legend_html(kinds: tuple[Kind, ...]) -> str:
    """Return a legend: a swatch with the mark and the name of each kind."""
    items = []
    for kind in kinds:
        ink = MARK_COLOURS.get(kind, INK)
        swatch = (
            f'<span aria-hidden="true" style="display:inline-block;width:1.05em;height:1.05em;line-height:1.05em;'
            f"text-align:center;font-size:0.85em;font-weight:700;border-radius:2px;margin-right:0.4em;"
            f'background:{COLOURS[kind]};color:{ink}">{_LEGEND_MARKS.get(kind, "")}</span>'
        )
        items.append(f'<span style="white-space:nowrap;margin-right:1.4em">{swatch}{NAMES[kind]}</span>')
    return f'<div style="font-size:0.875rem;color:{INK}">{"".join(items)}</div>'
