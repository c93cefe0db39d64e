import netrc
from pathlib import Path

import pytest

from publisher.client.url import parse_index_url
from publisher.errors import ConfigurationError
from publisher.github.job import FILENAME, build_index_variables, set_up_job
from publisher.secret import Credentials, Secret

INDEX = parse_index_url("https://acme.example/team/")


def _credentials(password: str = "correct horse", username: str = "ada") -> Credentials:
    return Credentials(username, Secret(password), "a test")


def test_the_file_is_the_persons_alone_and_the_variables_hold_no_secret(tmp_path: Path) -> None:
    setup = set_up_job(INDEX, _credentials(), tmp_path, tmp_path / "none", only_index=True)
    assert setup.netrc.stat().st_mode & 0o777 == 0o600
    assert setup.variables == {
        "NETRC": str(setup.netrc),
        "PIP_INDEX_URL": "https://acme.example/team/simple/",
        "UV_DEFAULT_INDEX": "https://acme.example/team/simple/",
        "PDM_PYPI_URL": "https://acme.example/team/simple/",
    }
    assert set(set_up_job(INDEX, _credentials(), tmp_path, tmp_path / "none", only_index=False).variables) == {"NETRC"}


@pytest.mark.parametrize("password", ["pw", "with space", 'quo"te', "back\\slash", "#hash", "é€😀", "machine other"])
def test_every_password_is_read_back(tmp_path: Path, password: str) -> None:
    setup = set_up_job(INDEX, _credentials(password), tmp_path, tmp_path / "none", only_index=False)
    assert netrc.netrc(setup.netrc).authenticators("acme.example") == ("ada", "", password)


def test_what_a_file_says_of_other_hosts_stays(tmp_path: Path) -> None:
    existing = tmp_path / "netrc"
    existing.write_text('machine other.example login bob password "x y"')
    setup = set_up_job(INDEX, _credentials(), tmp_path, existing, only_index=False)
    assert set(netrc.netrc(setup.netrc).hosts) == {"other.example", "acme.example"}
    again = set_up_job(INDEX, _credentials(), tmp_path, setup.netrc, only_index=False)
    assert again.netrc.read_text().count("acme.example") == 1
    second = parse_index_url("https://second.example/")
    both = set_up_job(second, _credentials(), tmp_path, setup.netrc, only_index=False)
    assert set(netrc.netrc(both.netrc).hosts) == {"other.example", "acme.example", "second.example"}


def test_another_entry_for_the_host_is_not_overruled(tmp_path: Path) -> None:
    existing = tmp_path / "netrc"
    existing.write_text("machine acme.example login bob password x\n")
    with pytest.raises(ConfigurationError, match=r"has another entry for acme\.example already"):
        set_up_job(INDEX, _credentials(), tmp_path, existing, only_index=False)
    existing.write_text("machine")
    with pytest.raises(ConfigurationError, match="Not a valid netrc file"):
        set_up_job(INDEX, _credentials(), tmp_path, existing, only_index=False)


@pytest.mark.parametrize("text", ["two\nlines", "a\rb"])
def test_a_line_break_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="line break"):
        set_up_job(INDEX, _credentials(text), tmp_path, tmp_path / "none", only_index=False)
    assert not list(tmp_path.iterdir())


def test_builds_find_the_index_before_the_ones_that_uv_has_already() -> None:
    assert build_index_variables(INDEX, _credentials("p w"), "") == {
        "UV_INDEX": "pypi_publish=https://acme.example/team/simple/",
        "UV_INDEX_PYPI_PUBLISH_USERNAME": "ada",
        "UV_INDEX_PYPI_PUBLISH_PASSWORD": "p w",
    }
    found = build_index_variables(INDEX, _credentials(), "other=https://other.example/ third=x")
    assert found["UV_INDEX"] == ("pypi_publish=https://acme.example/team/simple/ other=https://other.example/ third=x")


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("kept")
    (tmp_path / FILENAME).symlink_to(tmp_path / "victim")
    setup = set_up_job(INDEX, _credentials(), tmp_path, tmp_path / "none", only_index=True)
    assert (tmp_path / "victim").read_text() == "kept"
    assert not setup.netrc.is_symlink()


def test_a_folder_that_can_not_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / FILENAME).mkdir()
    with pytest.raises(ConfigurationError, match=f"{FILENAME} can't be written"):
        set_up_job(INDEX, _credentials(), tmp_path, tmp_path / "none", only_index=True)


def test_earlier_entries_end_with_one_line_break(tmp_path: Path) -> None:
    existing = tmp_path / "netrc"
    existing.write_text("machine other.example login bob password x\n\n\n")
    setup = set_up_job(INDEX, _credentials(), tmp_path, existing, only_index=True)
    assert setup.netrc.read_text().startswith("machine other.example login bob password x\nmachine acme.example")
    existing.write_text(" \n")
    blank = set_up_job(INDEX, _credentials(), tmp_path, existing, only_index=True)
    assert blank.netrc.read_text().startswith("machine acme.example")
