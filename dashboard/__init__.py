"""The page: how the archive stands, in a browser on this machine. It talks to the API only."""
