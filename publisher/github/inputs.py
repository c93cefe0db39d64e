"""The inputs of the actions in github-actions/ as options."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from publisher.credentials.trusted import TrustedMode
from publisher.errors import CheckFailedError, ConfigurationError
from publisher.github.event import Event
from publisher.project.dist_files import dist_files_in, find_dist_files
from publisher.project.pyproject import FILENAME, is_project
from publisher.secret import Secret

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
PASSWORD_VARIABLE = "INPUT_PASSWORD"  # noqa: S105 - the variable's name
_MAGIC = frozenset("*?[")
_MOST_NAMED = 5


@dataclass(frozen=True)
class Inputs:
    """Validated inputs; None if not given and another setting may provide it."""

    index_url: str | None
    username: str | None
    password: Secret | None = field(repr=False)
    only_index: bool
    package_dirs: tuple[str, ...]
    packages_dir: Path | None
    builds: bool
    build_index: bool
    tag: str | None
    tag_prefix: str | None
    require_tag: bool
    skip_existing: bool | None
    allow_dirty: bool
    dry_run: bool
    trusted_publishing: str | None
    export_token: bool
    print_hash: bool
    verbose: bool


def variable(name: str) -> str:
    """Return the environment variable in which the action hands an input on."""
    return f"INPUT_{name.replace('-', '_').upper()}"


def read_inputs(environment: MutableMapping[str, str]) -> Inputs:
    """
    Return the inputs in an environment's ``INPUT_...`` variables; empty ones were not given.

    The password is removed from the environment, so that child processes such as a build backend don't see it.

    Raises ConfigurationError when a flag is neither true nor false, or an input and its other name disagree.
    """
    password = environment.pop(PASSWORD_VARIABLE, "").rstrip("\r\n")
    given = {name: value for name, value in environment.items() if name.startswith("INPUT_") and value.strip()}

    def text(*names: str) -> str | None:
        values = {given[variable(name)].strip() for name in names if variable(name) in given}
        if len(values) > 1:
            raise ConfigurationError(
                f"The inputs {' and '.join(names)} are aliases but have different values.", hint="Set only one of them."
            )
        return values.pop() if values else None

    def flag(name: str) -> bool | None:
        value = (text(name) or "").lower()
        if value and value not in _TRUE | _FALSE:
            raise ConfigurationError(f"The input {name} must be true or false, not {text(name)!r}.")
        return value in _TRUE if value else None

    packages_dir, build = text("packages-dir"), flag("build")
    builds = build if build is not None else packages_dir is None
    return Inputs(
        index_url=text("index-url", "repository-url"),
        username=text("username", "user"),
        password=Secret(password) if password else None,
        only_index=flag("only-index") is not False,
        package_dirs=tuple(line.strip() for line in (text("package-dir") or ".").splitlines() if line.strip()),
        packages_dir=Path(packages_dir or "dist") if packages_dir or not builds else None,
        builds=builds,
        build_index=bool(flag("build-index")),
        tag=text("tag"),
        tag_prefix=text("tag-prefix"),
        require_tag=flag("require-tag") is not False,
        skip_existing=flag("skip-existing"),
        allow_dirty=bool(flag("allow-dirty")),
        dry_run=bool(flag("dry-run")),
        trusted_publishing=_mode(text("trusted-publishing")),
        export_token=bool(flag("export-token")),
        print_hash=bool(flag("print-hash")),
        verbose=bool(flag("verbose")),
    )


def _mode(text: str | None) -> str | None:
    """Return the use of trusted publishing; raise ConfigurationError for another word."""
    if text is not None and text not in set(TrustedMode):
        raise ConfigurationError(f"The input trusted-publishing must be {', '.join(TrustedMode)}, not {text!r}.")
    return text


def release_tag(inputs: Inputs, event: Event, named: str | None) -> str | None:
    """
    Return the tag that a run releases: the input, else the one that the environment names, else the run's own.

    Raises CheckFailedError where nothing may be sent: in a pull request, and without a tag unless ``require-tag`` is
    off. A dry run sends nothing and may run anywhere.
    """
    tag = inputs.tag or named or event.tag
    if event.is_pull_request and not inputs.dry_run:
        raise CheckFailedError(
            "A pull request publishes nothing: its code has not been merged.",
            hint="Run the action on a tag, or with `dry-run: true`, which does everything except upload.",
        )
    if tag is None and inputs.require_tag and not inputs.dry_run:
        raise CheckFailedError(
            f"This run is for {event.ref or 'no ref'}, not for a tag, and only a tag publishes.",
            hint="Push a tag (v1.2.3), or set `tag`; `require-tag: false` publishes from a branch, and "
            "`dry-run: true` does everything except upload.",
        )
    return tag


def find_projects(package_dirs: tuple[str, ...]) -> list[Path]:
    """
    Return the project folders that lines name, where a pattern (``packages/*``) takes those that hold a project.

    Raises ConfigurationError when a pattern finds none, or a folder holds none.
    """
    folders: list[Path] = []
    for line in package_dirs:
        pattern = Path(line)
        if _MAGIC.intersection(line) and not pattern.exists():
            below = pattern.relative_to(pattern.anchor)
            found = [folder for folder in sorted(Path(pattern.anchor).glob(str(below))) if is_project(folder)]
            if not found:
                raise ConfigurationError(
                    f"package-dir: no folder that {line!r} matches has a pyproject.toml.",
                    hint="Patterns are relative to the workspace; check out the repository before this step.",
                )
            folders += found
        else:
            _require_project(pattern)
            folders.append(pattern)
    return list(dict.fromkeys(folders))


def _require_project(folder: Path) -> None:
    if not folder.is_dir() or is_project(folder):
        return  # a folder that does not exist has a message of its own
    below = [path.parent for pattern in ("*", "*/*") for path in sorted(folder.glob(f"{pattern}/{FILENAME}"))]
    places = ", ".join(f"`{path.as_posix()}`" for path in below[:_MOST_NAMED])
    raise ConfigurationError(
        f"package-dir: the folder {folder.as_posix()!r} is not a Python project: it has no {FILENAME}.",
        hint=f"Set package-dir to another folder: {places}." if below else "Check out the repository before this step.",
    )


def find_files(folder: Path) -> list[Path]:
    """
    Return the wheels and sdists in a folder that an earlier step or job filled.

    Raises CheckFailedError if the folder has none.
    """
    if not (folder.is_dir() and any(dist_files_in(folder))):
        state = "holds no wheel and no sdist" if folder.is_dir() else "does not exist"
        raise CheckFailedError(
            f"packages-dir: the folder {folder} {state}.",
            hint="Build into it before this step, or leave packages-dir out to have the action build.",
        )
    return find_dist_files([folder])
