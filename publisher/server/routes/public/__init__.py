"""Routes of public packages."""
