"""The whole examination: its checks, their order, and the results that they share."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from publisher.client.url import IndexUrl, parse_index_url
from publisher.credentials.chain import Target
from publisher.credentials.remembered import remembered_logins
from publisher.errors import HOW_TO_NAME_AN_INDEX, ConfigurationError
from publisher.machine.diagnosis import Area, Diagnosis, Reporter
from publisher.machine.doctor.credentials import check_credentials
from publisher.machine.doctor.index import Thresholds, check_index
from publisher.machine.doctor.keyring import check_keyring
from publisher.machine.doctor.lock_files import check_lock_files
from publisher.machine.doctor.project import check_project
from publisher.machine.doctor.tools import check_tools
from publisher.machine.doctor.workflows import check_workflows
from publisher.machine.paths import Machine
from publisher.project.config import ProjectConfig, read_project_config
from publisher.project.pyproject import read_source
from publisher.secret import Secret

_CONFIGURATION = Reporter(Area.CONFIGURATION)


@dataclass(frozen=True)
class DoctorInput:
    """The subject of an examination: a machine with a folder, and the values of options and environment."""

    machine: Machine
    index_url: str | None = None
    username: str | None = None
    password: Secret | None = field(default=None, repr=False)


def examine(given: DoctorInput, thresholds: Thresholds) -> Generator[Diagnosis, None, IndexUrl | None]:
    """Yield every diagnosis as soon as it is made, and return the index that was examined; a failure is a diagnosis."""
    config = _read_config(given.machine.folder)
    index, naming = _find_index(given.index_url or config.index_url)
    yield from check_project(given.machine.folder, index)
    yield from naming
    if index is None:
        return None
    reached = yield from check_index(index, thresholds)
    target = Target(index, given.username or config.username, given.password)
    accepted = yield from check_credentials(target, reached)
    yield from check_workflows(given.machine.folder, index, _project_name(given.machine.folder))
    yield from check_keyring(index, accepted)
    yield from check_lock_files(given.machine.folder, index, accepted)
    yield from check_tools(index, given.machine, accepted)
    return index


def _read_config(folder: Path) -> ProjectConfig:
    try:
        return read_project_config(folder)
    except ConfigurationError:
        return ProjectConfig()  # the checks of the project report it


def _project_name(folder: Path) -> str | None:
    try:
        return read_source(folder).name
    except ConfigurationError:
        return None


def _find_index(named: str | None) -> tuple[IndexUrl | None, Sequence[Diagnosis]]:
    """Return the index that is named, or the only one with a login on this machine, and the finding about it."""
    if named is None:
        return _find_login()
    try:
        index = parse_index_url(named)
    except ConfigurationError as error:
        return None, [_CONFIGURATION.problem("named", error.message, error.hint)]
    if index.password is None:
        return index, []
    remedy = f"Name it as {index}, and store the password with `pypi-publish login`."
    return index, [
        _CONFIGURATION.warning("named", "The URL of the index contains a password, which logs will show.", remedy)
    ]


def _find_login() -> tuple[IndexUrl | None, Sequence[Diagnosis]]:
    found = remembered_logins()
    if len(found) == 1:
        index = found[0].url
        return index, [_CONFIGURATION.note("named", f"No index URL is set; {found[0].username} logged in to {index}.")]
    known = f" You are logged in to {' and '.join(login.url.root for login in found)}." if found else ""
    return None, [
        _CONFIGURATION.problem(
            "named",
            f"No index URL is set.{known}",
            HOW_TO_NAME_AN_INDEX,
        )
    ]
