"""A run with nothing to publish: what it asks the index, and what it does not import."""

import subprocess
import sys
from pathlib import Path

import pytest

from publisher.client.url import parse_index_url
from publisher.project.kinds import Kind
from publisher.project.pyproject import read_source
from publisher.publish.last_published import describe, record
from tests.helpers.answering import Answer, Request, answering, of_json, of_text
from tests.helpers.projects import commit, make_project

UNUSED = {
    "requests": "the index is asked without it",
    "urllib3": "the index is asked without it",
    "build": "nothing is built",
    "publisher.building": "nothing is built",
    "publisher.checks": "nothing is checked",
    "packaging.requirements": "the dependencies of a package that is not built are unknown",
    "tarfile": "no file is read",
    "zipfile": "no file is read",
    "difflib": "no key is mistaken for another",
    "html": "the index answers in JSON",
}
FILES = [f"bench_again-1.0{end}" for end in ("-py3-none-any.whl", ".tar.gz")]


@pytest.mark.parametrize("listed", [FILES, []])
def test_a_run_with_nothing_new_asks_once_and_imports_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: list[str]
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    folder = make_project(tmp_path / "project", "bench-again", "1.0")
    commit(folder)
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        if request.method == "POST":
            return of_text(503)
        return of_json({"files": [{"filename": name, "url": name, "hashes": {}} for name in listed]})

    with answering(answer) as url:
        source = read_source(folder)
        published = describe(source, parse_index_url(url), frozenset(Kind))
        assert published is not None
        record(source, published)
        code = (
            "import sys\nfrom publisher.cli.main import main\n"
            "try:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)\n"
        )
        arguments = ["publish", str(folder), "--index-url", url, "--username", "ada", "--dry-run"]
        monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "correct horse")
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    *_, modules = done.stderr.splitlines()
    imported = set(modules.split())
    if listed:
        assert "bench-again 1.0" in done.stderr
        assert "unchanged, not built" in done.stderr
        assert [request.path for request in asked] == ["/simple/bench-again/"]
        assert not UNUSED.keys() & imported
    else:
        assert "publisher.building.builder" in imported, "a file that the index lost is built again"
    assert asked[0].headers["Authorization"].startswith("Basic ")
