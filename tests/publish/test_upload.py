"""Checked files, compared with an index and sent: the outcome for each, and the words for a run that failed."""

from pathlib import Path

import pytest

from publisher.errors import CheckFailedError, ConflictError, CredentialsError, IndexUnavailableError, StoppedError
from publisher.project.distributions import Distribution, read_distribution
from publisher.project.tags import parse_tag
from publisher.publish.options import PublishOptions
from publisher.publish.plan import CONFLICT_HINT, RESERVED_HINT
from publisher.publish.report import Report, State
from publisher.publish.upload import publish_files
from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.scripted import TARGET, ScriptedIndex, ScriptedPrefetch, Steps, answer, remote

OPTIONS = PublishOptions(TARGET, connections=1)
WHEEL, SDIST = "acme_widgets-1.0-py3-none-any.whl", "acme_widgets-1.0.tar.gz"


@pytest.fixture
def wheel(tmp_path: Path) -> Distribution:
    return read_distribution(make_wheel(tmp_path))


@pytest.fixture
def sdist(tmp_path: Path) -> Distribution:
    return read_distribution(make_sdist(tmp_path))


def _publish(
    files: list[Distribution],
    index: ScriptedIndex,
    options: PublishOptions = OPTIONS,
    steps: Steps | None = None,
) -> Report:
    return publish_files(files, options, steps or Steps(), ScriptedPrefetch(index))


def _states(report: Report) -> dict[str, State]:
    return {file.file.text: file.state for file in report.files}


def _with(**values: object) -> PublishOptions:
    return PublishOptions(TARGET, **{"connections": 1, **values})  # type: ignore[arg-type]  # of the fields' types


def test_files_are_sent_and_reported(wheel: Distribution, sdist: Distribution) -> None:
    index, steps = ScriptedIndex([answer()]), Steps()
    report = _publish([sdist, wheel], index, steps=steps)
    assert _states(report) == {WHEEL: State.UPLOADED, SDIST: State.UPLOADED}
    assert [wheel.path.read_bytes() in index.posted[0], sdist.path.read_bytes() in index.posted[1]] == [True, True]
    assert steps.steps == ["connected to https://acme.example/ as ada", f"sent {WHEEL}", f"sent {SDIST}"]
    first = report.files[0]
    assert (first.path, first.size, first.url) == (wheel.path, wheel.path.stat().st_size, None)
    assert (first.release.name, first.release.display_name, first.release.dependencies) == (
        "acme-widgets",
        "acme_widgets",
        [],
    )
    assert (report.url, report.dry_run, report.passes_on) == (TARGET.url, False, False)


def test_a_dry_run_sends_nothing(wheel: Distribution, sdist: Distribution) -> None:
    index = ScriptedIndex(files=[remote(sdist)])
    report = _publish([wheel, sdist], index, _with(dry_run=True))
    assert _states(report) == {WHEEL: State.WOULD_UPLOAD, SDIST: State.ALREADY_THERE}
    assert report.dry_run
    assert index.posted == []


def test_files_that_are_there_are_not_sent(wheel: Distribution, sdist: Distribution) -> None:
    index = ScriptedIndex([answer()], [remote(wheel)])
    assert _states(_publish([wheel, sdist], index)) == {WHEEL: State.ALREADY_THERE, SDIST: State.UPLOADED}
    assert len(index.posted) == 1


def test_an_index_without_an_account_is_not_said_to_have_one(wheel: Distribution) -> None:
    steps = Steps()
    _publish([wheel], ScriptedIndex([answer()], credentials=None), steps=steps)
    assert steps.steps == [f"sent {WHEEL}"]


def test_the_tag_is_checked_before_the_index_is_asked(wheel: Distribution) -> None:
    index = ScriptedIndex([answer()])
    with pytest.raises(CheckFailedError, match="PP603"):
        _publish([wheel], index, _with(tag=parse_tag("v2.0")))
    assert (index.posted, index.asked) == ([], [])
    assert _states(_publish([wheel], index, _with(tag=parse_tag("v1.0")))) == {WHEEL: State.UPLOADED}


