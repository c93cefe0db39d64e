"""Names and versions in file names."""
