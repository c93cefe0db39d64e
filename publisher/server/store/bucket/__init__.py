"""Packages in a bucket, where a project's record is the truth."""
