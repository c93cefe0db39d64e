"""Every rule about sources, on a project that breaks it: the line that is at fault ends with `#!`."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.checks.engine import check_source
from publisher.checks.fixes import fix
from publisher.checks.rules import RULES
from publisher.checks.violations import Violation
from publisher.errors import ConfigurationError
from publisher.project.toml_positions import Lines
from tests.helpers.tool import pypi_publish

GOOD = {
    "build": '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n',
    "project": "[project]\n",
    "name": 'name = "acme-widgets"\n',
    "version": 'version = "1.0"\n',
    "description": 'description = "Widgets"\n',
    "readme": 'readme = "README.md"\n',
    "python": 'requires-python = ">=3.11"\n',
    "license": 'license = "MIT"\nlicense-files = ["LICENSE"]\n',
    "more": "",
    "tables": "",
}
FILES = {"README.md": "# Widgets\n", "LICENSE": "MIT\n"}
SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
FLIT = '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'

CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "PP101": ({"more": "dependencies = [ #\n#!\n"}, {}),
    "PP102": ({"more": 'keywords = "widgets" #!\n'}, {}),
    "PP103": ({"name": 'name = "acme widgets" #!\n'}, {}),
    "PP104": ({"name": 'name = "Acme_Widgets" #!\n'}, {}),
    "PP105": ({"project": "[project] #!\n", "version": ""}, {}),
    "PP106": ({"version": 'version = "one" #!\n'}, {}),
    "PP107": ({"version": 'version = "1.0-beta" #!\n'}, {}),
    "PP108": ({"version": 'version = "1.0+local" #!\n'}, {}),
    "PP109": ({"version": 'version = "1.0" #!\n', "more": 'dynamic = ["version"]\n'}, {}),
    "PP110": ({"more": 'dynamic = [\n  "classifiers",\n  "clasifiers", #!\n]\n'}, {}),
    "PP111": ({"more": 'dependancies = ["attrs"] #!\n'}, {}),
    "PP120": ({"more": 'homepage = "https://acme.example" #!\n'}, {}),
    "PP112": ({"description": 'description = """ #!\nWidgets\nfor all"""\n'}, {}),
    "PP113": ({"python": 'requires-python = "3.11" #!\n'}, {}),
    "PP114": ({"project": "[project] #!\n", "python": ""}, {}),
    "PP115": ({"more": 'authors = [\n  { name = "Ada" },\n  { name = "Bob", email = "at home" }, #!\n]\n'}, {}),
    "PP116": ({"tables": '[project.urls]\nThe-place-where-everything-is-kept-together = "https://a.example" #!\n'}, {}),
    "PP117": ({"tables": '[project.urls]\nHome = "www.acme.example" #!\n'}, {}),
    "PP118": ({"tables": '[project.scripts]\nacme = "acme.cli" #!\n'}, {}),
    "PP119": ({"tables": '[project.entry-points.console_scripts] #!\nacme = "acme.cli:main"\n'}, {}),
    "PP121": ({"tables": '[project.scripts]\n"acme/run" = "acme.cli:main" #!\n'}, {}),
    "PP201": ({"more": 'dependencies = [\n  "attrs",\n  "click >> 8", #!\n]\n'}, {}),
    "PP202": ({"more": 'dependencies = ["acme @ https://acme.example/acme-1-py3-none-any.whl"] #!\n'}, {}),
    "PP203": ({"more": 'dependencies = [\n  "attrs>=1", # one\n  "Attrs<30", #!\n]\n'}, {}),
    "PP204": ({"tables": '[project.optional-dependencies]\n"all of it" = ["attrs"] #!\n'}, {}),
    "PP205": ({"tables": '[project.optional-dependencies]\na-b = ["attrs"]\na_b = ["click"] #!\n'}, {}),
    "PP206": ({"tables": '[dependency-groups]\ndev = [\n  "attrs",\n  { include-group = "tests" }, #!\n]\n'}, {}),
    "PP207": (
        {
            "tables": "[dependency-groups]\n"
            'a = [{ include-group = "b" }] #!\nb = ["attrs", { include-group = "A" }] #!\n',
        },
        {},
    ),
    "PP208": ({"more": 'dependencies = [\n  "Acme.Widgets", #!\n]\n'}, {}),
    "PP209": (
        {
            "tables": "[tool.poetry.dependencies]\n"
            'python = "^3.11"\nattrs = { version = ">>1" } #!\nclick = ["^8.1 || >=7,<7.2", { version = "one" }] #!\n',
        },
        {},
    ),
    "PP301": ({"more": 'classifiers = [\n  "Environment :: Console",\n  "Typing :: Typd", #!\n]\n'}, {}),
    "PP302": ({"license": "", "more": 'classifiers = [\n  "Natural Language :: Ukranian", #!\n]\n'}, {}),
    "PP303": ({"more": 'classifiers = [\n  "Typing :: Typed",\n  "Typing :: Typed", #!\n]\n'}, {}),
    "PP304": ({"more": 'classifiers = [ #!\n  "Typing :: Typed",\n  "Environment :: Console",\n]\n'}, {}),
    "PP305": ({"license": 'license = "The usual one" #!\n'}, {}),
    "PP306": ({"license": 'license = "apache-2.0 or mit" #!\n'}, {}),
    "PP307": ({"build": FLIT, "more": 'classifiers = [\n  "License :: OSI Approved :: MIT License", #!\n]\n'}, {}),
    "PP308": ({"license": 'license = { text = "MIT" } #!\n'}, {}),
    "PP309": ({"license": 'license = { file = "COPYING" } #!\n'}, {}),
    "PP310": ({"license": 'license = "MIT"\nlicense-files = ["LICENSE", "NOTICE*"] #!\n'}, {}),
    "PP311": ({"more": 'classifiers = ["Programming Language :: Python :: 3.9"] #!\n'}, {}),
    "PP312": ({"more": 'classifiers = [\n  "License :: OSI Approved :: MIT License", #!\n]\n'}, {}),
    "PP313": ({"license": 'license = "MIT OR GPL-3.0" #!\n'}, {}),
    "PP314": ({"build": SETUPTOOLS, "more": 'classifiers = [\n  "Typing :: Typd", #!\n]\n'}, {}),
    "PP401": ({"readme": 'readme = "READ.md" #!\n'}, {}),
    "PP402": ({"readme": 'readme = "README" #!\n'}, {"README": "Widgets\n"}),
    "PP403": ({}, {"README.md": "# Widgets\n\nf\udcfcr alle #!\n"}),
    "PP404": ({"readme": 'readme = "README.rst"\n'}, {"README.rst": "Widgets\n=======\n\n.. toctree:: #!\n"}),
    "PP405": ({"readme": 'readme = "README.md" #!\n'}, {"README.md": " \n"}),
    "PP406": ({"project": "[project] #!\n", "readme": ""}, {}),
    "PP407": ({}, {"README.md": "# Widgets\n\n![A widget](docs/widget.png) #!\n"}),
    "PP408": ({"readme": 'readme = "README.md" #!\n'}, {"README.md": "# Widgets\n" * 500_000}),
    "PP501": ({"build": "#!\n"}, {}),
    "PP502": ({"build": '[build-system] #!\nbuild-backend = "hatchling.build"\n'}, {}),
    "PP503": (
        {"build": '[build-system]\nrequires = ["hatchling", "what ever"] #!\nbuild-backend = "hatchling.build"\n'},
        {},
    ),
    "PP504": (
        {"build": '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = [".."] #!\n'},
        {},
    ),
    "PP505": ({"build": '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "hatchling.build" #!\n'}, {}),
    "PP506": ({"tables": "[tool.pypi-publish]\nrequire-tag = true\nskip-exising = true #!\n"}, {}),
    "PP507": ({"tables": '[tool.pypi-publish]\nindex-url = "acme" #!\n'}, {}),
    "PP509": (
        {"build": '[build-system]\nrequires = ["uv_build>=0.8"] #!\nbuild-backend = "uv_build"\n'},
        {},
    ),
    "PP508": ({"tables": '[tool.pypi-publish.check]\nignore = { PP304 = " " } #!\n'}, {}),
}
"""For each rule, the changes to a good project that break it, and extra files."""


