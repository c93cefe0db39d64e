"""The client of a package index: its URL, HTTP, pages, upload form and account API."""
