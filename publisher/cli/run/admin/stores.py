"""Making, copying and checking the stores of an index, where the extra ``[server]`` is installed."""

from publisher.cli.display.output import current_output
from publisher.cli.run.admin.bucket_settings import require_bucket_url


def create_index(url: str) -> None:
    """Make an empty index in a bucket."""
    url = require_bucket_url(url)
    from publisher.server.storage.bucket.identity import create_identity  # needs the extra [bucket]
    from publisher.server.storage.bucket.objects import open_bucket

    create_identity(open_bucket(url), url)
    output = current_output()
    output.say(f"An empty index is at {url}.")
    output.say(f"Serve it: pypi-publish serve --storage {url}")
