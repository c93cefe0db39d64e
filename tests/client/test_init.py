import json
import os
import pty
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from publisher import origin
from publisher.drafts import Draft, write_drafts
from publisher.errors import ConfigurationError
from publisher.origin import Origin, find_origin, parse_origin
from publisher.pre_commit import add_hooks
from publisher.toml_edit import set_keys
from publisher.workflow import Workflow
from tests.helpers.projects import git, make_project
from tests.helpers.tool import Result, pypi_publish

ACTION = f"acme/index@{'0a' * 20}"
URL = "https://acme.example/"
BIN = Path(sys.executable).parent
WORKFLOW = ".github/workflows/publish.yml"


def _init(folder: Path, *arguments: str, cwd: Path | None = None) -> Result:
    return pypi_publish("init", "--action", ACTION, "--index-url", URL, *arguments, cwd=cwd or folder)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


def test_one_project_gets_all_of_it(repository: Path) -> None:
    make_project(repository)
    done = _init(repository, "--yes", "--username", "ada")
    assert done.code == 0, done.stderr
    workflow = yaml.safe_load((repository / WORKFLOW).read_text())
    assert workflow["permissions"] == {}
    assert workflow["concurrency"] == {"group": "publish-${{ github.ref }}", "cancel-in-progress": False}
    assert workflow[True] == {"push": {"tags": ["v[0-9]*"]}}  # YAML's `on`
    job = workflow["jobs"]["publish"]
    assert (job["environment"], job["permissions"]) == ("release", {"contents": "read"})
    assert job["steps"][1]["uses"] == f"acme/index/github-actions/publish@{'0a' * 20}"
    assert "package-dir" not in job["steps"][1]["with"]
    assert f"publish@{'0a' * 20} # v0.1.0\n" in (repository / WORKFLOW).read_text()
    table = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["pypi-publish"]
    assert table == {"index-url": URL, "username": "ada"}
    hooks = yaml.safe_load((repository / ".pre-commit-config.yaml").read_text())["repos"]
    assert hooks[0]["repo"] == "https://github.com/acme/index"
    for line in (
        f"+++ b/{WORKFLOW}",
        f'+index-url = "{URL}"',
        "gh secret set PYPI_PUBLISH_PASSWORD --env release",
        "git tag v1.0 && git push origin v1.0",
    ):
        assert line in done.stderr


def test_the_workflow_passes_the_strictest_checks(repository: Path) -> None:
    for name in ("packages/a", "packages/with space"):
        make_project(repository / name, name.rpartition("/")[2].replace(" ", "-"))
    assert _init(repository, "--yes").code == 0
    folder = repository / ".github"
    subprocess.run([BIN / "zizmor", "--quiet", "--offline", "--persona", "auditor", folder], check=True)
    schema = ["--quiet", "--builtin-schema", "vendor.github-workflows"]
    subprocess.run([BIN / "check-jsonschema", *schema, repository / WORKFLOW], check=True)
    workflow = yaml.safe_load((repository / WORKFLOW).read_text())
    step = workflow["jobs"]["publish"]["steps"][1]
    assert step["with"]["package-dir"].split("\n") == ["packages/a", "packages/with space"]
    assert "*/v[0-9]*" in workflow[True]["push"]["tags"]


def test_a_second_time_there_is_nothing_to_do(repository: Path) -> None:
    make_project(repository)
    _init(repository, "--yes")
    before = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
    done = _init(repository, "--yes")
    assert done.code == 0
    assert "Everything is in place already." in done.stderr
    assert {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()} == before


def test_several_projects_below_a_root_without_one(repository: Path) -> None:
    for name in ("a", "b"):
        make_project(repository / "packages" / name, name)
    for name in ("node_modules/x", ".venv/y", "dist/z", "env/lib"):
        make_project(repository / name, "no")
    (repository / "env" / "pyvenv.cfg").touch()
    (repository / "env" / "lib" / "pyproject.toml").unlink()
    assert _init(repository, "--yes").code == 0
    text = (repository / WORKFLOW).read_text()
    assert "          package-dir: |\n            packages/a\n            packages/b\n" in text
    for name in ("a", "b"):
        table = tomllib.loads((repository / "packages" / name / "pyproject.toml").read_text())["tool"]["pypi-publish"]
        assert table == {"index-url": URL}


