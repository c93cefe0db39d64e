"""Publishing built files: authenticate, compare with the index, upload, report."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial

from publisher.client.client import IndexClient, RemoteFile
from publisher.client.url import IndexUrl
from publisher.errors import ConflictError, IndexUnavailableError, PublishError
from publisher.project.dependencies import dependencies
from publisher.project.distributions import Distribution, Kind
from publisher.project.tags import check_tag
from publisher.publish.events import Observer, OneAtATime
from publisher.publish.options import PublishOptions
from publisher.publish.prefetch import Ahead
from publisher.publish.report import FileReport, Release, Report, State
from publisher.publish.scheduler import Sending
from publisher.publish.sender import Upload, Uploader

CONFLICT_HINT = (
    "A published file never changes: raise the version and publish that. If the contents are the same and only the "
    "build differs (not every backend builds the same bytes twice), --skip-existing leaves the index's file as it is."
)


def publish(
    distributions: Sequence[Distribution],
    options: PublishOptions,
    observer: Observer,
    ahead: Ahead | None = None,
) -> Report:
    """
    Upload the files that the index does not have, after making sure that none of them is there with other contents.

    Several go at the same time, in the order of the scheduler. What was got ready ``ahead`` is not asked
    again.

    Raises CheckFailedError when the tag is another version's, CredentialsError, ConflictError (before anything is
    published, unless the conflict came up meanwhile), IndexUnavailableError, StoppedError; the hint names the files
    that were published.
    """
    if options.tag is not None:
        check_tag(options.tag, distributions)
    target = options.target
    with closing(ahead or Ahead(target, (each.name for each in distributions))) as ready:
        index = ready.connect(target.prompt)
        if index.credentials is not None:
            observer.connected(target.url, index.credentials)
        uploads = [Upload(each) for each in sorted(distributions, key=_sending_order)]
        states = _compare(uploads, ready, index.url, skip_existing=options.skip_existing)
        if not options.dry_run and State.WOULD_UPLOAD in states.values():
            to_send = [upload for upload in uploads if states[upload.distribution.filename] is State.WOULD_UPLOAD]
            told = OneAtATime(observer)
            states |= _send_all(to_send, Uploader(index, told), options)
        urls = _locate(uploads, index) if options.locate else {}
    files = [
        FileReport(
            each.file,
            _release(each),
            states[each.filename],
            upload.size,
            upload.sha256,
            each.path,
            urls.get(each.filename),
        )
        for upload in uploads
        for each in [upload.distribution]
    ]
    return Report(target.url, files, options.dry_run)


def _release(distribution: Distribution) -> Release:
    return Release(distribution.name, distribution.version, distribution.display_name)


def _sending_order(distribution: Distribution) -> tuple[bool, str]:
    return distribution.kind is Kind.SDIST, distribution.filename


def _compare(uploads: Sequence[Upload], ready: Ahead, url: IndexUrl, *, skip_existing: bool) -> dict[str, State]:
    """Return what has to be done for each file, by name; raise ConflictError when any of them may not be sent."""
    states: dict[str, State] = {}
    conflicts: list[str] = []
    for upload in uploads:
        filename = upload.distribution.filename
        existing = ready.files(upload.distribution.name).get(filename)
        if existing is None:
            states[filename] = State.WOULD_UPLOAD
        elif _same_contents(upload, existing):
            states[filename] = State.ALREADY_THERE
        elif skip_existing:
            states[filename] = State.SKIPPED
        else:
            conflicts.append(_conflict(upload, existing, url))
    if conflicts:
        raise ConflictError("\n".join([*conflicts, "Nothing was published."]), hint=CONFLICT_HINT)
    return states


def _same_contents(upload: Upload, existing: RemoteFile) -> bool:
    if "sha256" in existing.hashes:
        return existing.hashes["sha256"] == upload.sha256
    for algorithm, digest in existing.hashes.items():
        if algorithm in hashlib.algorithms_available:
            return upload.digest(algorithm) == digest
    return False


def _conflict(upload: Upload, existing: RemoteFile, url: IndexUrl) -> str:
    there = existing.hashes.get("sha256")
    digests = f" (sha256 {there[:12]}… there, {upload.sha256[:12]}… here)" if there else ""
    return f"{upload.distribution.filename}: {url} has a file of that name with other contents{digests}."


def _send_all(uploads: Sequence[Upload], uploader: Uploader, options: PublishOptions) -> dict[str, State]:
    """Send files and return what became of each, by name."""
    sending = Sending(uploads, dependencies([upload.distribution for upload in uploads]), options.connections)
    try:
        sending.run(partial(_send, uploader, skip_existing=options.skip_existing), uploader.stop)
    except PublishError as error:
        if told := _told(uploads, sending.done):
            error.hint = f"{error.hint}\n{told}" if error.hint else told
        raise
    return sending.done


def _told(uploads: Sequence[Upload], done: Mapping[str, State]) -> str:
    """Return what went up and what did not, before a failure; nothing when nothing did."""
    if State.UPLOADED not in done.values():
        return ""
    files = [upload.distribution.filename for upload in uploads]
    sent = [name for name in files if done.get(name) is State.UPLOADED]
    rest = [name for name in files if name not in done]
    return (
        f"{', '.join(sent)} went up before that; running the same command again finishes the rest ({', '.join(rest)})."
    )


def _send(uploader: Uploader, upload: Upload, *, skip_existing: bool) -> State:
    """Send one file; where the answer leaves it open whether the file is stored, look."""
    try:
        uploader.send(upload)
    except (ConflictError, IndexUnavailableError) as error:
        existing = _look(upload, uploader.index)
        if existing is not None and _same_contents(upload, existing):
            return State.ALREADY_THERE if isinstance(error, ConflictError) else State.UPLOADED
        if isinstance(error, ConflictError):
            if skip_existing:
                return State.SKIPPED
            error.hint = CONFLICT_HINT
        raise
    return State.UPLOADED


def _locate(uploads: Sequence[Upload], index: IndexClient) -> dict[str, str]:
    """Return the URLs of files by name, as far as the index tells them."""
    projects = {upload.distribution.name for upload in uploads}
    return {file.filename: file.url for project in projects for file in index.files(project).values()}


def _look(upload: Upload, index: IndexClient) -> RemoteFile | None:
    try:
        return index.files(upload.distribution.name).get(upload.distribution.filename)
    except PublishError:
        return None  # the first error is the one to tell
