"""The page: run by `make test-dashboard`, in the dashboard's own environment."""
