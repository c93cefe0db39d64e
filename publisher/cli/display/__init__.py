"""Output for people: messages, progress, tables, and the output of a GitHub Actions runner."""
