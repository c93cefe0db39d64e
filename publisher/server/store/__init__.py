"""The package folder: what is in it, what is known of it, every change to it."""
