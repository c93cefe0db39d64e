"""An HTTP client made of the standard library, which starts faster than `requests`."""