@pytest.mark.parametrize("locate", [True, False])
def test_the_places_of_files_are_asked_for_where_they_are_wanted(wheel: Distribution, *, locate: bool) -> None:
    index = ScriptedIndex([answer()], [remote(wheel)])
    (file,) = _publish([wheel], index, _with(locate=locate)).files
    assert file.url == (f"https://acme.example/packages/{WHEEL}" if locate else None)


def test_the_place_of_this_programs_own_wheel_is_always_asked_for(tmp_path: Path) -> None:
    own = read_distribution(make_wheel(tmp_path, "pypi_publish"))
    (file,) = _publish([own], ScriptedIndex(files=[remote(own)])).files
    assert file.url == f"https://acme.example/packages/{own.filename}"


@pytest.mark.parametrize("passes_on", [True, False])
def test_an_index_is_asked_for_public_packages_where_files_need_other_packages(
    tmp_path: Path, wheel: Distribution, *, passes_on: bool
) -> None:
    data = metadata("needy", "1.0", "Requires-Dist: six\n")
    needy = read_distribution(make_wheel(tmp_path, "needy", metadata_bytes=data))
    index = ScriptedIndex([answer()], passes_on=passes_on)
    assert _publish([needy, wheel], index).passes_on is passes_on
    assert "whoami" in index.asked
    plain = ScriptedIndex([answer()], passes_on=True)
    assert _publish([wheel], plain).passes_on is False
    assert "whoami" not in plain.asked


class Late(ScriptedIndex):
    """Has files that came after its list was read."""

    def __init__(self, status: int, *distributions: Distribution, same: bool = True) -> None:
        super().__init__([answer(status)])
        self.late = {each.filename: remote(each, same=same) for each in distributions}


def _publish_late(wheel: Distribution, index: Late, options: PublishOptions = OPTIONS) -> Report:
    prefetch = ScriptedPrefetch(index, {})
    index.listed = index.late
    return publish_files([wheel], options, Steps(), prefetch)


def test_the_same_file_that_came_meanwhile_is_there(wheel: Distribution) -> None:
    assert _states(_publish_late(wheel, Late(409, wheel))) == {WHEEL: State.ALREADY_THERE}


@pytest.mark.parametrize("status", [303, 404])
def test_a_file_that_is_stored_although_the_answer_said_otherwise_is_uploaded(wheel: Distribution, status: int) -> None:
    assert _states(_publish_late(wheel, Late(status, wheel))) == {WHEEL: State.UPLOADED}
    with pytest.raises(IndexUnavailableError):
        _publish_late(wheel, Late(status))
    with pytest.raises(IndexUnavailableError):
        _publish_late(wheel, Late(status, wheel, same=False))


def test_a_conflict_that_arises_meanwhile_has_the_remedy_that_fits(wheel: Distribution) -> None:
    with pytest.raises(ConflictError) as caught:
        _publish_late(wheel, Late(409, wheel, same=False))
    assert caught.value.hint == CONFLICT_HINT
    with pytest.raises(ConflictError) as caught:
        _publish_late(wheel, Late(409))
    assert caught.value.hint == RESERVED_HINT
    unknown = Late(409)
    unknown.list_failure = IndexUnavailableError("down")
    with pytest.raises(ConflictError) as caught:
        _publish_late(wheel, unknown)
    assert caught.value.hint == CONFLICT_HINT


def test_a_conflict_that_arises_meanwhile_is_skipped_where_that_is_wanted(wheel: Distribution) -> None:
    index = Late(409, wheel, same=False)
    assert _states(_publish_late(wheel, index, _with(skip_existing=True))) == {WHEEL: State.SKIPPED}
    with pytest.raises(IndexUnavailableError):
        _publish_late(wheel, Late(404, wheel, same=False), _with(skip_existing=True))


