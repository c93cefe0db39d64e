import json
import os
import pty
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from publisher.errors import ConfigurationError
from publisher.files.changes import FileChange, write_changes
from publisher.files.toml import set_keys
from publisher.github import provenance as origin
from publisher.github.pre_commit import add_hooks
from publisher.github.provenance import ActionRef, find_action_ref, parse_action_ref
from publisher.github.workflow import Workflow
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


@pytest.mark.parametrize(
    ("prefix", "pattern", "tag"),
    [
        ("release-", "release-{}", "release-1.0"),
        ("py/", "py/{}", "py/1.0"),
        ("a+b [x]!*?", "a\\+b \\[x\\]\\!\\*\\?{}", "'a+b [x]!*?1.0'"),
    ],
)
def test_tags_start_with_the_prefix(repository: Path, prefix: str, pattern: str, tag: str) -> None:
    make_project(repository, table=f'tag-prefix = "{prefix}"')
    done = _init(repository, "--yes")
    tags = yaml.safe_load((repository / WORKFLOW).read_text())[True]["push"]["tags"]
    assert tags == [pattern.format(version) for version in ("v[0-9]+.[0-9]+*", "[0-9]+.[0-9]+*")]
    assert f"git tag {tag} && git push origin {tag}" in done.stderr


def test_one_project_gets_all_of_it(repository: Path) -> None:
    make_project(repository)
    done = _init(repository, "--yes", "--username", "ada")
    assert done.code == 0, done.stderr
    workflow = yaml.safe_load((repository / WORKFLOW).read_text())
    assert workflow["permissions"] == {}
    assert workflow["concurrency"] == {"group": "publish-${{ github.ref }}", "cancel-in-progress": False}
    assert workflow[True] == {"push": {"tags": ["v[0-9]+.[0-9]+*", "[0-9]+.[0-9]+*"]}}  # YAML's `on`
    job = workflow["jobs"]["publish"]
    assert (job["environment"], job["permissions"]) == ("release", {"contents": "read", "id-token": "write"})
    assert job["steps"][1]["uses"] == f"acme/index/github-actions/publish@{'0a' * 20}"
    assert "with" not in job["steps"][1]
    assert "secrets." not in (repository / WORKFLOW).read_text()
    assert f"publish@{'0a' * 20}\n" in (repository / WORKFLOW).read_text()  # nobody knows which version that is
    table = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["pypi-publish"]
    assert table == {"index-url": URL, "username": "ada"}
    hooks = yaml.safe_load((repository / ".pre-commit-config.yaml").read_text())["repos"]
    assert hooks[0]["repo"] == "https://github.com/acme/index"
    for line in (
        f"+++ {WORKFLOW}",
        f'+index-url = "{URL}"',
        "pypi-publish trust add github OWNER/REPOSITORY --workflow publish.yml --project acme-widgets",
        "git tag v1.0 && git push origin v1.0",
        "git -C copy.git push --mirror https://github.com/acme/index.git",
    ):
        assert line in done.stderr


@pytest.mark.parametrize(
    "remote",
    ["https://github.com/acme/widgets.git", "git@github.com:acme/widgets.git", "ssh://git@github.com/acme/widgets"],
)
@pytest.mark.parametrize("known", ["1001", ""])
def test_the_remaining_steps_register_the_workflow(repository: Path, tmp_path: Path, remote: str, known: str) -> None:
    make_project(repository)
    git(repository, "remote", "add", "origin", remote)
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    answer = '{"id": 1001, "owner": {"id": 42}}' if known else "gh: not logged in"
    gh.write_text(f"#!/bin/sh\necho '{answer}'\n")
    gh.chmod(0o755)
    environment = {"PATH": f"{gh.parent}{os.pathsep}{os.environ['PATH']}"}
    words = ["init", "--action", ACTION, "--index-url", URL, "--yes", "--environment", "the release"]
    done = pypi_publish(*words, cwd=repository, env=environment)
    line = "trust add github acme/widgets --workflow publish.yml --project acme-widgets --environment 'the release'"
    assert line in done.stderr
    assert ("--repository-id 1001 --owner-id 42" in done.stderr) == bool(known)


