"""The docs are checked like code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from publisher import errors
from publisher.config import _KEYS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])
SOURCES = [*ROOT.glob("publisher/**/*.py"), ROOT / "deployments/pypi_deploy.py"]


def _names(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _all_text() -> str:
    return "\n".join(page.read_text("utf-8") for page in PAGES)


def test_the_reference_of_the_command_line_is_fresh() -> None:
    done = subprocess.run([sys.executable, ROOT / "docs/generate_cli.py", "--check"], check=False)
    assert done.returncode == 0, "run `make docs`"


def test_every_exit_code_is_explained() -> None:
    page = (ROOT / "docs/reference/exit-codes.md").read_text("utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.PublishError)]
    for code in {0} | {kind.exit_code for kind in kinds}:
        assert f"\n| {code} |" in page


def test_every_key_and_variable_is_explained() -> None:
    page = (ROOT / "docs/reference/configuration.md").read_text("utf-8")
    for key in _KEYS:
        assert f"`{key}`" in page
    text = _all_text()
    sources = "\n".join(source.read_text("utf-8") for source in SOURCES)
    variables = set(re.findall(r'"((?:PYPI_PUBLISH|AUTH)_[A-Z_]+)"', sources)) - {"PYPI_PUBLISH_DEMO_KEYRING"}
    assert variables
    for variable in variables:
        assert f"`{variable}" in text or f"${variable}" in text or f"{variable}=" in text, variable


@pytest.mark.parametrize("page", PAGES, ids=_names)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_page_is_linked_from_the_overview() -> None:
    overview = (ROOT / "docs/README.md").read_text("utf-8")
    for page in ROOT.glob("docs/*/*.md"):
        assert f"({page.relative_to(ROOT / 'docs').as_posix()})" in overview, page.name


def test_every_test_that_the_docs_name_exists() -> None:
    page = (ROOT / "docs/reference/protocols.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 20
    for path, test in named:
        assert f"\ndef {test}(" in (ROOT / path).read_text("utf-8"), f"{path}::{test}"
