"""GitHub Actions: the runner, the actions' inputs, and the files with which a repository publishes."""
