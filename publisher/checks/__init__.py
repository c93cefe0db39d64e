"""The rules that a project is held to before it is published."""
