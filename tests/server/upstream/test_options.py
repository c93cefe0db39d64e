"""The choices of an operator: ages, sizes, URLs, credentials and a policy, each understood or refused."""

from pathlib import Path
from typing import Any

import pytest

from publisher.errors import ConfigurationError
from publisher.server.settings import Denial, UpstreamSource
from publisher.server.upstream.options import UpstreamChoices, bytes_of, seconds_of, upstream_settings
from publisher.server.upstream.policy.policy_file import check_url, read_policy

URL = "https://public.example/simple/"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("2m", 120), ("12h", 43200), ("3d", 259200), ("1W", 604800), (" 1.5 d ", 129600), ("0d", 0)],
)
def test_ages(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


def test_an_age_has_a_bound() -> None:
    assert seconds_of("3650d") == 3650 * 86400
    for text in ("3650.1d", "9999999d", f"{'9' * 400}w"):
        with pytest.raises(ConfigurationError, match="expected at most ten years"):
            seconds_of(text)


@pytest.mark.parametrize("text", ["", "3", "d", "-3d", "3 days", "3y", "3d4h", "1,5d"])
def test_other_ages_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="an age like 3d"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("text", "size"), [("1B", 1), ("2kB", 2000), ("500mb", 5 * 10**8), ("1.5 GB", 15 * 10**8), ("1TB", 10**12)]
)
def test_sizes(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "20", "GB", "-1GB", "20GiB", "much"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="a size like 20GB"):
        bytes_of(text)


def chosen(folder: Path, upstream: str = URL, cooldown: str = "", **more: Any) -> Any:
    environment = more.pop("environment", {})
    return upstream_settings(UpstreamChoices(upstream, cooldown, folder / "cache", **more), environment)


def test_without_an_upstream_there_is_nothing_to_choose(tmp_path: Path) -> None:
    assert chosen(tmp_path, "") is None
    assert chosen(tmp_path, "", fallback_url="https://x.example/") is None
    with pytest.raises(ConfigurationError, match="--cooldown needs an upstream"):
        chosen(tmp_path, "", "3d")
    with pytest.raises(ConfigurationError, match="can't be combined"):
        chosen(tmp_path, fallback_url="https://x.example/")
    assert not (tmp_path / "cache").exists()


def test_the_settings_are_the_choices(tmp_path: Path) -> None:
    found = chosen(tmp_path, "https://public.example/simple", "3d", cache_size="1GB")
    assert found.sources == (UpstreamSource(URL),)
    assert (found.cooldown, found.cache_size, found.cache) == (259200, 10**9, tmp_path / "cache")
    assert (found.denials, found.malicious) == ((), None)
    assert (tmp_path / "cache").is_dir()
    assert list((tmp_path / "cache").iterdir()) == []
    assert (chosen(tmp_path).cooldown, chosen(tmp_path).cache_size) == (0.0, 20 * 10**9)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ImportWarning")  # of pypiserver
def test_public_is_the_public_index(tmp_path: Path) -> None:
    from pypiserver.config import DEFAULTS  # noqa: PLC0415 - its import warns

    (source,) = chosen(tmp_path, "public").sources
    assert source.url == DEFAULTS.FALLBACK_URL.rstrip("/") + "/"


