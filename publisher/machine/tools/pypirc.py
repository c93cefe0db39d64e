"""The file .pypirc, from which twine, flit and hatch know the indexes that they publish to."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from publisher.files.changes import read_text
from publisher.files.ini import parse_ini, put_options
from publisher.machine.paths import Machine
from publisher.machine.tools.tool import FileEdit, Finding, Setup
from publisher.secret import mask_urls


class Pypirc:
    """
    A list of servers, and a section for each.

    See https://packaging.python.org/en/latest/specifications/pypirc/.
    """

    name: ClassVar[str] = "pypirc"
    command: ClassVar[str] = "twine"
    scopes: ClassVar[Sequence[str]] = ("user",)

    def paths(self, machine: Machine, scope: str) -> Sequence[Path]:  # noqa: ARG002 - there is one
        """Return the file in the person's home."""
        return [machine.home / ".pypirc"]

    def edits(self, setup: Setup, machine: Machine, scope: str) -> Sequence[FileEdit]:
        """Add the index to the servers that are there; where there is no list, the public ones stay known."""

        def put(text: str | None) -> str:
            listed = parse_ini(text or "").value("distutils", "index-servers")
            servers = ["pypi", "testpypi"] if listed is None else listed.split()
            said = {"repository": setup.url.root, **({"username": setup.username} if setup.username else {})}
            if setup.password is not None:
                said["password"] = setup.password.reveal()
            everyone = "".join(f"\n    {server}" for server in dict.fromkeys([*servers, setup.name]))
            return put_options(text, "pypirc", {"distutils": {"index-servers": everyone}, setup.name: said})

        return [FileEdit(path, put, setup.password is not None) for path in self.paths(machine, scope)]

    def variables(self, setup: Setup) -> Mapping[str, str]:
        """Return twine's variables."""
        return {
            "TWINE_REPOSITORY_URL": setup.url.root,
            "TWINE_USERNAME": "$PYPI_PUBLISH_USERNAME",
            "TWINE_PASSWORD": "$PYPI_PUBLISH_PASSWORD",
        }

    def notes(self, setup: Setup, scope: str) -> Sequence[str]:  # noqa: ARG002 - there is one
        """Explain how to publish with it."""
        by_name = f"`twine upload -r {setup.name} dist/*`, `flit publish --repository {setup.name}`"
        return [f"{by_name}, `hatch publish -r {setup.url.root}` (hatch knows the user from it, and wants the URL)."]

    def read(self, machine: Machine) -> Sequence[Finding]:
        """Return the repositories that the file names."""
        path = self.paths(machine, "user")[0]
        text = read_text(path)
        if text is None:
            return []
        found = parse_ini(text)
        return [
            Finding(path, mask_urls(value), mask_urls(value) != value or found.value(section, "password") is not None)
            for section, option, value, _, _ in found.options
            if option == "repository"
        ]
