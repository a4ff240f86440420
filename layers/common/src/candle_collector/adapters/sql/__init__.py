"""The stores and the queue in a database, SQLite or PostgreSQL."""
