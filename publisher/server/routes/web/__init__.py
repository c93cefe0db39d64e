"""The pages for people, one module for each."""
