"""The web pages, one module for each."""
