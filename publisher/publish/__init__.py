"""Build, check, plan, upload and report."""
