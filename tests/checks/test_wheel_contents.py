"""The contents of built files at the limits of each rule, in wheels made in memory."""

import time
import zipfile
from pathlib import Path

import pytest

from publisher.checks import contents
from publisher.checks.contents import SIZE_LIMIT, _has_annotations, check_contents, check_secrets
from publisher.project.distributions import read_distribution
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.projects import commit
from tests.helpers.speed import is_within

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
        "acme_widgets/id_ed25519_sk",
        "acme_widgets/.git-credentials",
        "acme_widgets/.ENV",
        "acme_widgets/KEY.PFX",
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


def test_a_secret_is_reported_once(tmp_path: Path) -> None:
    sdist = make_sdist(tmp_path, members={"acme_widgets-1.0/.env": b"x"}, links={"acme_widgets-1.0/.env": "setup.py"})
    assert len([*check_secrets([read_distribution(sdist)])]) == 1


def test_links_count_as_files_and_folders_do_not(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, members={"acme_widgets/.env/": b""})
    sdist = make_sdist(tmp_path, links={"acme_widgets-1.0/.env": "pyproject.toml"})
    found = check_secrets([read_distribution(wheel), read_distribution(sdist)])
    assert [each.message for each in found] == ["it contains acme_widgets-1.0/.env"]


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


def _invalid(path: Path) -> list[str]:
    """Return the messages about an invalid or damaged wheel."""
    return [each.message for each in check_contents([read_distribution(path)]) if each.rule.code == "PP719"]


def test_a_damaged_module_is_reported(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, members={"acme_widgets/x.py": TYPED})
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("acme_widgets/x.py")
    data = bytearray(path.read_bytes())
    data[info.header_offset + 30 + len(info.filename)] ^= 0xFF  # behind the local header
    path.write_bytes(data)
    [message] = _invalid(path)
    assert message.startswith("not a complete, readable zip file: ")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"a" * 200_000 + b",,\n", "RECORD is not valid"),
        (b",,\n" * 200, "RECORD has 200 lines for a wheel of 4 files"),
    ],
)
def test_an_invalid_record_is_reported(tmp_path: Path, record: bytes, message: str) -> None:
    path = make_wheel(tmp_path, without="RECORD")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("acme_widgets-1.0.dist-info/RECORD", record)
    assert _invalid(path) == [message]


def test_a_file_in_place_of_a_folder_is_reported(tmp_path: Path) -> None:
    assert _invalid(make_wheel(tmp_path, members={"acme_widgets-1.0.data": b"x"})) == ["RECORD is not valid"]


def test_deeply_nested_folders_are_reported(tmp_path: Path) -> None:
    [message] = _invalid(make_wheel(tmp_path, members={f"{'a/' * 2000}x.py": b"x = 1\n"}))
    assert "recursion" in message


def test_license_files_are_expected_beside_the_wheels_own_metadata(tmp_path: Path) -> None:
    vendored = {"acme_widgets/_vendor/other-2.0.dist-info/METADATA": b"x"}
    own = {"acme_widgets-1.0.dist-info/licenses/LICENSE": b"x"}
    assert _wheel(tmp_path, "PP715", {**vendored, **own}, "License-File: LICENSE\n") == []
    elsewhere = {"acme_widgets/_vendor/other-2.0.dist-info/licenses/LICENSE": b"x"}
    found = _wheel(tmp_path, "PP715", elsewhere, "License-File: LICENSE\n")
    assert found == ["PP715 it lacks the license file LICENSE"]


@pytest.mark.parametrize(
    "body",
    [
        b"\n" * 100_000 + b"def ",
        b"def a(\n" * 20_000,
        b"def a(" + b" " * 200_000,
        (b"def a(" + b"b " * 900 + b"\n") * 200,
    ],
)
def test_modules_are_searched_in_linear_time(body: bytes) -> None:
    began = time.process_time()
    assert not _has_annotations(body)
    assert is_within(time.process_time() - began, 1)  # the first took minutes


def test_a_wheel_is_opened_once_for_all_its_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {f"p{number}/__init__.py": TYPED for number in range(30)}
    wheel = read_distribution(make_wheel(tmp_path, members=members))
    monkeypatch.setattr(contents, "can_look_into_wheels", lambda: False)
    opened = []

    class Counted(zipfile.ZipFile):
        def __init__(self, path: Path) -> None:
            opened.append(path)
            super().__init__(path)

    monkeypatch.setattr(zipfile, "ZipFile", Counted)
    assert len([each for each in check_contents([wheel]) if each.rule.code == "PP710"]) == 30
    assert opened == [wheel.path]
