"""The web pages, over HTTP."""

import html
import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.http import Client, sha256
from tests.helpers.waiting import eventually
from tests.server.conftest import PASSWORD, USER, OwnIndex

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}

RICH = """Requires-Python: >=3.11
Author-email: Ada <ada@acme.example>
License-Expression: MIT
Keywords: gizmos, blue
Project-URL: Source, https://source.example/gizmo
Project-URL: Evil, javascript:alert(1)
Classifier: Programming Language :: Python :: 3.12
Provides-Extra: gui
Requires-Dist: rich-core<3,>=2
Requires-Dist: elsewhere[speed]; sys_platform == "win32"
Requires-Dist: painter; extra == "gui"
"""

_INCOMPLETE = "the package's dependencies must be here too"


def _text(page: str) -> str:
    """Return a page as people read it."""
    blocks = re.sub(r"</?(?:dt|dd|td|th|p|li|div)\b[^>]*>", " ", page)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", blocks)))


def test_the_home_page_shows_how_to_install_and_the_projects(client: Client, tmp_path: Path) -> None:
    client.upload(make_wheel(tmp_path, "at_home"))
    page = client.get("?q=at-home")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"pip install --index-url {client.url}simple/ PACKAGE" in page.text
    assert '<a href="/projects/at-home/">' in page.text
    proxied = client.get(
        "?q=at-home", {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "acme.example", "X-Forwarded-Prefix": "/p"}
    )
    assert "--index-url https://acme.example/p/simple/" in proxied.text
    assert 'href="/p/projects/at-home/"' in proxied.text
    assert re.search(r'href="/p/-/static/style-\w+\.css"', proxied.text)


def _finds(client: Client, query: str) -> bool:
    return 'href="/projects/searched-thing/"' in client.get("", params={"q": query}).text


def test_search_finds_prefixes_keywords_summaries_and_slips(client: Client, tmp_path: Path) -> None:
    data = metadata("searched_thing", "1.0", "Keywords: quux,fancy\n").replace(b"For tests", b"Polishes brass knobs")
    client.upload(make_wheel(tmp_path, "searched_thing", metadata_bytes=data))
    for query in ("searched-thing", "Searched_Thi", "thing sear", "quux", "brass", "serched-thing", "searchedthing"):
        assert eventually(partial(_finds, client, query)), query
    assert 'href="/projects/searched-thing/"' not in client.get("?q=nothing-like-it").text
    hostile = client.get("", params={"q": '"><script>alert(1)</script>'})
    assert "<script>alert" not in hostile.text
    assert client.get("", params={"q": "x" * 5000, "page": "9" * 50}).status_code == 200


def test_long_lists_are_paged(own: OwnIndex) -> None:
    index, client = own.start()
    for number in range(120):
        make_wheel(index.root, f"many_{number:03}")
    first = client.get("").text
    assert "120 projects, 120 files" in _text(first)
    assert "Page 1 of 3" in _text(first)
    assert 'rel="next" href="/?page=2"' in first
    last = client.get("?page=3").text
    assert "many-119" in last
    assert "many-000" not in last
    assert "Page 3 of 3" in _text(client.get("?page=99").text)
    assert "Recently published" in first
    assert len(first) < 30_000


