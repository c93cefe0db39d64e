"""GitHub Actions: the runner, the actions' inputs, and what a repository needs to publish."""
