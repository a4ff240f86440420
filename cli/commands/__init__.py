"""One module a subcommand: what it takes, and what it does."""