def test_a_projects_page_shows_readme_facts_and_requirements(client: Client, tmp_path: Path) -> None:
    readme = "# Gizmo\n\nSome *words*, a [relative](docs/x.md) link.\n"
    client.upload(make_wheel(tmp_path, "rich_core", "2.1"))
    client.upload(make_wheel(tmp_path, "gizmo", metadata_bytes=metadata("gizmo", "1.0", RICH, description=readme)))
    client.upload(make_sdist(tmp_path, "gizmo", "0.9"))
    client.upload(make_sdist(tmp_path, "gizmo", "2.0rc1"))
    client.request("PUT", "projects/gizmo/0.9/yanked", json={"reason": 'worse than "1.0"'})
    page = client.get("projects/gizmo/").text
    text = _text(page)
    assert "gizmo 1.0" in text
    assert "For tests" in text
    assert "Some <em>words</em>, a relative link." in page
    assert '<a href="https://source.example/gizmo" rel="nofollow noreferrer">' in page
    assert "javascript:" not in page
    assert "mailto:ada@acme.example" in page
    for fact in ("License MIT", "Requires Python >=3.11", "Tested on Python 3.12", "Author Ada", "Extras gui"):
        assert fact in text, fact
    assert '<a href="/projects/rich-core/">rich-core</a>' in page
    assert "rich-core >=2,<3" in text
    assert 'elsewhere[speed] if sys_platform == "win32"' in text
    assert "projects/elsewhere" not in page
    assert _INCOMPLETE in text
    assert "with gui painter" in text
    assert "0.9 yanked 20" in text
    assert 'worse than "1.0"' in text
    assert "2.0rc1 pre-release" in text
    assert "by ada" in text
    assert f"pip install --index-url {client.url}simple/ gizmo" in page
    used = client.get("projects/rich-core/").text
    assert "gizmo >=2,<3" in _text(used)
    assert "Used by 1" in _text(used)
    whole = 'Provides-Extra: gui\nRequires-Dist: rich-core\nRequires-Dist: painter; extra == "gui"\n'
    client.upload(make_wheel(tmp_path, "whole", metadata_bytes=metadata("whole", "1.0", whole)))
    assert _INCOMPLETE not in _text(client.get("projects/whole/").text)


def test_a_releases_page_shows_its_files_and_their_contents(client: Client, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "opened", members={"opened/data.bin": b"x" * 2500})
    sdist = make_sdist(tmp_path, "opened", members={"opened-1.0/notes.txt": b"y" * 10})
    client.upload(wheel)
    client.upload(sdist)
    client.upload(make_wheel(tmp_path, "opened", "1.1"))
    page = client.get("projects/opened/1.0/").text
    text = _text(page)
    assert f'href="/packages/{wheel.name}"' in page
    assert f"sha256 {sha256(wheel)}" in text
    assert f"sha256 {sha256(sdist)}" in text
    assert "opened/data.bin 2.5 kB" in text
    assert "The newest release is 1.1" in text
    assert "opened==1.0" in page
    assert "opened-1.0/notes.txt 10 bytes" in _text(client.get(f"projects/opened/1.0/?file={sdist.name}").text)
    assert client.get("projects/opened/1.0.0/").status_code == 200
    assert client.get("projects/opened/3.0/").status_code == 404
    assert client.get("projects/opened/1.0").headers["Location"] == f"{client.url}projects/opened/1.0/"
    assert client.get("projects/opened/1.0/x/").status_code == 404


def test_many_files_of_a_release_are_paged(own: OwnIndex) -> None:
    index, client = own.start()
    one = make_wheel(index.root, "many_built")
    for number in range(69):
        (index.root / f"many_built-1.0-{number:03}-py3-none-any.whl").write_bytes(one.read_bytes())
    first = client.get("projects/many-built/1.0/").text
    assert "Files 70" in _text(first)
    assert "Page 1 of 3" in _text(first)
    assert first.count('<a class="file"') == 30
    assert 'rel="next" href="?page=2#files"' in first
    last = client.get("projects/many-built/1.0/?page=99").text
    assert "Page 3 of 3" in _text(last)
    assert last.count('<a class="file"') == 10
    named = client.get("projects/many-built/1.0/?file=many_built-1.0-035-py3-none-any.whl").text
    assert "Page 2 of 3" in _text(named)
    assert 'href="/packages/many_built-1.0-035-py3-none-any.whl"' in named


