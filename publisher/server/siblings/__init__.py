"""What the processes that serve one index together share: locks, news, and counts."""