def test_the_tables_are_the_roots_where_it_has_a_pyproject(repository: Path) -> None:
    for name in ("a", "b"):
        make_project(repository / "packages" / name, name)
    (repository / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    assert _init(repository, "--yes").code == 0
    text = (repository / "pyproject.toml").read_text()
    assert text == f'[tool.uv.workspace]\nmembers = ["packages/*"]\n\n[tool.pypi-publish]\nindex-url = "{URL}"\n'
    assert "index-url" not in (repository / "packages" / "a" / "pyproject.toml").read_text()


def test_a_project_in_a_subfolder(repository: Path) -> None:
    project = make_project(repository / "python" / "widgets")
    assert _init(project, "--yes").code == 0
    step = yaml.safe_load((repository / WORKFLOW).read_text())["jobs"]["publish"]["steps"][1]
    assert step["with"]["package-dir"] == "python/widgets"


def test_nothing_is_written_without_consent(repository: Path) -> None:
    make_project(repository)
    before = (repository / "pyproject.toml").read_bytes()
    for arguments, code in (((), 2), (("--dry-run",), 0)):
        done = _init(repository, *arguments)
        assert done.code == code
        assert f"+++ b/{WORKFLOW}" in done.stderr
        assert not (repository / WORKFLOW).exists()
        assert (repository / "pyproject.toml").read_bytes() == before


def test_a_workflow_of_somebodys_own_is_replaced_with_force_only(repository: Path) -> None:
    make_project(repository)
    (repository / WORKFLOW).parent.mkdir(parents=True)
    (repository / WORKFLOW).write_text("mine\n")
    done = _init(repository, "--yes")
    assert done.code == 0
    assert "differs and is left as it is" in done.stderr
    assert (repository / WORKFLOW).read_text() == "mine\n"
    assert (repository / ".pre-commit-config.yaml").exists()
    assert _init(repository, "--force").code == 0
    assert (repository / WORKFLOW).read_text().startswith("name: Publish\n")


@pytest.mark.parametrize(("answer", "written"), [("y\n", True), ("n\n", False)])
def test_on_a_terminal_a_person_is_asked(repository: Path, answer: str, *, written: bool) -> None:
    make_project(repository)
    command = [sys.executable, "-m", "publisher.cli.main", "init", "--action", ACTION]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=repository, stdin=theirs, stdout=theirs, stderr=theirs):
        os.write(ours, f"{URL}\n{answer}".encode())
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 4096):
                shown += chunk
        except OSError:  # the terminal's other end is closed
            pass
    os.close(ours)
    assert b"Index URL" in shown
    assert b"Write this?" in shown
    assert (repository / WORKFLOW).exists() == written


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--index-url", ""], "No index is named"),
        (["--action", "acme/index@v1"], "does not name the commit of an action"),
        (["--action", f"acme/index@{'0a' * 20}\nx"], "does not name the commit of an action"),
        (["--environment", "${{ secrets.X }}"], "can't hold the name"),
        (["--environment", "two\nlines"], "can't hold the name"),
        (["--index-url", "ftp://x"], "has no http"),
    ],
)
def test_what_a_workflow_cannot_hold_is_refused(repository: Path, arguments: list[str], reason: str) -> None:
    make_project(repository)
    done = _init(repository, "--yes", *arguments)
    assert done.code == 2
    assert reason in done.stderr
    assert not (repository / WORKFLOW).exists()


def test_outside_git_and_without_a_project(tmp_path: Path, repository: Path) -> None:
    make_project(tmp_path / "elsewhere")
    assert "is in no git repository" in _init(tmp_path / "elsewhere", "--yes").stderr
    assert "There is no Python project" in _init(repository, "--yes").stderr


def test_where_the_action_is_unknown_it_is_asked_for(repository: Path) -> None:
    make_project(repository)
    done = pypi_publish("init", "--index-url", URL, "--yes", cwd=repository)
    assert done.code == 2
    assert "--action OWNER/REPOSITORY@COMMIT" in done.stderr


def test_a_release_knows_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = tmp_path / "release.json"
    monkeypatch.setattr(origin, "RELEASE_FILE", release)
    release.write_text(json.dumps({"repository": "acme/index", "commit": "0a" * 20}))
    assert find_origin() == Origin("acme/index", "0a" * 20)
    for broken in ("half", "[]", '{"repository": "x"}', json.dumps({"repository": "acme/index", "commit": "main"})):
        release.write_text(broken)
        assert find_origin() is None


def test_an_installation_from_git_knows_its_commit(tmp_path: Path) -> None:
    information = tmp_path / "pypi_publish-9.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: pypi-publish\nVersion: 9\n")
    noted = {"url": "https://github.com/acme/index.git", "vcs_info": {"vcs": "git", "commit_id": "0b" * 20}}
    (information / "direct_url.json").write_text(json.dumps(noted))
    code = "from publisher.origin import find_origin; print(find_origin())"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(parse_origin(f"acme/index@{'0b' * 20}"))


