"""Clients of Binance against the archive: `make clients`, in an environment of their own."""
