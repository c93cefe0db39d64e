"""The contents of built files at the limits of each rule, in wheels made in memory."""

from pathlib import Path

import pytest

from publisher.checks import contents
from publisher.checks.contents import SIZE_LIMIT, check_contents, check_secrets
from publisher.project.distributions import read_distribution
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.projects import commit

TYPED = b"def f(x: int) -> int:\n    return x\n"
PLAIN = b"def f(x):\n    return x\n"


def _wheel(folder: Path, code: str, members: dict[str, bytes], extra: str = "") -> list[str]:
    """Return the findings of one rule in a wheel with members."""
    text = f"Metadata-Version: 2.4\nName: acme-widgets\nVersion: 1.0\n{extra}\n# Widgets\n".encode()
    path = make_wheel(folder, members=members, metadata_bytes=text)
    found = check_contents([read_distribution(path)])
    return [f"{each.rule.code} {each.message}" for each in found if each.rule.code == code]


@pytest.mark.parametrize(
    "name",
    [
        ".pypirc",
        "acme_widgets/.pypirc",
        "acme_widgets/.netrc",
        "acme_widgets/_netrc",
        "acme_widgets/.env",
        "acme_widgets/.envrc",
        "acme_widgets/id_rsa",
        "acme_widgets/id_dsa",
        "acme_widgets/id_ecdsa",
        "acme_widgets/id_ed25519",
        "acme_widgets/key.p12",
        "acme_widgets/key.pfx",
        "acme_widgets/key.keystore",
        "tests.py/.env",
    ],
)
def test_secrets_are_found_in_wheels_and_sdists(tmp_path: Path, name: str) -> None:
    wheel = read_distribution(make_wheel(tmp_path, members={name: b"x"}))
    sdist = read_distribution(make_sdist(tmp_path, members={f"acme_widgets-1.0/{name}": b"x"}))
    found = [*check_secrets([wheel, sdist])]
    assert [(each.rule.code, each.message, each.path.name) for each in found] == [
        ("PP713", f"it contains {name}", wheel.filename),
        ("PP713", f"it contains acme_widgets-1.0/{name}", sdist.filename),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "acme_widgets/env",
        "acme_widgets/x.env",
        "acme_widgets/.env.example",
        "acme_widgets/id_rsa.pub",
        "acme_widgets/my_id_rsa",
        "acme_widgets/.p12",
        "acme_widgets/netrc",
        *(
            f"acme_widgets/{folder}/id_rsa"
            for folder in ("test", "tests", "testing", "testdata", "test_data", "fixtures")
        ),
    ],
)
def test_other_files_and_keys_of_tests_are_no_secrets(tmp_path: Path, name: str) -> None:
    assert [*check_secrets([read_distribution(make_wheel(tmp_path, members={name: b"x"}))])] == []


def test_folders_and_links_are_no_files(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, members={"acme_widgets/.env/": b""})
    sdist = make_sdist(tmp_path, links={"acme_widgets-1.0/.env": "pyproject.toml"})
    assert [*check_secrets([read_distribution(wheel), read_distribution(sdist)])] == []


@pytest.mark.parametrize(("size", "expected"), [(SIZE_LIMIT, []), (SIZE_LIMIT + 1, ["PP714 the file is 100 MB"])])
def test_a_file_has_a_greatest_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, expected: list[str]
) -> None:
    assert SIZE_LIMIT == 100_000_000
    wheel = read_distribution(make_wheel(tmp_path))
    monkeypatch.setattr(contents, "SIZE_LIMIT", wheel.path.stat().st_size - (size - SIZE_LIMIT))
    monkeypatch.setattr(contents, "human_size", lambda _: "100 MB")
    assert [
        f"{each.rule.code} {each.message}" for each in check_contents([wheel]) if each.rule.code == "PP714"
    ] == expected


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("licenses/COPYING", []),
        ("license_files/COPYING", []),
        ("COPYING", []),
        ("other/COPYING", ["PP715 it lacks the license file COPYING"]),
        ("", ["PP715 it lacks the license file COPYING"]),
    ],
)
def test_license_files_are_in_the_wheel(tmp_path: Path, place: str, expected: list[str]) -> None:
    members = {f"acme_widgets-1.0.dist-info/{place}": b"x"} if place else {}
    assert _wheel(tmp_path, "PP715", members, "License-File: COPYING\n") == expected


