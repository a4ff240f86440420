"""The page's entry: Streamlit runs it for every visit and every click, then the page that is open."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent

st.set_page_config(page_title="Candle archive", page_icon=str(HERE / "icon.svg"), layout="wide")
st.html(HERE / "style.css")
st.navigation(
    [
        st.Page("views/now.py", title="Now", icon=":material/monitor_heart:", default=True),
        st.Page("views/coverage.py", title="Coverage", icon=":material/calendar_month:"),
        st.Page("views/candles.py", title="Candles", icon=":material/candlestick_chart:"),
        st.Page("views/health.py", title="Health", icon=":material/health_and_safety:"),
    ],
    position="top",
).run()
