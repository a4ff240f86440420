"""The janitor function."""