def test_a_file_that_is_not_an_archive_has_a_page(own: OwnIndex) -> None:
    index, client = own.start()
    index.root.mkdir(exist_ok=True)
    (index.root / "broken-1.0-py3-none-any.whl").write_bytes(b"no zip file")
    page = client.get("projects/broken/")
    assert page.status_code == 200
    assert "can't be read" in _text(page.text)
    assert client.get("projects/broken/1.0/").status_code == 200


def test_many_versions_are_listed_on_request(own: OwnIndex) -> None:
    index, client = own.start()
    index.root.mkdir(exist_ok=True)
    for number in range(60):
        make_wheel(index.root, "aged", f"1.{number}")
    page = client.get("projects/aged/").text
    assert "aged 1.59" in _text(page)
    assert "/projects/aged/1.30/" in page
    assert "/projects/aged/1.29/" not in page
    assert "/projects/aged/1.0/" in client.get("projects/aged/?versions=all").text


def _is_error_page(answer: requests.Response, status: int, heading: str, message: str) -> bool:
    page = answer.text
    return (
        answer.status_code == status
        and answer.headers["Content-Type"] == "text/html; charset=utf-8"
        and answer.headers["Cache-Control"] == "no-store"
        and f"<h1>{heading}</h1>" in page
        and message in _text(page)
        and '<a class="button' in page
        and 'href="/">All projects</a>' in page
        and 'role="search"' in page
    )


UNKNOWN = (
    "nonsense",
    "nonsense/",
    "no/such/thing",
    "simple/no/such/thing",
    "simple/no-such-project/",
    "packages/nope",
    "packages/nope-1.0.tar.gz",
    "pypi/nope/json",
    "-/nope",
    "-/static/nope",
    "projects/nope/",
)


@pytest.mark.parametrize("path", UNKNOWN)
def test_unknown_paths_are_a_page_for_browsers_and_text_for_programs(client: Client, path: str) -> None:
    shown = requests.get(client.url + path, headers=BROWSER, auth=(USER, PASSWORD), timeout=30)
    assert _is_error_page(shown, 404, "Not found", "This index has no"), shown.text
    answer = requests.get(client.url + path, headers={"Accept": "text/html"}, auth=(USER, PASSWORD), timeout=30)
    assert answer.status_code == 404
    assert "All projects" not in answer.text


def test_programs_are_asked_for_basic_credentials_and_browsers_at_pages_for_a_sign_in(client: Client) -> None:
    anonymous = Client(client.url, None)
    for path in ("", "projects/x/", "nonsense"):
        refused = anonymous.get(path, BROWSER)
        assert refused.status_code == 401, path
        assert "<h1>Sign in</h1>" in refused.text, path
        assert f'name="next" value="/{path}"' in refused.text
        assert "WWW-Authenticate" not in refused.headers, path
        assert anonymous.get(path).headers["Content-Type"].startswith("text/plain"), path
        assert anonymous.get(path, {"Accept": "text/html"}).headers["WWW-Authenticate"].startswith("Basic"), path
    for path in ("simple/", "simple/x/", "packages/x-1.0.tar.gz", "whoami", "users", "-/upstream/list"):
        answer = anonymous.get(path, BROWSER)
        assert answer.status_code == 401, path
        assert answer.headers["WWW-Authenticate"].startswith(("Basic", "Bearer")), path
        assert not answer.headers["Content-Type"].startswith("text/html"), path


def test_a_403_is_a_page_for_browsers(own: OwnIndex) -> None:
    index, client = own.start()
    make_wheel(index.root, "secret_plans")
    (index.folder / "access.toml").write_text('[users.ada]\n"acme-*" = "reader"\n')
    assert eventually(lambda: client.get("simple/secret-plans/").status_code == 403)
    for path in ("projects/secret-plans/", "simple/secret-plans/", "packages/secret_plans-1.0-py3-none-any.whl"):
        refused = client.get(path, BROWSER)
        assert _is_error_page(refused, 403, "Not allowed", "ada lacks the right 'read' on secret-plans"), refused.text
        assert client.get(path).headers["Content-Type"].startswith("text/plain"), path