def test_an_account_for_an_index_without_trusted_publishing(repository: Path) -> None:
    make_project(repository)
    done = _init(repository, "--yes", "--secrets")
    assert "gh secret set PYPI_PUBLISH_PASSWORD --env release" in done.stderr
    assert "trust add" not in done.stderr
    step = yaml.safe_load((repository / WORKFLOW).read_text())["jobs"]["publish"]["steps"][1]
    assert step["with"]["password"] == "${{ secrets.PYPI_PUBLISH_PASSWORD }}"


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
    assert {"*/v[0-9]+.[0-9]+*", "*@[0-9]+.[0-9]+*"} <= set(workflow[True]["push"]["tags"])


def test_a_password_in_the_url_reaches_no_file_and_no_screen(repository: Path) -> None:
    make_project(repository)
    done = _init(repository, "--yes", "--index-url", "https://ada:s3cret@acme.example/")
    assert done.code == 0
    assert "s3cret" not in done.everything
    assert not [path for path in repository.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]


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
    for name in ("node_modules/x", ".venv/y", "dist/z", "env/src/editable", "vendored"):
        make_project(repository / name, "no")
    (repository / "env" / "pyvenv.cfg").touch()
    (repository / "vendored" / ".git").write_text("gitdir: ../.git/modules/vendored\n")  # as in a submodule
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


def test_the_tag_to_push_is_that_of_a_project_with_a_name(repository: Path) -> None:
    (repository / "a").mkdir()
    (repository / "a" / "setup.py").write_text("from setuptools import setup\nsetup()\n")
    done = _init(repository, "--yes")
    assert "git tag v1.0.0 && git push origin v1.0.0" in done.stderr
    assert done.stderr.count("--- /dev/null\n") == 3  # the workflow, the hooks, and a pyproject.toml for the table
    (repository / "b").mkdir()
    (repository / "b" / "setup.py").write_text("from setuptools import setup\nsetup()\n")
    assert "git tag v1.0.0 && git push origin v1.0.0" in _init(repository, "--force").stderr
    dynamic = make_project(repository / "c", "acme-dynamic", backend="setuptools") / "pyproject.toml"
    dynamic.write_text(dynamic.read_text().replace('version = "1.0"', 'dynamic = ["version"]'))
    assert "git tag acme-dynamic-v1.0.0 && git push" in _init(repository, "--force").stderr


def test_an_environment_of_two_words_stays_one_in_the_lines_to_run(repository: Path) -> None:
    make_project(repository)
    output = _init(repository, "--yes", "--environment", "our release").stderr
    assert "/environments/our%20release --silent" in output
    assert "--project acme-widgets --environment 'our release'" in output
    output = _init(repository, "--force", "--secrets", "--environment", "our release").stderr
    assert "gh secret set PYPI_PUBLISH_USERNAME --env 'our release'" in output


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
        assert f"+++ {WORKFLOW}" in done.stderr
        assert not (repository / WORKFLOW).exists()
        assert (repository / "pyproject.toml").read_bytes() == before


def test_a_workflow_of_the_users_own_is_replaced_with_force_only(repository: Path) -> None:
    make_project(repository)
    (repository / WORKFLOW).parent.mkdir(parents=True)
    (repository / WORKFLOW).write_text("mine\n")
    done = _init(repository, "--yes")
    assert done.code == 0
    assert "differs and was not changed" in done.stderr
    assert (repository / WORKFLOW).read_text() == "mine\n"
    assert (repository / ".pre-commit-config.yaml").exists()
    assert _init(repository, "--force").code == 0
    assert (repository / WORKFLOW).read_text().startswith("name: Publish\n")


