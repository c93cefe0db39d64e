from collections.abc import Iterator

import pytest

from tests.helpers.upstream import FakeUpstream, fake_upstream


@pytest.fixture
def fake() -> Iterator[FakeUpstream]:
    """Return a public index on loopback."""
    with fake_upstream() as running:
        yield running