def test_a_401_for_a_wrong_password_is_a_page_for_browsers(client: Client) -> None:
    refused = Client(client.url, ("ada", "wrong")).get("", BROWSER)
    assert _is_error_page(refused, 401, "Sign in to see this page", "wrong"), refused.text


def test_a_503_is_a_page_for_browsers(own: OwnIndex) -> None:
    index, client = own.start()
    make_wheel(index.root, "here_before")
    assert client.get("projects/here-before/", BROWSER).status_code == 200
    index.root.rename(index.folder / "elsewhere")
    assert eventually(lambda: client.get("projects/other/", BROWSER).status_code == 503)
    for path in ("projects/other/", "simple/other/", "packages/other-1.0.tar.gz"):
        failed = client.get(path, BROWSER)
        assert _is_error_page(failed, 503, "Not available just now", "The packages can't be read just now"), failed.text
        assert '<a class="button" href="">Try again</a>' in failed.text
        assert int(failed.headers["Retry-After"]) > 0
        assert client.get(path).headers["Content-Type"].startswith("text/plain"), path


def test_pages_ask_for_a_password_and_redirect_other_spellings(client: Client) -> None:
    assert Client(client.url, None).get("").status_code == 401
    assert client.get("projects/Other_Name/").headers["Location"] == f"{client.url}projects/other-name/"
    assert client.get(f"projects/{'x' * 5000}/").status_code == 404


def test_an_empty_index_says_so(own: OwnIndex) -> None:
    _, client = own.start()
    assert "None yet." in client.get("").text


def test_assets_are_kept_by_browsers_and_robots_are_refused(client: Client) -> None:
    anonymous = Client(client.url, None)
    page = client.get("").text
    kinds = ("image/svg+xml", "text/css", "text/javascript")
    for url, kind in zip(re.findall(r'"/(-/static/[^"]+)"', page), kinds, strict=True):
        asset = anonymous.get(url)
        assert asset.headers["Content-Type"].startswith(kind)
        assert "immutable" in asset.headers["Cache-Control"]
    assert anonymous.get("-/static/style.css").status_code == 404
    assert anonymous.get("-/static/..%2f..%2ftemplates%2fbase.html").status_code == 404
    assert anonymous.get("robots.txt").text == "User-agent: *\nDisallow: /\n"


def test_pages_are_tagged_zipped_and_follow_changes(client: Client, tmp_path: Path) -> None:
    client.upload(make_wheel(tmp_path, "tagged"))
    first = client.get("projects/tagged/", {"Accept-Encoding": "gzip"})
    assert first.headers["Content-Encoding"] == "gzip"
    tag = {"If-None-Match": first.headers["ETag"], "Accept-Encoding": "gzip"}
    assert client.get("projects/tagged/", tag).status_code == 304
    client.request("PUT", "projects/tagged/1.0/yanked", json={"reason": "broken"})
    changed = client.get("projects/tagged/", tag)
    assert changed.status_code == 200
    assert "This release was yanked: broken" in _text(changed.text)


@pytest.mark.parametrize("header", ["content-security-policy", "x-content-type-options", "x-frame-options"])
def test_pages_have_the_headers_that_protect_people(client: Client, header: str) -> None:
    for path in ("", "projects/none/", "-/static/none"):
        assert header in client.get(path, BROWSER).headers
    assert "unsafe" not in client.get("").headers["content-security-policy"]


def test_details_of_a_file_are_kept_and_read_again_when_damaged(own: OwnIndex) -> None:
    index, client = own.start()
    index.root.mkdir(exist_ok=True)
    make_wheel(index.root, "kept", metadata_bytes=metadata("kept", "1.0", description="# As it was\n"))
    assert "As it was" in client.get("projects/kept/").text
    (record,) = (index.root / ".pypi-publish/pages").rglob("*.json")
    record.write_text(record.read_text().replace("As it was", "From the record"))
    index.stop()
    again, client = own.start()
    assert "From the record" in client.get("projects/kept/").text
    again.stop()
    record.write_text("{")
    _, client = own.start()
    assert "As it was" in client.get("projects/kept/").text


