"""Requests, responses, forms and the access log."""
