"""Publishing: build, check, compare, upload, report."""