def _init_on_a_terminal(folder: Path, *arguments: str, typed: str) -> bytes:
    """Run the command where a person types, and return what the person sees."""
    command = [sys.executable, "-m", "publisher.cli.main", "init", *arguments]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs):
        os.write(ours, typed.encode())
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 4096):
                shown += chunk
        except OSError:  # the terminal's other end is closed
            pass
    os.close(ours)
    return shown


@pytest.mark.parametrize(("answer", "written"), [("y\n", True), ("n\n", False)])
def test_on_a_terminal_a_person_is_asked(repository: Path, answer: str, *, written: bool) -> None:
    make_project(repository)
    shown = _init_on_a_terminal(repository, typed=f"{URL}\n{ACTION}\n{answer}")
    assert b"Index URL" in shown
    assert b"Publish action, OWNER/REPOSITORY@COMMIT" in shown
    assert b"Write this?" in shown
    assert (repository / WORKFLOW).exists() == written


@pytest.mark.parametrize(("answer", "replaced"), [("y\n", True), ("n\n", False)])
def test_a_workflow_of_the_users_own_has_a_question_of_its_own(
    repository: Path, answer: str, *, replaced: bool
) -> None:
    make_project(repository)
    _init(repository, "--yes")
    (repository / WORKFLOW).write_text("mine\n")
    shown = _init_on_a_terminal(repository, "--action", ACTION, typed=f"y\n{answer}")
    assert b"differs. Replace it?" in shown
    assert ((repository / WORKFLOW).read_text() != "mine\n") == replaced


def test_yes_asks_nothing_on_a_terminal_either(repository: Path) -> None:
    make_project(repository)
    _init(repository, "--yes")
    (repository / WORKFLOW).write_text("mine\n")
    shown = _init_on_a_terminal(repository, "--action", ACTION, "--yes", typed="y\n")
    assert b"differs. Replace it?" not in shown
    assert b"differs and was not changed" in shown
    assert b"Nothing was written." in shown
    assert (repository / WORKFLOW).read_text() == "mine\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--index-url", ""], "No index URL is set"),
        (["--action", "acme/index@v1"], "does not name the commit of an action"),
        (["--action", f"acme/index@{'0a' * 20}\nx"], "does not name the commit of an action"),
        (["--environment", "${{ secrets.X }}"], "can't contain the name"),
        (["--environment", "two\nlines"], "can't contain the name"),
        (["--index-url", "ftp://x"], "Invalid index URL"),
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
    assert "is not in a git repository" in _init(tmp_path / "elsewhere", "--yes").stderr
    assert "No Python project" in _init(repository, "--yes").stderr


def test_where_the_action_is_unknown_it_is_asked_for(repository: Path) -> None:
    make_project(repository)
    done = pypi_publish("init", "--index-url", URL, "--yes", cwd=repository)
    assert done.code == 2
    assert "--action OWNER/REPOSITORY@COMMIT" in done.stderr


def test_a_release_knows_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = tmp_path / "release.json"
    monkeypatch.setattr(origin, "RELEASE_FILE", release)
    release.write_text(json.dumps({"repository": "acme/index", "commit": "0a" * 20}))
    assert find_action_ref() == ActionRef("acme/index", "0a" * 20)
    for broken in ("half", "[]", '{"repository": "x"}', json.dumps({"repository": "acme/index", "commit": "main"})):
        release.write_text(broken)
        assert find_action_ref() is None


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://github.com/acme/index.git", True),
        ("ssh://git@github.com/acme/index", True),
        ("https://git.example/acme/index.git", False),
        ("https://github.com.example/acme/index", False),
        ("file:///acme/index", False),
    ],
)
def test_an_installation_from_github_knows_its_commit(tmp_path: Path, url: str, *, known: bool) -> None:
    information = tmp_path / "pypi_publish-9.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: pypi-publish\nVersion: 9\n")
    noted = {"url": url, "vcs_info": {"vcs": "git", "commit_id": "0b" * 20}}
    (information / "direct_url.json").write_text(json.dumps(noted))
    code = "from publisher.github.provenance import find_action_ref; print(find_action_ref())"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(parse_action_ref(f"acme/index@{'0b' * 20}") if known else None)


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
def test_a_table_that_cannot_be_added_is_reported(text: str) -> None:
    with pytest.raises(ConfigurationError, match="can't be added"):
        set_keys(text, TABLE, {"index-url": "U"})


