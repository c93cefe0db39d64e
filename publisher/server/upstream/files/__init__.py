"""Public files: downloaded, verified, stored."""
