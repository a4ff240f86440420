"""Programs for a laptop: the local stack, the simulated exchange and the progress display."""