HOOKS = "    hooks:\n      - id: a\n"
ENTRY = f"  - repo: R\n    rev: {'0a' * 20}  # frozen: v1\n{HOOKS}"
STAGES = "default_install_hook_types: [pre-commit, pre-push]\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, f"{STAGES}repos:\n{ENTRY}"),
        ("# ours\n", f"# ours\n{STAGES}repos:\n{ENTRY}"),
        (
            "repos:\n  - repo: x\n    rev: 1 # why\n    hooks: []\n",
            f"{STAGES}repos:\n  - repo: x\n    rev: 1 # why\n    hooks: []\n{ENTRY}",
        ),
        ("repos:\n- repo: local\n  hooks: []\n\nci:\n  a: b\n", None),
        ("repos: # all\n  - repo: x\n    hooks: []", None),
        ("a: 1\r\nrepos:\r\n  - repo: x\r\n    hooks: []\r\n", None),
    ],
)
def test_hooks_are_added_and_the_rest_stays(before: str | None, after: str | None) -> None:
    added = add_hooks(before, "R", "0a" * 20, "v1", ["a"])
    assert after is None or added == after
    assert yaml.safe_load(added)["repos"][-1] == {"repo": "R", "rev": "0a" * 20, "hooks": [{"id": "a"}]}
    assert not set((before or "").splitlines()) - set(added.splitlines())
    assert ("\r\n" in (before or "")) == ("\r\n" in added)
    assert "\n" not in added.replace("\r\n", "") if "\r\n" in added else True
    assert add_hooks(added, "R", "0b" * 20, "v2", ["a"]) == added


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://github.com/acme/index", True),
        ("https://github.com/acme/index.git", True),
        ("https://github.com/Acme/Index/", True),
        ("git@github.com:acme/index.git", True),
        ("ssh://git@github.com/acme/index", True),
        ("https://github.com/acme/index2", False),
        ("https://git.example/acme/index", False),
        ("local", False),
    ],
)
def test_a_repository_has_its_hooks_once_however_it_is_written(url: str, *, same: bool) -> None:
    text = f"{STAGES}repos:\n  - repo: {url}\n    rev: v1\n    hooks: []\n"
    assert (add_hooks(text, "https://github.com/acme/index", "0a" * 20, "1", ["a"]) == text) == same


def test_a_comment_stays_above_the_key_that_it_is_about() -> None:
    text = "repos:\n- repo: x\n  hooks: []\n\n# about\n# ci\nci: {}\n"
    added = add_hooks(text, "R", "0a" * 20, "1", ["a"])
    assert added.endswith("    - id: a\n\n# about\n# ci\nci: {}\n")
    assert added.startswith(f"{STAGES}repos:\n- repo: x\n  hooks: []\n- repo: R\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# a\n\n# b\nrepos:\n- repo: x\n  hooks: []\n", f"# a\n\n{STAGES}# b\nrepos:\n- repo: x\n"),
        ("default_install_hook_types: [pre-commit]\nrepos:\n- repo: x\n  hooks: []\n", None),
    ],
)
def test_hooks_before_a_push_are_installed_unless_the_configuration_names_others(
    before: str, after: str | None
) -> None:
    added = add_hooks(before, "R", "0a" * 20, None, ["a"])
    assert added.startswith(after or before)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/", "http://[::1]/", "http://localhost:1/", "http://0.0.0.0/"])
def test_an_index_that_github_cannot_reach_is_refused(repository: Path, url: str) -> None:
    make_project(repository)
    done = _init(repository, "--yes", "--index-url", url)
    assert done.code == 2
    assert "is this machine, which GitHub's runners can't reach" in done.stderr
    assert not (repository / WORKFLOW).exists()


