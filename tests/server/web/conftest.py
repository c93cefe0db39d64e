"""A browser for all tests of a module, and an index with everything that pages have to show."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.helpers.browser import running_browser
from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.index import RunningIndex

README = """# Shown off

[![build](https://img.invalid/x.svg)](https://ci.invalid) ![picture](https://img.invalid/y.png)

A paragraph in **bold**, and one in Arabic: مرحبا بالعالم, with 🎉 and 👩‍👩‍👧.

```python
def f(x: int) -> str:  # a comment
    return f"{x}" * 1000 + "a long line that is wider than any phone, and wider still, and does not end before long"
```

> [!WARNING]
> Careful.

| a | very | wide | table | with | many | columns | that | no | phone | has | room | for |
|---|------|------|-------|------|------|---------|------|----|-------|-----|------|-----|
| 1 | 2222 | 3333 | 44444 | 5555 | 6666 | 7777777 | 8888 | 99 | 00000 | 111 | 2222 | 333 |

- [x] done
- [ ] open

#### A heading two levels down
"""

FIELDS = """Requires-Python: >=3.11
Author-email: Ada Lovelace <ada@acme.invalid>
Maintainer: مطور
License-Expression: MIT
Keywords: shown,off
Project-URL: Source, https://source.invalid/shown-off
Provides-Extra: gui
Requires-Dist: needed-here>=1,<2
Requires-Dist: not-here; sys_platform == "win32"
Requires-Dist: painter; extra == "gui"
Classifier: Programming Language :: Python :: 3.12
Description-Content-Type: text/markdown
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run a browser; playwright keeps an event loop running meanwhile, beside which no other test could run its own."""
    with running_browser() as running:
        yield running


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    """Serve an index that everybody may read."""
    folder = tmp_path_factory.mktemp("shown")
    fill(folder / "packages")
    index = RunningIndex.start(folder, "--authenticate", "update")
    yield index
    index.kill()


def fill(root: Path) -> None:
    root.mkdir(parents=True)
    for version in ("0.9", "1.0", "1.1rc1"):
        data = metadata("shown_off", version, FIELDS, description=README)
        make_wheel(root, "shown_off", version, metadata_bytes=data, members={"shown_off/data.bin": b"x" * 2000})
        make_sdist(root, "shown_off", version, metadata_bytes=data)
    make_wheel(root, "needed_here", "1.5")
    for number in range(60):
        make_wheel(
            root,
            f"filler_{number:02}",
            "1.0",
            metadata_bytes=metadata(f"filler_{number:02}", "1.0", "Requires-Dist: shown-off>=0.9\n"),
        )
    long = "n" * 199 + "9"
    make_wheel(root, long, "1.0")
    for number in range(500):
        make_wheel(root, "aged", f"{number // 10}.{number % 10}")
