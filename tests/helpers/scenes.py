"""The readers of the docs: which pages each follows, and in which situation."""

from tests.helpers.desk import TOOLS, Scene

WEB = "https://acme--pypiserver-server.modal.run"
CLONE = "git clone -q https://github.com/OWNER/REPOSITORY pypi-publish"
HERE = {"PYPI_PUBLISH_INDEX_URL": "URL"}
ADMIN = {"PYPI_PUBLISH_ADMIN_TOKEN": "ADMIN_TOKEN", "AUTH_TOKEN": "ADMIN_TOKEN"}
BARE = {"PIP_INDEX_URL": "", "UV_DEFAULT_INDEX": ""}
COMMIT = "git init -q . && git add . && git commit -q -m Begin"
SAVED = "printf 'correct horse' | pypi-publish -q login --username NAME --password-stdin --no-configure"
MISTAKES = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "Acme_Widgets"
version = "1.0"
readme = "README.md"
requires-python = ">=3.11"
classifiers = [
    "Programming Language :: Pyton",
]
"""
WIDGETS = {".": ("acme-widgets", "1.3.0")}

SCENES = (
    Scene(
        ("README.md",),
        before=f"{CLONE} && cd pypi-publish",
        has=("uv",),
        logged_in=False,
        agrees=True,
        projects={"path/to/project": ("acme-widgets", "1.3.0")},
    ),
    Scene(("docs/tutorial/publish-your-first-package.md",), wide=True, has=(), logged_in=False),
    Scene(
        ("docs/tutorial/private-index-on-modal.md",),
        before=f"{CLONE} && cd pypi-publish",
        logged_in=False,
        words={"your-package": "acme-widgets"},
        variables=ADMIN,
    ),
    Scene(
        ("docs/how-to/accounts-and-roles.md",),
        before="mkdir packages && cp INDEX_ROOT/*-1.1.0-*.whl packages\n"
        "pypi-publish users add ada --htpasswd .htpasswd",
        after="grep -q web- access.toml",
    ),
    Scene(
        ("docs/how-to/back-up-the-index.md",),
        before="mkdir -p cron srv/packages && cp INDEX_ROOT/*-1.1.0-*.whl srv/packages\n"
        "pypi-publish users add ada --htpasswd srv/htpasswd",
        serves="pypi-publish serve --root srv/packages --htpasswd srv/htpasswd",
        after="ls -a backup/packages/.pypi-publish backup/htpasswd.state",
        needs=("rsync",),
        words={
            "/etc/cron.daily": "cron",
            "/var/lib/pypi-index": "srv",
            "/var/lib/pypi-publish/": "",
            "/backup": "backup",
            "/tmp/restored": "restored",
            "pypi:pypi": "$(id -u)",
        },
        variables=ADMIN,
    ),
    Scene(
        ("docs/how-to/complete-commands.md",),
        after="bash -n ~/.local/share/bash-completion/completions/pypi-publish\n"
        "grep -q pypi-publish ~/.zsh/completions/_pypi-publish ~/.config/fish/completions/pypi-publish.fish",
    ),
    Scene(
        ("docs/how-to/container-builds.md",),
        before=SAVED,
        after="grep -q ada build.netrc",
        logged_in=False,
        variables=HERE,
    ),
    Scene(
        ("docs/how-to/find-out-what-is-wrong.md",),
        wide=True,
        before=f"{SAVED}\npypi-publish config --all --write --only-index",
        needs=("jq",),
        logged_in=False,
        projects=WIDGETS,
        variables={**HERE, **BARE, "PYTHON_KEYRING_BACKEND": ""},
    ),
    Scene(
        ("docs/how-to/headless-server.md",),
        before="PASSWORD='correct horse'",
        logged_in=False,
        after="grep -q ^index-url ~/.config/pip/pip.conf",
        words={"server-1": "ada"},
    ),
    Scene(
        ("docs/how-to/install-in-ci.md",),
        before="INDEX_USER=ada INDEX_PASSWORD='correct horse'",
        logged_in=False,
        after=".venv/bin/python -c 'import acme_widgets'",
    ),
    Scene(
        ("docs/how-to/install-the-command.md",), wide=True, has=("uv",), after="pypi-publish --version\nkeyring --help"
    ),
    Scene(
        ("docs/how-to/keep-credentials.md",),
        before=f"{SAVED}\nPASSWORD='correct horse 2' OLD='correct horse 2' NEW='correct horse 2'",
        logged_in=False,
        variables=HERE,
    ),
    Scene(("docs/how-to/leaving-the-team.md",), before=SAVED, agrees=True, variables={**HERE, **ADMIN}),
    Scene(("docs/how-to/manage-releases.md",), agrees=True, variables=HERE),
    Scene(("docs/how-to/pre-commit.md",), files={"pyproject.toml": MISTAKES, "README.md": "Widgets"}),
    Scene(
        ("docs/how-to/public-packages.md",),
        wide=True,
        before="mkdir -p srv/pypi/packages && cp INDEX_ROOT/*-1.1.0-*.whl srv/pypi/packages\n"
        "pypi-publish users add ada --htpasswd srv/pypi/htpasswd\n"
        "echo requests==2.40.1 > requirements.txt",
        words={
            "/srv/": "srv/",
            "/var/cache/pypi": "cache",
            "/media/stick": "stick",
            "2026-12-31": "2199-12-31",
            "uv.lock": "requirements.txt",
        },
        variables={**HERE, **ADMIN, **BARE},
    ),
    Scene(
        ("docs/how-to/publish-a-monorepo.md",),
        before='printf \'[tool.pypi-publish]\\nindex-url = "%s"\\npackages = ["packages/*"]\\n\' URL > pyproject.toml\n'
        f"{COMMIT} && git tag v2026.11 && git update-ref refs/remotes/origin/main HEAD\n"
        "mkdir ~/work && cp -r . ~/work/monorepo",
        projects={"packages/a": ("acme-a", "1.0"), "packages/b": ("acme-b", "1.0")},
    ),
    Scene(
        ("docs/how-to/publish-by-hand.md",),
        before=f"{SAVED}\n{COMMIT}",
        has=(*TOOLS, "twine"),
        logged_in=False,
        projects={".": ("acme-by-hand", "1.0")},
        variables=HERE,
    ),
    Scene(("docs/how-to/publish-from-ci.md",), before=COMMIT, projects=WIDGETS, variables={**HERE, "TAG": "v1.3.0"}),
    Scene(("docs/how-to/tokens.md",), agrees=True, variables={**HERE, "TOKEN": "a-token"}),
    Scene(("docs/how-to/run-the-index.md",)),
    Scene(("docs/how-to/serve-the-client.md",), wide=True, before="pypi-publish users add ada --htpasswd .htpasswd"),
    Scene(("docs/how-to/set-up-a-machine.md",), logged_in=False, agrees=True),
    Scene(
        ("docs/how-to/set-up-a-repository.md",),
        before=COMMIT,
        projects=WIDGETS,
        agrees=True,
        words={WEB: WEB},
        variables={"PYPI_PUBLISH_ACTION": f"acme/pypi-publish@{'0' * 40}"},
    ),
    Scene(
        ("docs/how-to/run-as-a-service.md", "docs/how-to/upgrade-the-index.md"),
        before=f"{CLONE} && cd pypi-publish",
        after="runuser -u pypi -- env $(grep -v '^#' /etc/pypi-index/environment) "
        "PYPI_INDEX_PORT=8080 /opt/pypi-index/current/bin/pypi-publish serve &\n"
        "curl -sS --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:8080/health\nkill %1",
        alone=True,
        wide=True,
        has=(),
        logged_in=False,
        words={"/root/": "", "OLD_TAG": "v0.1.0"},
    ),
)