TABLE = ("tool", "pypi-publish")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[tool.pypi-publish]\nindex-url = "U"\n'),
        ("\ufeff[a]\r\nb = 1\r\n", '\ufeff[a]\r\nb = 1\r\n\r\n[tool.pypi-publish]\r\nindex-url = "U"\r\n'),
        ("a = 1  # why", 'a = 1  # why\n\n[tool.pypi-publish]\nindex-url = "U"\n'),
        (
            "[tool.pypi-publish]\nrequire-tag = true # yes\n\n[tool.b]\n",
            '[tool.pypi-publish]\nrequire-tag = true # yes\nindex-url = "U"\n\n[tool.b]\n',
        ),
        ("[tool.pypi-publish]\nindex-url = 'old' # where\n", '[tool.pypi-publish]\nindex-url = "U" # where\n'),
        ("[tool.pypi-publish]\nindex-url = 'U'\n", "[tool.pypi-publish]\nindex-url = 'U'\n"),
        (
            'tool.pypi-publish.username = "ada"\n',
            'tool.pypi-publish.username = "ada"\ntool.pypi-publish.index-url = "U"\n',
        ),
    ],
)
def test_a_table_is_added_and_the_rest_stays(before: str, after: str) -> None:
    assert set_keys(before, TABLE, {"index-url": "U"}) == after


@pytest.mark.parametrize("text", ["tool = 3\n", "[tool]\npypi-publish = 1\n", "no toml", "tool = {a = 1}\n"])
def test_a_table_that_cannot_be_added_is_told(text: str) -> None:
    with pytest.raises(ConfigurationError, match="can't be added"):
        set_keys(text, TABLE, {"index-url": "U"})


HOOKS = "    hooks:\n      - id: a\n"
ENTRY = f"  - repo: R\n    rev: {'0a' * 20}  # frozen: v1\n{HOOKS}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, f"repos:\n{ENTRY}"),
        ("# ours\n", f"# ours\nrepos:\n{ENTRY}"),
        (
            "repos:\n  - repo: x\n    rev: 1 # why\n    hooks: []\n",
            f"repos:\n  - repo: x\n    rev: 1 # why\n    hooks: []\n{ENTRY}",
        ),
        ("repos:\n- repo: local\n  hooks: []\n\nci:\n  a: b\n", None),
        ("repos: # all\n  - repo: x\n    hooks: []", None),
        ("a: 1\r\nrepos:\r\n  - repo: x\r\n    hooks: []\r\n", None),
    ],
)
def test_hooks_are_added_and_the_rest_stays(before: str | None, after: str | None) -> None:
    added = add_hooks(before, "R", "0a" * 20, "1", ["a"])
    assert after is None or added == after
    assert yaml.safe_load(added)["repos"][-1] == {"repo": "R", "rev": "0a" * 20, "hooks": [{"id": "a"}]}
    assert not set((before or "").splitlines()) - set(added.splitlines())
    assert ("\r\n" in (before or "")) == ("\r\n" in added)
    assert "\n" not in added.replace("\r\n", "") if "\r\n" in added else True
    assert add_hooks(added, "R", "0b" * 20, "2", ["a"]) == added


@pytest.mark.parametrize("text", ["repos: [{repo: x, hooks: []}]\n", "repos: {}\n", "a: [\n", "- 1\n", "repos:\n"])
def test_hooks_that_cannot_be_added_are_told(text: str) -> None:
    with pytest.raises(ConfigurationError, match="can't be added"):
        add_hooks(text, "R", "0a" * 20, "1", ["a"])


@pytest.mark.parametrize("folder", ['quo"te', "$(touch x)", "a: b", "ä"])
def test_odd_folders_stay_data(folder: str) -> None:
    text = Workflow(parse_origin(ACTION), "1", "release", [folder]).render()
    assert yaml.safe_load(text)["jobs"]["publish"]["steps"][1]["with"]["package-dir"] == folder


def test_files_are_written_all_or_none_and_through_links(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_drafts([Draft(link, "old", "new"), Draft(tmp_path / "a" / "b", None, "text")])
    assert link.is_symlink()
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("new", 0o640)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="can't be written"):
        write_drafts([Draft(target, "new", "newer"), Draft(tmp_path / "file" / "below", None, "text")])
    assert target.read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "file", "link", "target"]
