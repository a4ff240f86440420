"""The ways to reach a person from an archive at home."""
