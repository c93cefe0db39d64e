"""Build sdists and wheels in isolated environments."""
