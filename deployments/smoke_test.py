"""Prove that the index just deployed answers, can read, write and check accounts, and is closed to strangers."""

import os
import sys
import time
from collections.abc import Iterator

import modal
import pypi_deploy

from publisher.client import http
from publisher.errors import PublishError

EXPECTED = {"simple/": 401, "packages/": 401, "users": 401}
"""Expected status of each path for an anonymous client."""

HEALTH = {"status": "ok", "reading": "ok", "accounts": "ok", "uploading": "ok"}
PATIENCE = float(os.environ.get("SMOKE_TEST_SECONDS", "120"))
"""Seconds for which a container of the earlier deployment may still answer."""


def main() -> int:
    """Print findings and return the number of faults."""
    url = modal.Function.from_name(pypi_deploy.deployment.app, "server").get_web_url()
    if url is None:
        print("The function `server` has no URL.", file=sys.stderr)
        return 1
    url = f"{url.rstrip('/')}/"
    session = http.IndexSession(url)
    faults = [*_health_faults(session, f"{url}health"), *_access_faults(session, url)]
    for fault in faults:
        print(f"WRONG: {fault}")
    return len(faults)


def _health_faults(session: http.IndexSession, url: str) -> Iterator[str]:
    """Yield problems of the health, once the new deployment answers or the patience is over."""
    expected = {**HEALTH, "revision": pypi_deploy.revision(os.environ)}
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            response = session.get(url)
            found = response.json() if response.status_code == 200 else {"status": response.status_code}
        except (PublishError, ValueError) as error:
            found = {"status": str(error)}
        faults = {name: found.get(name) for name in expected if found.get(name) != expected[name]}
        if set(faults) != {"revision"} or time.monotonic() > deadline:
            break
        time.sleep(1)  # the earlier deployment answers until the new one has started
    for name, value in faults.items():
        yield f"{url} says {name} {value!r}, not {expected[name]!r}"
    if not faults:
        print(f"ok: {url} answered as revision {expected['revision']}, which reads, writes and checks accounts")


def _access_faults(session: http.IndexSession, url: str) -> Iterator[str]:
    for path, expected in EXPECTED.items():
        try:
            found: int | str = session.get(f"{url}{path}").status_code
        except PublishError as error:
            found = error.message
        if found == expected:
            print(f"ok: {url}{path} answered {found}")
        else:
            yield f"{url}{path} answered {found}, not {expected}"


if __name__ == "__main__":
    sys.exit(main())
