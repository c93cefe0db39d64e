"""Public projects' pages: read, cached, refreshed, and rendered."""
