"""The bodies of the simple API's pages."""
