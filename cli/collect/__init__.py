"""`make collect`: brings the local stack up, starts a collection over HTTP, shows its progress and says the result."""
