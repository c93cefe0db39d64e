"""Publishing: plan, build, check, authenticate, compare with the index, upload, report."""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from publisher.building import BuildOptions, build_project
from publisher.checking import check, warnings
from publisher.credentials import Target, find_credentials
from publisher.dists import Distribution, Kind, read_distribution
from publisher.errors import CheckFailedError, ConfigurationError, ConflictError, IndexUnavailableError, PublishError
from publisher.index import Index, RemoteFile
from publisher.progress import Observer
from publisher.report import FileReport, Report, State
from publisher.tags import Tag, check_tag
from publisher.uploading import Upload, Uploader, prepare
from publisher.urls import IndexUrl

CONFLICT_HINT = (
    "A published file never changes: raise the version and publish that. If the contents are the same and only the "
    "build differs (not every backend builds the same bytes twice), --skip-existing leaves the index's file as it is."
)


@dataclass(frozen=True)
class PublishOptions:
    """
    What may differ from one publishing run to another.

    ``skip_existing`` leaves a file of the same name alone whatever its contents; ``dry_run`` does all but the sending;
    ``locate`` asks the index in the end where it serves the files.
    """

    target: Target
    tag: Tag | None = None
    skip_existing: bool = False
    dry_run: bool = False
    locate: bool = False


def build_and_check(
    projects: Sequence[Path], out_dir: Path | None, options: BuildOptions, observer: Observer
) -> list[Distribution]:
    """
    Build projects, each into ``out_dir`` or its own ``dist`` folder, and check the files of all of them.

    Raises what `build_project` and `check_files` raise.
    """
    built: list[Path] = []
    for project in projects:
        observer.building(project)
        files = build_project(project, out_dir or project / "dist", options)
        observer.built(files)
        built += files
    return check_files(built, observer)


def check_files(files: Iterable[Path], observer: Observer) -> list[Distribution]:
    """
    Read files and return them as distributions that may be published together.

    Raises ConfigurationError for a file that isn't there, CheckFailedError for every other reason not to publish.
    """
    distributions = [_read(path) for path in dict.fromkeys(path.absolute() for path in files)]
    names = [distribution.filename for distribution in distributions]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError(f"There are two files named {', '.join(twice)}.", hint="Give each file once.")
    check(distributions)
    observer.checked(distributions, [str(finding) for finding in warnings(distributions)])
    return distributions


def publish(distributions: Sequence[Distribution], options: PublishOptions, observer: Observer) -> Report:
    """
    Upload the files that the index does not have, after making sure that none of them is there with other contents.

    Wheels go before sdists, so that an installer that comes in between does not build.

    Raises CheckFailedError when the tag is another version's, CredentialsError, ConflictError (before the first byte
    is sent, unless the conflict came up meanwhile), IndexUnavailableError; the hint names the files that were sent.
    """
    if options.tag is not None:
        check_tag(options.tag, distributions)
    target = options.target
    credentials = find_credentials(target)
    observer.connected(target.index, credentials)
    uploads = [prepare(each) for each in sorted(distributions, key=_sending_order)]
    with closing(Index(target.index, credentials)) as index:
        states = _compare(uploads, index, skip_existing=options.skip_existing)
        if not options.dry_run and State.WOULD_UPLOAD in states:
            with closing(Uploader(target.index, credentials, observer)) as uploader:
                states = _send_all(uploads, states, uploader, index, skip_existing=options.skip_existing)
        urls = _locate(uploads, index) if options.locate else {}
    files = [
        FileReport(upload.distribution, upload.size, upload.sha256, state, urls.get(upload.distribution.filename))
        for upload, state in zip(uploads, states, strict=True)
    ]
    return Report(target.index, files, options.dry_run)


def _read(path: Path) -> Distribution:
    try:
        return read_distribution(path)
    except FileNotFoundError:
        raise ConfigurationError(f"There is no file {path}.", hint="Build it first: `pypi-publish build`.") from None
    except OSError as error:
        raise CheckFailedError(f"{path} can't be read: {error.strerror or error}.") from error


def _sending_order(distribution: Distribution) -> tuple[bool, str]:
    return distribution.kind is Kind.SDIST, distribution.filename


def _compare(uploads: Sequence[Upload], index: Index, *, skip_existing: bool) -> list[State]:
    """Return what has to be done for each file; raise ConflictError when any of them may not be sent."""
    remote = {project: index.files(project) for project in {upload.distribution.name for upload in uploads}}
    states: list[State] = []
    conflicts: list[str] = []
    for upload in uploads:
        existing = remote[upload.distribution.name].get(upload.distribution.filename)
        if existing is None:
            states.append(State.WOULD_UPLOAD)
        elif _same_contents(upload, existing):
            states.append(State.ALREADY_THERE)
        elif skip_existing:
            states.append(State.SKIPPED)
        else:
            conflicts.append(_conflict(upload, existing, index.url))
    if conflicts:
        raise ConflictError("\n".join([*conflicts, "Nothing was sent."]), hint=CONFLICT_HINT)
    return states


def _same_contents(upload: Upload, existing: RemoteFile) -> bool:
    if "sha256" in existing.hashes:
        return existing.hashes["sha256"] == upload.sha256
    for algorithm, digest in existing.hashes.items():
        if algorithm in hashlib.algorithms_available:
            with upload.distribution.path.open("rb") as file:
                return hashlib.file_digest(file, algorithm).hexdigest() == digest
    return False


def _conflict(upload: Upload, existing: RemoteFile, index: IndexUrl) -> str:
    there = existing.hashes.get("sha256")
    digests = f" (sha256 {there[:12]}… there, {upload.sha256[:12]}… here)" if there else ""
    return f"{upload.distribution.filename}: {index} has a file of that name with other contents{digests}."


def _send_all(
    uploads: Sequence[Upload], states: Sequence[State], uploader: Uploader, index: Index, *, skip_existing: bool
) -> list[State]:
    """Send what has to be sent and return what became of every file."""
    outcome = list(states)
    for position, upload in enumerate(uploads):
        if states[position] is State.WOULD_UPLOAD:
            try:
                outcome[position] = _send(upload, uploader, index, skip_existing=skip_existing)
            except PublishError as error:
                sent = [u.distribution.filename for u, s in zip(uploads, outcome, strict=True) if s is State.UPLOADED]
                if sent:
                    done = f"{', '.join(sent)} went up before that; running the same command again finishes the rest."
                    error.hint = f"{error.hint}\n{done}" if error.hint else done
                raise
    return outcome


def _send(upload: Upload, uploader: Uploader, index: Index, *, skip_existing: bool) -> State:
    """Send one file; where the answer leaves it open whether the file is stored, look."""
    try:
        uploader.send(upload)
    except (ConflictError, IndexUnavailableError) as error:
        existing = _look(upload, index)
        if existing is not None and _same_contents(upload, existing):
            return State.ALREADY_THERE if isinstance(error, ConflictError) else State.UPLOADED
        if isinstance(error, ConflictError):
            if skip_existing:
                return State.SKIPPED
            error.hint = CONFLICT_HINT
        raise
    return State.UPLOADED


def _locate(uploads: Sequence[Upload], index: Index) -> dict[str, str]:
    """Return the URLs of files by name, as far as the index tells them."""
    projects = {upload.distribution.name for upload in uploads}
    return {file.filename: file.url for project in projects for file in index.files(project).values()}


def _look(upload: Upload, index: Index) -> RemoteFile | None:
    try:
        return index.files(upload.distribution.name).get(upload.distribution.filename)
    except PublishError:
        return None  # the first error is the one to tell
