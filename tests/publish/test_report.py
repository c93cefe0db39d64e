"""The lines that install a published release."""

from packaging.utils import canonicalize_name
from packaging.version import Version

from publisher.client.url import parse_index_url
from publisher.project.distributions import parse_filename
from publisher.publish.report import FileReport, Release, Report, State

INDEX = "https://acme.example/"
WHEEL = "pypi_publish-1.0-py3-none-any.whl"


def _lines(url: str | None) -> list[str]:
    release = Release(canonicalize_name("pypi-publish"), Version("1.0"), "pypi-publish", ["click"])
    file = FileReport(parse_filename(WHEEL), release, State.UPLOADED, 1, "0" * 64, url=url)
    return Report(parse_index_url(INDEX), [file]).install_lines(release)


def test_this_program_is_installed_by_its_wheels_url_and_never_by_its_name() -> None:
    url = f"{INDEX}packages/{WHEEL}"
    assert _lines(url) == [f"uv tool install --with-executables-from keyring 'pypi-publish @ {url}'"]
    assert _lines(None) == [f"# {INDEX} shows the lines that install it"]
