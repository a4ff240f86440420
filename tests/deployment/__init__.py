"""A stack's life from deployment to destruction and back: `make deployment`."""
