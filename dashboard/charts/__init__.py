"""Charts, made of answers of the API: pure, and drawn by plotly."""
