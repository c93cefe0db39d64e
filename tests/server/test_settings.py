"""The defaults of an index, and what follows from its settings."""

from pathlib import Path

import pytest

from publisher.limits import LIMITS
from publisher.secret import Credentials, Secret
from publisher.server.settings import (
    CLIENT_NAME,
    Activity,
    Denial,
    ServerSettings,
    UpstreamSettings,
    UpstreamSource,
)

SOURCE = UpstreamSource("https://public.example/simple/")
UPSTREAM = UpstreamSettings((SOURCE,), Path("cache"))


def test_an_index_is_closed_and_keeps_its_files_by_default() -> None:
    settings = ServerSettings(roots=(Path("packages"),))
    assert settings.authenticate == {Activity.DOWNLOAD, Activity.LIST, Activity.UPDATE}
    for name in ("overwrite", "allow_plaintext", "accept_legacy", "htpasswd_is_foreign"):
        assert getattr(settings, name) is False
    for name in ("reserved", "client_uploaders", "trusted_proxies"):
        assert getattr(settings, name) == ()
    for name in ("htpasswd", "admin_token", "fallback_url", "upstream", "scheme", "state", "public_url", "bucket"):
        assert getattr(settings, name) is None
    assert (settings.revision, settings.audit_days, settings.signed_from) == ("", 400, 2**20)
    assert settings.limits is LIMITS


@pytest.mark.parametrize("activity", ["download", "list", "update"])
def test_activities_have_the_words_of_pypiserver(activity: str) -> None:
    assert Activity(activity).value == activity


@pytest.mark.parametrize("reserved", [(), ("acme-*",), ("acme-*", "other")])
def test_the_client_of_the_index_never_comes_from_elsewhere(reserved: tuple[str, ...]) -> None:
    assert CLIENT_NAME == "pypi-publish"
    assert ServerSettings(roots=(), reserved=reserved).never_public == ("pypi-publish", *reserved)


@pytest.mark.parametrize(
    ("upstream", "fallback_url", "passes_on"),
    [
        (None, None, False),
        (UPSTREAM, None, True),
        (None, "https://public.example/", True),
        (UPSTREAM, "https://p/", True),
    ],
)
def test_public_packages_are_passed_on_by_an_upstream_or_a_fallback(
    upstream: UpstreamSettings | None, fallback_url: str | None, *, passes_on: bool
) -> None:
    assert ServerSettings(roots=(), upstream=upstream, fallback_url=fallback_url).passes_on is passes_on


def test_a_source_has_every_name_and_an_upstream_refuses_nothing_by_default() -> None:
    assert (SOURCE.names, SOURCE.first_seen, SOURCE.label, SOURCE.credentials) == (("*",), False, "", None)
    assert (UPSTREAM.cooldown, UPSTREAM.denials, UPSTREAM.malicious, UPSTREAM.cache_size) == (0.0, (), None, 20 * 10**9)
    assert UPSTREAM.limits is LIMITS.upstream
    assert (Denial("acme").versions, Denial("acme").reason) == ("", "")


def test_settings_show_no_secret() -> None:
    credentials = Credentials("ada", Secret("correct horse"), "a test")
    upstream = UpstreamSettings((UpstreamSource("https://public.example/", credentials=credentials),), Path("cache"))
    settings = ServerSettings(roots=(), admin_token=Secret("battery staple"), upstream=upstream)
    shown = repr(settings)
    assert "ada" in shown
    assert "horse" not in shown
    assert "staple" not in shown
    assert "admin_token" not in shown
