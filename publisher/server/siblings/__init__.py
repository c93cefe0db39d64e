"""State shared by the processes that serve one index: locks, news, and counts."""