def test_an_upload_that_something_else_may_have_answered_is_looked_for(wheel: Distribution) -> None:
    steps = Steps()
    index = Late(202, wheel)
    prefetch = ScriptedPrefetch(index, {})
    index.listed = index.late
    report = publish_files([wheel], OPTIONS, steps, prefetch)
    assert _states(report) == {WHEEL: State.UPLOADED}
    assert steps.steps[1:] == [f"sent {WHEEL}"]


def test_an_upload_that_is_not_listed_yet_is_a_warning(wheel: Distribution) -> None:
    steps = Steps()
    assert _states(_publish([wheel], ScriptedIndex([answer(202)]), steps=steps)) == {WHEEL: State.UPLOADED}
    assert steps.steps[1:] == [f"warned: {WHEEL}: the index accepted it but does not list it yet", f"sent {WHEEL}"]


def test_an_upload_that_the_account_may_not_look_for_is_a_warning(wheel: Distribution) -> None:
    steps, index = Steps(), ScriptedIndex([answer(202)])
    index.list_failure = CredentialsError("no right to read")
    assert _states(_publish([wheel], index, steps=steps)) == {WHEEL: State.UPLOADED}
    assert steps.steps[1:] == [f"warned: can't confirm that {WHEEL} is stored: no right to read", f"sent {WHEEL}"]


def test_an_upload_that_nothing_confirms_is_a_failure(wheel: Distribution) -> None:
    with pytest.raises(IndexUnavailableError, match="with other contents than the uploaded file"):
        _publish_late(wheel, Late(202, wheel, same=False))
    index = ScriptedIndex([answer(202)])
    index.list_failure = IndexUnavailableError("down")
    with pytest.raises(IndexUnavailableError, match="down"):
        _publish([wheel], index)


def test_a_failure_names_the_files_that_were_published_before_it_and_the_rest(
    tmp_path: Path, wheel: Distribution, sdist: Distribution
) -> None:
    other = read_distribution(make_sdist(tmp_path, "other"))
    with pytest.raises(CheckFailedError) as caught:
        _publish([wheel, sdist, other], ScriptedIndex([answer(200), answer(400, "no")]))
    hint = str(caught.value.hint)
    assert hint.startswith("Uploaded before that: ")
    assert hint.count("Run the same command again to upload the rest: ") == 1
    assert all(name in hint for name in (WHEEL, SDIST, other.filename))


def test_a_failure_of_the_first_file_keeps_its_own_remedy(wheel: Distribution, sdist: Distribution) -> None:
    with pytest.raises(IndexUnavailableError) as caught:
        _publish([wheel, sdist], ScriptedIndex([answer(404, "no")]))
    assert str(caught.value.hint).startswith("Check the index URL.")
    assert "Uploaded before" not in str(caught.value.hint)


def test_progress_comes_below_the_remedy(wheel: Distribution, sdist: Distribution) -> None:
    with pytest.raises(IndexUnavailableError) as caught:
        _publish([wheel, sdist], ScriptedIndex([answer(200), answer(404, "no")]))
    remedy, progress = str(caught.value.hint).splitlines()
    assert remedy.startswith("Check the index URL.")
    assert progress == f"Uploaded before that: {WHEEL}. Run the same command again to upload the rest: {SDIST}."


def test_a_stopped_run_says_whether_anything_was_published(wheel: Distribution, sdist: Distribution) -> None:
    stopped = StoppedError("The upload was stopped.")
    with pytest.raises(StoppedError) as caught:
        _publish([wheel, sdist], ScriptedIndex([answer(200), stopped]))
    assert caught.value.message == "The upload was stopped."
    assert f"Uploaded before that: {WHEEL}" in str(caught.value.hint)
    with pytest.raises(StoppedError) as caught:
        _publish([wheel, sdist], ScriptedIndex([StoppedError("The upload was stopped.")]))
    assert caught.value.message == "Interrupted: nothing was published."
    assert caught.value.hint is None
