"""Public projects' pages: read, kept, refreshed, and written anew."""
