"""The page as Streamlit's own tests run it: without a browser, and what it shows as a person reads it."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

from background.places import PROJECT

VIEWS = ("now", "coverage", "candles", "health")


def opened(view: str = "now", **address: str) -> AppTest:
    """Open a page, perhaps with what its address says after the question mark."""
    page = AppTest.from_file(str(PROJECT / "dashboard" / "app.py"), default_timeout=60)
    for name, value in address.items():
        page.query_params[name] = value
    page.switch_page(f"views/{view}.py")
    return page.run()


def text_of(page: AppTest) -> str:
    """Return what the page says, without its tables and charts."""
    parts = [*page.error, *page.warning, *page.info, *page.success, *page.markdown, *page.caption, *page.subheader]
    said = [str(part.value) for part in parts]
    said += [f"{tile.label}: {tile.value} {tile.delta}" for tile in page.metric]
    return "\n".join(said).replace("\\", "")


def table(page: AppTest, column: str) -> list[dict[str, Any]]:
    """Return the rows of the table that has a column."""
    for frame in page.dataframe:
        if column in frame.value.columns:
            rows: list[dict[str, Any]] = frame.value.to_dict("records")
            return rows
    raise AssertionError(f"no table has a column {column}")


def charts(page: AppTest) -> list[dict[str, Any]]:
    """Return the charts as plotly draws them."""
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def is_calm(page: AppTest) -> bool:
    """Whether the page shows no traceback."""
    assert [error.value for error in page.exception] == []
    return True