def test_records_of_removed_files_are_pruned(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start()
    client.upload(make_wheel(tmp_path, "stays"))
    assert client.get("projects/stays/").status_code == 200
    records = index.root / ".pypi-publish/pages"
    (kept,) = records.rglob("*.json")
    digest = sha256(tmp_path / "stays-1.0-py3-none-any.whl")
    assert kept.relative_to(records).parts == ("stays", f"{digest}.2.json")
    gone = [records / "stays" / f"{'0' * 64}.2.json", records / "stays" / f"{digest}.1.json", records / "gone/x.2.json"]
    for path in gone:
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    index.stop()
    _, client = own.start()
    assert client.get("projects/stays/").status_code == 200
    assert gone[0].exists()  # nothing was kept since the start
    client.upload(make_wheel(tmp_path, "another"))
    client.get("projects/another/")
    assert eventually(lambda: not any(path.exists() for path in gone))
    assert kept.exists()
    assert len(list(records.rglob("*.json"))) == 2


def test_unused_summaries_are_pruned(own: OwnIndex) -> None:
    index, client = own.start()
    make_wheel(index.root, "one_kept")
    log = index.root / ".pypi-publish/summaries.jsonl"
    assert eventually(lambda: "For tests" in client.get("").text)
    assert eventually(lambda: log.exists() and log.read_text().endswith("\n"))
    (line,) = log.read_text().splitlines()
    index.stop()
    unused = [line.replace(json.loads(line)["sha256"], f"{number:064}") for number in range(1100)]
    log.write_text("\n".join([*unused[:600], line, *unused[600:]]) + "\n")
    _, client = own.start()
    assert eventually(lambda: "For tests" in client.get("").text)
    assert eventually(lambda: log.read_text().splitlines() == [line])


def test_summaries_are_kept_and_follow_other_writers(own: OwnIndex) -> None:
    index, client = own.start()
    index.root.mkdir(exist_ok=True)
    make_wheel(index.root, "one_kept")
    assert eventually(lambda: "For tests" in client.get("").text)
    log = index.root / ".pypi-publish/summaries.jsonl"
    assert eventually(lambda: log.exists() and log.read_text().endswith("\n"))
    log.write_text(log.read_text().replace("For tests", "From the log") + "{}\nno json\n")
    index.stop()
    _, client = own.start()
    assert eventually(lambda: "From the log" in client.get("").text)
    make_wheel(index.root, "one_more")
    assert eventually(lambda: "one-more" in client.get("").text)
    (index.root / "one_kept-1.0-py3-none-any.whl").unlink()
    assert eventually(lambda: "one-kept" not in client.get("").text)


def test_nothing_of_the_pages_is_imported_before_the_first_one() -> None:
    names = {"jinja2", "readme_renderer", "docutils", "pygments", "comrak", "nh3"}
    code = f"import sys, publisher.server.app; print(sorted({names} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_release_names_the_job_that_published_it(own: OwnIndex, tmp_path: Path) -> None:
    index, client = own.start()
    client.upload(make_wheel(tmp_path, "from_a_job"))
    log = index.root / ".pypi-publish/facts/from-a-job.jsonl"
    line = json.loads(log.read_text().splitlines()[-1])
    origin = {"issuer": "https://issuer.invalid", "repository": "acme/from-a-job", "commit": "0123456789abcdef"}
    index.stop()
    log.write_text(json.dumps({**line, "origin": {**origin, "run": "https://ci.invalid/run/7"}}) + "\n")
    _, client = own.start()
    page = client.get("projects/from-a-job/1.0/").text
    assert "from a run of acme/from-a-job at 0123456789ab" in _text(page)
    assert 'href="https://ci.invalid/run/7"' in page