def make(folder: Path, said: dict[str, str], files: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in {**FILES, **files, "pyproject.toml": "".join({**GOOD, **said}.values())}.items():
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    return folder


def marked(folder: Path) -> set[tuple[str, int]]:
    """Return the lines that end with the mark."""
    texts = {path.name: path.read_bytes().decode("utf-8", "surrogateescape") for path in folder.iterdir()}
    return {
        (name, number)
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if line.endswith("#!")
    }


def found(folder: Path, code: str) -> set[tuple[str, int | None]]:
    return {(finding.path.name, finding.line) for finding in check_source(folder) if finding.rule.code == code}


def test_every_rule_about_sources_has_a_project_that_breaks_it() -> None:
    assert set(CASES) == {code for code in RULES if code < "PP6"}


def test_a_good_project_breaks_none(tmp_path: Path) -> None:
    assert check_source(make(tmp_path, {}, {})) == []


@pytest.mark.parametrize("code", CASES)
def test_a_broken_project_is_reported_with_its_place(tmp_path: Path, code: str) -> None:
    folder = make(tmp_path, *CASES[code])
    assert found(folder, code) == marked(folder)
    others = {finding.rule.code for finding in check_source(folder)} - {code}
    assert all(RULES[other].severity != "error" for other in others), others


@pytest.mark.parametrize("code", [code for code in CASES if code not in {"PP101", "PP506", "PP508"}])
def test_a_rule_that_is_turned_off_with_a_reason_is_silent(tmp_path: Path, code: str) -> None:
    said, files = CASES[code]
    separate = "\n" if said.get("tables", "").startswith("[tool.pypi-publish]") else ""
    off = f'{said.get("tables", "")}{separate}[tool.pypi-publish.check.ignore]\n{code} = "on purpose"\n'
    folder = make(tmp_path, {**said, "tables": off}, files)
    assert found(folder, code) == set()


def test_a_key_is_an_error_where_the_backend_refuses_it(tmp_path: Path) -> None:
    said, files = CASES["PP120"]
    for build in (FLIT, "", '[build-system]\nrequires = ["setuptools"]\n'):
        folder = make(tmp_path, {**said, "build": build}, files)
        assert found(folder, "PP111") == marked(folder)
        assert found(folder, "PP120") == set()
    own = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    folder = make(tmp_path, {**said, "build": own}, files)
    assert found(folder, "PP120") == marked(folder)


def test_logs_of_other_tools_are_not_printed(tmp_path: Path) -> None:
    make(tmp_path, {"tables": '[project.scripts]\nacme = "acme.cli:main [extra]"\n'}, {})
    assert pypi_publish("check", "--only", "source", cwd=tmp_path).stderr == "All is well.\n"


def test_a_reason_is_needed(tmp_path: Path) -> None:
    said, files = CASES["PP104"]
    off = '[tool.pypi-publish.check]\nignore = { PP104 = "" }\n'
    folder = make(tmp_path, {**said, "tables": off}, files)
    assert found(folder, "PP104")
    assert found(folder, "PP508")


def test_several_problems_of_the_schema_are_reported_at_once(tmp_path: Path) -> None:
    said = {"more": 'keywords = "widgets" #!\nauthors = "Ada" #!\n', "tables": "[tool.setuptools]\npackages = 3 #!\n"}
    folder = make(tmp_path, said, {})
    assert found(folder, "PP102") == marked(folder)


@pytest.mark.parametrize(
    ("code", "after"),
    [
        ("PP104", 'name = "acme-widgets" #!\n'),
        ("PP107", 'version = "1.0b0" #!\n'),
        ("PP302", 'classifiers = [\n  "Natural Language :: Ukrainian", #!\n]\n'),
        ("PP303", 'classifiers = [\n  "Typing :: Typed", \n]\n'),
        ("PP304", 'classifiers = [ #!\n  "Environment :: Console",\n  "Typing :: Typed",\n]\n'),
        ("PP306", 'license = "Apache-2.0 OR MIT" #!\n'),
        ("PP308", 'license = "MIT" #!\n'),
    ],
)
def test_mechanical_findings_are_fixed(tmp_path: Path, code: str, after: str) -> None:
    said, files = CASES[code]
    text = "".join({**GOOD, **said}.values())
    mended = fix(text.replace("#!\n]", "\n]") if code in {"PP302", "PP303"} else text.replace("[ #!", "["), ())
    assert after.replace(" #!\n]", " \n]").replace("[ #!", "[") in mended
    assert fix(mended, ()) == mended
    assert fix(text, {code}) == text
    assert RULES[code].fixable
    (make(tmp_path, said, files) / "pyproject.toml").write_text(mended)
    assert found(tmp_path, code) == set()


def test_a_list_with_comments_is_left_alone() -> None:
    text = '[project]\nclassifiers = [\n  "Typing :: Typed",  # since 2.0\n  "Environment :: Console",\n]\n'
    assert fix(text, ()) == text


def test_every_rule_that_can_be_fixed_is_tried() -> None:
    assert {code for code, rule in RULES.items() if rule.fixable} == {
        "PP104", "PP107", "PP302", "PP303", "PP304", "PP306", "PP308",
    }  # fmt: skip


def test_the_command_reports_each_finding_and_fails(tmp_path: Path) -> None:
    make(tmp_path, CASES["PP301"][0], {})
    done = pypi_publish("check", "--only", "source", "--json", cwd=tmp_path)
    assert done.code == 7, done.everything
    text = [line for line in done.stderr.splitlines() if line.startswith("pyproject.toml:")]
    assert text == ["pyproject.toml:14: PP301 unknown classifier 'Typing :: Typd'; did you mean 'Typing :: Typed'?"]
    assert [(each["code"], each["line"], each["severity"]) for each in json.loads(done.stdout)["findings"]] == [
        ("PP301", 14, "error")
    ]


def test_warnings_fail_when_they_are_to(tmp_path: Path) -> None:
    make(tmp_path, CASES["PP303"][0], {})
    assert pypi_publish("check", "--only", "source", cwd=tmp_path).code == 0
    assert pypi_publish("check", "--only", "source", "--strict", cwd=tmp_path).code == 7
    mended = pypi_publish("check", "--only", "source", "--strict", "--fix", cwd=tmp_path)
    assert mended.code in {0, 7}


def test_files_stand_for_their_project(tmp_path: Path) -> None:
    # as pre-commit hands them on: relative to the root of the repository, several of one project
    for name in ("one", "two"):
        make(tmp_path / name, CASES["PP106"][0] if name == "two" else {}, {})
    (tmp_path / "NOTES.md").write_text("of no project\n")
    names = ("two/README.md", "two/pyproject.toml", "one/LICENSE", "NOTES.md")
    done = pypi_publish("check", "--only", "source", *names, cwd=tmp_path)
    lines = [line for line in done.stderr.splitlines() if ": PP" in line]
    assert lines == [f"{Path('two/pyproject.toml')}:6: PP106 'one' is not a version"]


def test_a_project_in_test_data_is_not_checked(tmp_path: Path) -> None:
    make(tmp_path, {}, {})
    data = tmp_path / "tests" / "data" / "broken"
    data.parent.mkdir(parents=True)
    make(data, CASES["PP106"][0], {})
    changed = data.relative_to(tmp_path) / "pyproject.toml"
    assert pypi_publish("check", "--only", "source", changed, cwd=tmp_path).code == 0
    assert pypi_publish("check", "--only", "source", data, cwd=tmp_path).code == 7  # it was asked for


def test_a_workspace_stands_for_its_projects(tmp_path: Path) -> None:
    make(tmp_path / "one", CASES["PP106"][0], {})
    root = tmp_path / "pyproject.toml"
    root.write_text('[tool.pypi-publish]\npackages = ["*"]\nindex-url = "acme"\n')
    done = pypi_publish("check", "--only", "source", cwd=tmp_path)
    assert f"{Path('one/pyproject.toml')}:6: PP106" in done.stderr
    assert "pyproject.toml:3: PP507" in done.stderr
    root.write_text('[tool.pypi-publish]\npackages = ["none/*"]\n')
    assert "PP506" in pypi_publish("check", "--only", "source", cwd=tmp_path).stderr


def test_folders_without_a_project_are_reported(tmp_path: Path) -> None:
    done = pypi_publish("check", "--only", "source", cwd=tmp_path)
    assert (done.code, "has no pyproject.toml" in done.stderr) == (2, True)
    done = pypi_publish("check", "--only", "source", "nowhere", cwd=tmp_path)
    assert (done.code, "Path not found: nowhere" in done.stderr) == (2, True)
    with pytest.raises(ConfigurationError):
        check_source(tmp_path)


def test_in_a_runner_findings_are_annotations(tmp_path: Path) -> None:
    make(tmp_path, CASES["PP106"][0], {})
    done = pypi_publish(
        "check", "--only", "source", cwd=tmp_path, env={"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path)}
    )
    assert "::error title=PP106 The version is valid,file=pyproject.toml,line=6::'one' is not a version" in done.stderr


@given(st.text(alphabet="[]{}=,.\"'#\n\\ ab1", max_size=60))
def test_any_text_has_lines_in_finite_time(text: str) -> None:
    Lines(text)


def test_findings_are_in_the_order_of_the_file(tmp_path: Path) -> None:
    said = {**CASES["PP106"][0], **CASES["PP113"][0], "tables": CASES["PP118"][0]["tables"]}
    findings: list[Violation] = check_source(make(tmp_path, said, {}))
    assert [finding.rule.code for finding in findings] == ["PP106", "PP113", "PP118"]


NESTED = """\
[[a]]
[[a.b]]
x = 1
[[a.b]]
x = 2
[a.b.c]
y = { z = [1,
  { w = 2 }] }
[[a]]
b = 3
d.e."f.g" = [
  [1],
  [
    2,
  ],
]
[a.h]
"""


def _places(value: object, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, each in inner for found in _places(each, (*place, key)))]


def test_every_value_of_nested_tables_has_its_own_line() -> None:
    lines = Lines(NESTED)
    expected = {
        ("a", 0): 1, ("a", 0, "b", 0): 2, ("a", 0, "b", 0, "x"): 3, ("a", 0, "b", 1): 4, ("a", 0, "b", 1, "x"): 5,
        ("a", 0, "b", 1, "c"): 6, ("a", 0, "b", 1, "c", "y"): 7, ("a", 0, "b", 1, "c", "y", "z", 1): 8,
        ("a", 0, "b", 1, "c", "y", "z", 1, "w"): 8, ("a", 1): 9, ("a", 1, "b"): 10, ("a", 1, "d", "e", "f.g"): 11,
        ("a", 1, "d", "e", "f.g", 0): 12, ("a", 1, "d", "e", "f.g", 1, 0): 14, ("a", 1, "h"): 17,
    }  # fmt: skip
    assert {place: lines.of(place) for place in expected} == expected
    assert all(place in lines for place in _places(tomllib.loads(NESTED))[1:])


def test_a_project_on_a_disk_that_fails_is_no_broken_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text(GOOD["build"])

    def fail(_: Path) -> None:
        raise ConfigurationError("pyproject.toml can't be read: Input/output error.")

    monkeypatch.setattr("publisher.checks.engine.read_pyproject", fail)
    with pytest.raises(ConfigurationError, match="Input/output error"):
        check_source(tmp_path)