def test_the_upstream_of_the_option_has_the_names_that_the_policy_leaves(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[[upstream]]\nurl = "https://a.example/"\nnames = ["x"]\n[[deny]]\nname = "y"\n')
    assert [source.url for source in chosen(tmp_path, policy=policy).sources] == ["https://a.example/", URL]
    assert [source.url for source in chosen(tmp_path, "", policy=policy).sources] == ["https://a.example/"]
    policy.write_text('[[deny]]\nname = "y"\n')
    assert chosen(tmp_path, policy=policy).denials == (Denial("y"),)
    with pytest.raises(ConfigurationError, match="names no upstream"):
        chosen(tmp_path, "", policy=policy)


@pytest.mark.parametrize(
    ("label", "prefix"),
    [("", "PYPI_INDEX_UPSTREAM"), ("wheels", "PYPI_INDEX_UPSTREAM_WHEELS"), ("a-b", "PYPI_INDEX_UPSTREAM_A_B")],
)
def test_credentials_come_from_the_variables_of_their_upstream(tmp_path: Path, label: str, prefix: str) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[[upstream]]\nurl = "https://a.example/"\nlabel = "{label}"\n')
    given = {f"{prefix}_USERNAME": "ada", f"{prefix}_PASSWORD": "p"}
    (source,) = chosen(tmp_path, "", policy=policy, environment=given).sources
    assert (source.credentials.username, source.credentials.password.reveal()) == ("ada", "p")
    assert source.credentials.source == f"{prefix}_USERNAME"
    for name in given:  # one of them is enough
        assert chosen(tmp_path, "", policy=policy, environment={name: given[name]}).sources[0].credentials is not None
    assert chosen(tmp_path, "", policy=policy, environment={"OTHER_USERNAME": "ada"}).sources[0].credentials is None


@pytest.mark.parametrize("text", ["http://a.example", "https://a.example:8443/simple", "https://[::1]/simple///"])
def test_urls_of_upstreams_end_with_one_slash(text: str) -> None:
    assert check_url(text) == text.rstrip("/") + "/"


@pytest.mark.parametrize(
    "text",
    ["", "a.example", "ftp://a.example/", "https://", "https://a.example:x/", "https://a.example:0/", "https://[/",
     "https://a.example/?q", "https://a.example/#f", "https://ada:secret@a.example/", "https://ada@a.example/"],
)  # fmt: skip
def test_other_urls_are_refused_without_their_password(text: str) -> None:
    with pytest.raises(ValueError, match="expected http") as caught:
        check_url(text)
    assert "secret" not in str(caught.value)


def test_a_policy_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("evil\n")
    policy = tmp_path / "policy.toml"
    policy.write_text(
        'malicious = "list.txt"\n[[upstream]]\nurl = "https://a.example"\nnames = ["torch-*", "X"]\nfirst-seen = true\n'
        'label = "a"\n[[upstream]]\nurl = "https://b.example"\n'
        '[[deny]]\nname = "x*"\nversions = "<2,>1"\nreason = "old"\n[[deny]]\nname = "y"\n'
    )
    found = read_policy(policy)
    assert found.sources == (
        UpstreamSource("https://a.example/", ("torch-*", "X"), first_seen=True, label="a"),
        UpstreamSource("https://b.example/", ("*",)),
    )
    assert found.denials == (Denial("x*", "<2,>1", "old"), Denial("y", "", ""))
    assert found.malicious == tmp_path / "list.txt"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("other = 1", "the unknown key 'other'; known are deny, malicious, upstream"),
        ("deny = 1", r"deny must be written as \[\[deny\]\]"),
        ("deny = [1]", r"deny must be written as \[\[deny\]\]"),
        ('[[deny]]\nname = "x"\nother = 1', r"\[\[deny\]\] has the unknown key 'other'"),
        ("[[deny]]\nname = 5", "5 is not a pattern"),
        ('[[deny]]\nname = "x"\nreason = 5', "reason must be a string"),
        ('[[deny]]\nname = "x"\nreason = "two\\nlines"', "reason"),
        ('[[upstream]]\nurl = "https://a.example/"\nlabel = "1"', "label '1' must be letters"),
        ('[[upstream]]\nurl = "https://a.example/"\nlabel = 1', "label 1 must be letters"),
        ('[[upstream]]\nurl = "https://a.example/"\nnames = "x"', "names must be a list"),
        ('malicious = "list.txt"', "list.txt: line 1"),
        ('malicious = "."', "can't read"),
    ],
)
def test_a_policy_that_is_not_understood_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.txt").write_text("evil >= 1\n")
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_policy(tmp_path / "policy.toml")
    assert "policy.toml" in caught.value.message


def test_a_policy_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Can't read the upstream policy .*: No such file"):
        read_policy(tmp_path / "policy.toml")
    (tmp_path / "policy.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="is not valid TOML"):
        read_policy(tmp_path / "policy.toml")
