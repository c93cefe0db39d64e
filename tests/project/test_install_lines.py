"""The printed lines install what they name, or say what they need."""

import shlex

import pytest

from publisher.project.install_lines import INSTALL_WITH_KEYRING, install_lines, own_requirement, required_names

SIMPLE = "https://acme.example/simple/"
PIP = f"pip install --index-url {SIMPLE} acme==1"


@pytest.mark.parametrize(("dependencies", "proxies_public"), [([], None), ([], False), (["six"], True), (None, True)])
def test_pip_alone_is_named_where_it_is_enough(dependencies: list[str] | None, proxies_public: bool | None) -> None:  # noqa: FBT001 - a test's parameter
    assert install_lines(SIMPLE, "acme==1", dependencies=dependencies, proxies_public=proxies_public) == [PIP]


def test_public_dependencies_need_uv_or_an_index_that_has_them() -> None:
    uv, condition, pip = install_lines(SIMPLE, "acme==1", dependencies=["d", "b", "a", "c"])
    assert uv == "pypi-publish config uv --scope project --write && uv add acme==1"
    assert condition.startswith("# with pip, only if the index has or passes on")
    assert "(a, b, c, ...)" in condition
    assert pip == PIP
    assert install_lines(SIMPLE, "acme==1", dependencies=None)[::2] == [PIP, uv]


def test_extras_and_what_is_no_requirement_are_no_dependencies() -> None:
    texts = ["Six>=1", "rich; extra == 'tty'", "tomli; python_version < '3.11'", "== nonsense"]
    assert required_names(texts) == ["six", "tomli"]


def test_the_requirement_of_this_program_is_one_word_of_a_shell() -> None:
    assert [shlex.split(own_requirement(extra))[0].partition(" @ ")[0] for extra in ("", "server")] == [
        "pypi-publish",
        "pypi-publish[server]",
    ]


def test_an_index_without_public_packages_is_known_to_need_more_than_pip() -> None:
    lines = install_lines(SIMPLE, "acme==1", dependencies=["six"], proxies_public=False)
    assert lines == install_lines(SIMPLE, "acme==1", dependencies=["six"])
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("dependencies", "shown"),
    [(["b", "a"], "(a, b):"), (["c", "b", "a"], "(a, b, c):"), (list("dcba"), "(a, b, c, ...):")],
)
def test_three_dependencies_are_named_and_more_are_hinted_at(dependencies: list[str], shown: str) -> None:
    assert install_lines(SIMPLE, "acme==1", dependencies=dependencies)[1].endswith(shown)


def test_unknown_dependencies_are_a_comment_between_the_lines() -> None:
    pip, comment, uv = install_lines(SIMPLE, "acme", dependencies=None)
    assert comment == "# if it needs public packages that this index lacks, in a project of uv:"
    assert (pip.endswith(" acme"), uv.endswith("uv add acme")) == (True, True)


def test_required_names_are_sorted_and_each_is_there_once() -> None:
    assert required_names(["zeta", "Zope.Interface", "zeta>=2", "alpha"]) == ["alpha", "zeta", "zope-interface"]
    assert required_names([]) == []


@pytest.mark.parametrize(("extra", "requirement"), [("", "pypi-publish @ "), ("server", "pypi-publish[server] @ ")])
def test_this_program_is_required_by_its_repository(extra: str, requirement: str) -> None:
    (word,) = shlex.split(own_requirement(extra))
    assert word == f"{requirement}git+https://github.com/OWNER/REPOSITORY@TAG"
    assert own_requirement() in INSTALL_WITH_KEYRING
