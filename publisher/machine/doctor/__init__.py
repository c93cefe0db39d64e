"""What keeps a machine, an index and a project from working together: one module for each group of checks."""
