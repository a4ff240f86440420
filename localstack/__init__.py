"""The local stack: MiniStack with the project's template on it, the exchange it collects from, and one API address."""
