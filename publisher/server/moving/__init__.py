"""Copying and checking whole stores, between folders, volumes and buckets."""
