"""Output for people: messages, progress, tables, and what a GitHub Actions runner shows."""