def test_a_wrong_answer_is_explained_and_asked_for_again(repository: Path) -> None:
    make_project(repository)
    typed = f"nonsense\nhttp://127.0.0.1/\n{URL}\nacme/index@main\n{ACTION}\ny\n"
    shown = _init_on_a_terminal(repository, typed=typed)
    assert shown.count(b"Index URL:") == 3
    assert shown.count(b"Publish action, OWNER/REPOSITORY@COMMIT:") == 2
    assert b"Invalid index URL" in shown
    assert b"`git rev-parse HEAD` prints the 40 digits" in shown
    assert (repository / WORKFLOW).exists()


@pytest.mark.parametrize("text", ["repos: [{repo: x, hooks: []}]\n", "repos: {}\n", "a: [\n", "- 1\n", "repos:\n"])
def test_hooks_that_cannot_be_added_are_reported(text: str) -> None:
    with pytest.raises(ConfigurationError, match="can't be added"):
        add_hooks(text, "R", "0a" * 20, "1", ["a"])


@pytest.mark.parametrize(
    "name", ['quo"te', "$(touch x)", "a: b", "a #b", "ä", "1.10", "0x1f", "1_0", ".5", ".inf", "on", "No", "null", "~"]
)
def test_odd_names_stay_data(name: str) -> None:
    job = yaml.safe_load(Workflow(parse_action_ref(ACTION), "1", name, [name]).render())["jobs"]["publish"]
    assert job["environment"] == name
    assert job["steps"][1]["with"]["package-dir"] == name
    several = Workflow(parse_action_ref(ACTION), "1", "release", [name, "on"]).render()
    step = yaml.safe_load(several)["jobs"]["publish"]["steps"][1]
    assert step["with"]["package-dir"].splitlines() == [name, "on"]


def test_files_are_written_all_or_none_and_through_links(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_changes([FileChange(link, "old", "new"), FileChange(tmp_path / "a" / "b", None, "text")])
    assert link.is_symlink()
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("new", 0o640)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="can't be written"):
        write_changes([FileChange(target, "new", "newer"), FileChange(tmp_path / "file" / "below", None, "text")])
    assert target.read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "file", "link", "target"]


@pytest.mark.parametrize(
    "root",
    [
        '[tool.pypi-publish]\npackages = ["packages/*", "!packages/playground"]\n',
        '[tool.uv.workspace]\nmembers = ["packages/*"]\nexclude = ["packages/playground"]\n',
    ],
)
@pytest.mark.parametrize("place", [".", "python"])
def test_a_root_that_names_its_projects_stands_for_them(repository: Path, root: str, place: str) -> None:
    workspace = repository / place
    for name in ("a", "b", "playground"):
        make_project(workspace / "packages" / name, name)
    (workspace / "pyproject.toml").write_text(root)
    done = _init(workspace, "--yes")
    assert done.code == 0, done.stderr
    workflow = yaml.safe_load((repository / WORKFLOW).read_text())
    inputs = workflow["jobs"]["publish"]["steps"][1].get("with", {})
    assert inputs == ({} if place == "." else {"package-dir": place})
    assert "*-v[0-9]+.[0-9]+*" in workflow[True]["push"]["tags"]
    assert "--project a --project b" in done.stderr
    assert "--project playground" not in done.stderr


def test_a_project_that_is_not_for_publishing_is_left_out(repository: Path) -> None:
    make_project(repository / "a", "a")
    private = make_project(repository / "b", "b") / "pyproject.toml"
    private.write_text(
        private.read_text().replace("[project]\n", '[project]\nclassifiers = ["Private :: Do Not Upload"]\n')
    )
    assert _init(repository, "--yes").code == 0
    step = yaml.safe_load((repository / WORKFLOW).read_text())["jobs"]["publish"]["steps"][1]
    assert step["with"]["package-dir"] == "a"
