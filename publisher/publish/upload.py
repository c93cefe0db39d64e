"""Uploading checked files: connect, plan, send, report."""

from collections.abc import Mapping, Sequence
from functools import partial

from publisher.client.client import IndexClient
from publisher.client.models import RemoteFile
from publisher.errors import ConflictError, CredentialsError, IndexUnavailableError, PublishError, StoppedError
from publisher.project.dependencies import find_dependencies
from publisher.project.distributions import Distribution
from publisher.project.install_lines import OWN_NAME, required_names
from publisher.project.tags import check_tag
from publisher.publish.events import Observer, SerializedObserver
from publisher.publish.options import PublishOptions
from publisher.publish.plan import CONFLICT_HINT, RESERVED_HINT, Plan, Upload, has_same_contents, make_plan
from publisher.publish.prefetch import IndexPrefetch
from publisher.publish.report import FileReport, Release, Report, State
from publisher.publish.scheduler import UploadScheduler
from publisher.publish.sender import FileSender


def publish_files(
    distributions: Sequence[Distribution], options: PublishOptions, observer: Observer, prefetch: IndexPrefetch
) -> Report:
    """
    Upload the files that the index lacks, unless it has one of them with other contents.

    Several go at the same time, in the order of `UploadScheduler`. ``prefetch`` reads the index already.

    Raises CheckFailedError when the tag has another version, CredentialsError, ConflictError (before anything is
    published, unless the conflict arises meanwhile), IndexUnavailableError, StoppedError; the hint names the files
    that were published.
    """
    if options.tag is not None:
        check_tag(options.tag, distributions)
    target = options.target
    index = prefetch.connect(target.prompt)
    if index.credentials is not None:
        observer.connected(target.url, index.credentials)
    plan = make_plan(distributions, prefetch, index.url, skip_existing=options.skip_existing)
    states = dict(plan.states)
    if plan.to_send and not options.dry_run:
        states |= _send_all(plan, FileSender(index, SerializedObserver(observer)), options)
    urls = _locate(plan, index) if options.locate or _has_own_client(plan) else {}
    files = [_report_file(upload, states, urls) for upload in plan.uploads]
    passes_on = any(file.release.dependencies for file in files) and index.passes_on()
    return Report(target.url, files, options.dry_run, passes_on)


def _report_file(upload: Upload, states: Mapping[str, State], urls: Mapping[str, str]) -> FileReport:
    each = upload.distribution
    release = Release(each.name, each.version, each.display_name, required_names(each.fields.get("requires_dist", [])))
    state, url = states[each.filename], urls.get(each.filename)
    return FileReport(each.file, release, state, upload.size, upload.sha256, each.path, url)


def _send_all(plan: Plan, sender: FileSender, options: PublishOptions) -> dict[str, State]:
    """Send files and return their states by name; a failure's hint names the files that were published before it."""
    required = find_dependencies(upload.distribution for upload in plan.to_send)
    scheduler = UploadScheduler(plan.to_send, required, options.connections)
    try:
        scheduler.run(partial(_send, sender, skip_existing=options.skip_existing), sender.stop, sender.abort)
    except PublishError as error:
        progress = _describe_progress(plan.to_send, scheduler.done)
        if sender.unanswered:
            unanswered = f"{', '.join(sender.unanswered)} may be stored; run the same command again to find out."
            progress = f"{progress}\n{unanswered}" if progress else unanswered
        if not progress and isinstance(error, StoppedError):
            error.message = "Interrupted: nothing was published."
        if progress:
            error.hint = f"{error.hint}\n{progress}" if error.hint else progress
        raise
    return scheduler.done


def _describe_progress(uploads: Sequence[Upload], done: Mapping[str, State]) -> str:
    """Return which files were uploaded before a failure, and which were not; nothing when none was."""
    if State.UPLOADED not in done.values():
        return ""
    files = [upload.distribution.filename for upload in uploads]
    sent = [name for name in files if done.get(name) is State.UPLOADED]
    rest = [name for name in files if name not in done]
    if not rest:
        return f"All files were uploaded before that: {', '.join(sent)}."
    return f"Uploaded before that: {', '.join(sent)}. Run the same command again to upload the rest: {', '.join(rest)}."


def _send(sender: FileSender, upload: Upload, *, skip_existing: bool) -> State:
    """Send one file; if the response is unclear, ask the index whether the file is stored."""
    try:
        is_proven = sender.send(upload)
    except (ConflictError, IndexUnavailableError) as error:
        files = _find_files(upload, sender.index)
        existing = files.get(upload.distribution.filename) if files else None
        if existing is not None and has_same_contents(upload, existing):
            return State.ALREADY_THERE if isinstance(error, ConflictError) else State.UPLOADED
        if isinstance(error, ConflictError):
            if skip_existing:
                return State.SKIPPED
            error.hint = CONFLICT_HINT if existing or files is None else RESERVED_HINT
        raise
    if not is_proven:
        _confirm(upload, sender)
    return State.UPLOADED


def _confirm(upload: Upload, sender: FileSender) -> None:
    """
    Return once the index confirms a file whose upload another server may have answered; warn if it can't.

    Raises IndexUnavailableError when no index answers, or when it has other contents.
    """
    filename = upload.distribution.filename
    try:
        existing = sender.index.files(upload.distribution.name).get(filename)
    except CredentialsError as error:
        sender.accept(upload, f"can't confirm that {filename} is stored: {error.message}")
        return
    if existing is None:
        sender.accept(upload, f"{filename}: the index accepted it but does not list it yet")
    elif has_same_contents(upload, existing):
        sender.accept(upload)
    else:
        raise IndexUnavailableError(
            f"{sender.index.url} has {filename} with other contents than the uploaded file.",
            hint="Delete the file on the index, or raise the version, and publish again.",
        )


def _has_own_client(plan: Plan) -> bool:
    """Return whether this run publishes pypi-publish itself, which is installed from its wheel's URL."""
    return any(upload.distribution.name == OWN_NAME for upload in plan.uploads)


def _locate(plan: Plan, index: IndexClient) -> dict[str, str]:
    """Return the URLs of files by name, as far as the index has them."""
    projects = {upload.distribution.name for upload in plan.uploads}
    return {file.filename: file.url for project in projects for file in index.files(project).values()}


def _find_files(upload: Upload, index: IndexClient) -> Mapping[str, RemoteFile] | None:
    """Return the index's files of an upload's project; None if it does not answer."""
    try:
        return index.files(upload.distribution.name)
    except PublishError:
        return None  # the first error is the one to report
