"""HTML template for pages of the simple API, and the version of that API."""

import html

API_VERSION = "1.4"


def as_html(title: str, body: str) -> bytes:
    """Return a page with a title."""
    text = html.escape(title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="pypi:repository-version" content="{API_VERSION}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{text}</title>
</head>
<body>
<h1>{text}</h1>
{body}
</body>
</html>
""".encode()
