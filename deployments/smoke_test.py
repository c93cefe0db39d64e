"""Ask a deployed index whether it works: it is healthy, and tells strangers nothing."""

import sys

import modal
import pypi_deploy

from publisher.client import http
from publisher.errors import PublishError

EXPECTED = {"health": 200, "simple/": 401, "packages/": 401, "users": 401}
"""The status that each path has for somebody without an account."""


def main() -> int:
    """Print what each path answered and return the number of those that are wrong."""
    url = modal.Function.from_name(pypi_deploy.knobs.app, "server").get_web_url()
    if url is None:
        print("The function `server` has no URL.", file=sys.stderr)
        return 1
    session = http.IndexSession(url)
    wrong = 0
    for path, expected in EXPECTED.items():
        try:
            found: int | str = session.get(f"{url.rstrip('/')}/{path}").status_code
        except PublishError as error:
            found = error.message
        wrong += found != expected
        print(f"{'ok' if found == expected else 'WRONG'}: {url.rstrip('/')}/{path} answered {found}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
