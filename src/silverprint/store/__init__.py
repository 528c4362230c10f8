"""One durable database file: TinyDB's documents, tables and queries on SQLite, and safe writing of other files."""
