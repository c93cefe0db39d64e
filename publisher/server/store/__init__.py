"""The package folder: its files, their catalog, and every change."""
