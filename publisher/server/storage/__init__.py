"""Storages of files: a folder, a volume, a bucket."""
