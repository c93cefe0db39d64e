"""The pages for people."""

from pathlib import Path

from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.http import Client
from tests.server.conftest import OwnIndex


def test_the_home_page_shows_how_to_install_and_the_projects(client: Client, tmp_path: Path) -> None:
    client.upload(make_wheel(tmp_path, "at_home"))
    page = client.get("")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"pip install --index-url {client.url}simple/ PACKAGE" in page.text
    assert '<a href="/projects/at-home/">at-home</a>' in page.text
    proxied = client.get(
        "", {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "acme.example", "X-Forwarded-Prefix": "/p"}
    )
    assert "--index-url https://acme.example/p/simple/" in proxied.text
    assert 'href="/p/projects/at-home/"' in proxied.text


def test_a_projects_page_shows_its_releases_and_description(client: Client, tmp_path: Path) -> None:
    data = metadata("shown", "1.0", "Requires-Python: >=3.11\n", description="# Shown <script>alert(1)</script>\n")
    client.upload(make_wheel(tmp_path, "shown", metadata_bytes=data))
    client.upload(make_sdist(tmp_path, "shown", "0.9"))
    client.request("PUT", "projects/shown/0.9/yanked", json={"reason": 'worse than "1.0"'})
    page = client.get("projects/shown/").text
    assert "<h1>shown 1.0</h1>" in page
    assert "pip install --index-url" in page
    assert "&gt;=3.11" in page
    assert "by ada" in page
    assert 'title="worse than &quot;1.0&quot;">yanked' in page
    assert "# Shown &lt;script&gt;" in page
    assert "<script>" not in page


def test_pages_ask_for_a_password_and_redirect_other_spellings(client: Client) -> None:
    assert Client(client.url, None).get("").status_code == 401
    assert client.get("projects/Other_Name/").headers["Location"] == f"{client.url}projects/other-name/"
    assert client.get("projects/no-such-project/").status_code == 404


def test_an_empty_index_says_so(own: OwnIndex) -> None:
    _, client = own.start()
    assert "None yet." in client.get("").text