@pytest.mark.parametrize(
    ("members", "is_warned"),
    [
        ({"acme_widgets/a.py": TYPED}, True),
        ({"acme_widgets/a.py": PLAIN}, False),
        ({"acme_widgets/a.py": b"x: int = 1\n"}, False),
        ({"acme_widgets/a.py": TYPED, "acme_widgets/b.py": PLAIN}, True),  # half of them
        ({"acme_widgets/a.py": TYPED, "acme_widgets/b.py": PLAIN, "acme_widgets/c.py": PLAIN}, False),
        ({"acme_widgets/a.py": TYPED, "acme_widgets/b.py": b"x = 1\n"}, True),
        ({"acme_widgets/a.py": b"async def f() -> None: ...\n"}, True),
        ({"acme_widgets/a.py": b"class A:\n    def f(self, x : int):\n        pass\n"}, True),
        ({"acme_widgets/a.py": TYPED, "acme_widgets/py.typed": b""}, False),
        ({"acme_widgets/a.py": TYPED, "acme_widgets/inner/py.typed": b""}, False),
        ({"acme_widgets/a.txt": TYPED}, False),
        ({"other/a.py": TYPED}, False),  # without __init__.py
        ({"a-stubs/__init__.py": TYPED}, False),
    ],
)
def test_annotations_need_a_marker(tmp_path: Path, members: dict[str, bytes], is_warned: object) -> None:
    found = _wheel(tmp_path, "PP710", members)
    assert (found == ["PP710 the package acme_widgets has annotations but no py.typed"]) is is_warned
    assert is_warned or not found


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        ({"acme_widgets/a.pyc": b"x"}, ["PP708"]),
        ({"a.txt": b"x"}, []),
        ({"docs/a.py": b"1"}, ["PP707"]),
        ({"tests/__init__.py": b"1"}, ["PP707"]),
        ({"acme_widgets/a.txt": b"same", "acme_widgets/b.txt": b"same"}, ["PP711"]),
        ({"src/a/__init__.py": b"1"}, ["PP707"]),
    ],
)
def test_leftovers_in_the_wheel(tmp_path: Path, names: dict[str, bytes], codes: list[str]) -> None:
    wheel = read_distribution(make_wheel(tmp_path, members=names))
    found = {each.rule.code for each in check_contents([wheel])}
    assert found & {"PP707", "PP708", "PP711", "PP712"} >= {*codes}
    assert codes or not found & {"PP708", "PP711"}


def _project(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")
    return folder


@pytest.mark.parametrize("source", ["src/", "", "lib/", "python/"])
def test_modules_and_data_that_the_wheel_lacks_are_found(tmp_path: Path, source: str) -> None:
    package = f"{source}acme_widgets"
    folder = _project(
        tmp_path / "project",
        *(
            f"{package}/{name}"
            for name in ("__init__.py", "lost.py", "lost.pyi", "data.txt", "test_it.py", "tests/a.py")
        ),
        f"{package}/tests/data.txt",
    )
    wheel = read_distribution(make_wheel(tmp_path))
    found = {f"{each.rule.code} {each.message}" for each in check_contents([wheel], folder)}
    assert {each for each in found if "lacks" in each} == {
        f"PP705 the wheel lacks {package}/lost.py",
        f"PP705 the wheel lacks {package}/lost.pyi",
        f"PP706 the wheel lacks {package}/data.txt",
        f"PP706 the wheel lacks {package}/tests/data.txt",
    }


def test_files_that_git_does_not_track_are_leftovers(tmp_path: Path) -> None:
    folder = _project(tmp_path / "project", "acme_widgets/__init__.py", "acme_widgets/lost.py")
    commit(folder)
    _project(folder, "acme_widgets/generated.py")
    wheel = read_distribution(make_wheel(tmp_path))
    found = [each.message for each in check_contents([wheel], folder) if each.rule.code in {"PP705", "PP706"}]
    assert found == ["the wheel lacks acme_widgets/lost.py"]


def test_without_the_package_in_the_project_nothing_is_missing(tmp_path: Path) -> None:
    folder = _project(tmp_path / "project", "other/__init__.py", "other/lost.py")
    wheel = read_distribution(make_wheel(tmp_path))
    assert not [each for each in check_contents([wheel], folder) if each.rule.code in {"PP705", "PP706"}]
    assert not [each for each in check_contents([wheel]) if each.rule.code in {"PP705", "PP706"}]
