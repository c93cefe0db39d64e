"""Bounds that are shared between processes, and the lighter ones for files that are read at once."""

import pytest

from publisher.limits import LIMITS, DistributionLimits, Limits, PageLimits, UpstreamLimits


def test_one_process_has_all_of_it() -> None:
    assert LIMITS.divided(1) == LIMITS


def test_limits_with_the_same_values_are_equal() -> None:
    assert Limits() == Limits() == LIMITS
    assert hash(Limits()) == hash(LIMITS)
    assert LIMITS._replace(lanes=1) != LIMITS
    assert LIMITS._replace(distributions=LIMITS.distributions._replace(members=1)) != LIMITS


def test_a_bound_that_is_not_there_is_refused() -> None:
    with pytest.raises(TypeError, match="lines"):
        Limits(lanes=1, lines=2)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="member"):
        LIMITS.distributions._replace(member=1)  # type: ignore[call-arg]
    assert Limits(lanes=1).lanes == 1


def test_a_bound_stays_as_it_is() -> None:
    with pytest.raises(AttributeError):
        LIMITS.lanes = 1  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del LIMITS.lanes


def test_several_processes_share_memory_and_work_and_nothing_else() -> None:
    whole = LIMITS._replace(
        page_memory=101,
        file_memory=50,
        repeat_memory=10,
        inspections=8,
        hashing_threads=4,
        login_threads=4,
        parallel_uploads=16,
    )
    each = whole.divided(4)
    memories = {"page_memory", "file_memory", "repeat_memory"}
    assert (each.page_memory, each.file_memory, each.repeat_memory) == (25, 12, 2)
    assert (each.inspections, each.hashing_threads, each.login_threads) == (2, 1, 1)
    changed = {name for name in Limits._fields if getattr(each, name) != getattr(whole, name)}
    assert changed == memories | {"inspections", "hashing_threads", "login_threads"}


def test_every_process_can_do_one_thing_at_a_time() -> None:
    each = LIMITS.divided(1000)
    assert (each.inspections, each.hashing_threads, each.login_threads) == (1, 1, 1)


@pytest.mark.parametrize("name", DistributionLimits._fields)
def test_light_bounds_are_never_wider(name: str) -> None:
    for limits in (DistributionLimits(), DistributionLimits()._replace(members=3, member_list=3, metadata=3)):
        assert getattr(limits.light(), name) <= getattr(limits, name)
        assert getattr(limits.brief(), name) <= getattr(limits.light(), name)


def test_light_bounds_hold_for_archives_of_some_hundred_files() -> None:
    light = DistributionLimits().light()
    assert (light.members, light.metadata_fields) == (500, 300)
    assert (light.member_list, light.metadata) == (128 * 1024, 256 * 1024)
    assert (light.metadata_head, light.tar_file, light.tar_stream) == (32 * 1024, 256 * 1024, 4 * 2**20)


def test_brief_bounds_hold_for_archives_of_some_dozen_files() -> None:
    brief = DistributionLimits().brief()
    assert (brief.members, brief.metadata_fields) == (100, 40)
    assert (brief.member_list, brief.metadata, brief.metadata_head) == (32 * 1024, 32 * 1024, 4 * 1024)
    assert (brief.tar_file, brief.tar_stream) == (16 * 1024, 64 * 1024)


def test_cheap_bounds_keep_narrower_ones_and_all_others() -> None:
    narrow = DistributionLimits(members=7, member_list=8, metadata=9, metadata_fields=10, metadata_head=11)
    for cheap in (narrow.light(), narrow.brief()):
        kept = {*cheap._fields} - {"tar_file", "tar_stream"}
        assert all(getattr(cheap, name) == getattr(narrow, name) for name in kept)


@pytest.mark.parametrize(
    "limits", [LIMITS, LIMITS.distributions, LIMITS.upstream, LIMITS.pages], ids=lambda limits: type(limits).__name__
)
def test_every_bound_allows_something(limits: Limits | DistributionLimits | UpstreamLimits | PageLimits) -> None:
    assert [name for name, bound in limits._asdict().items() if isinstance(bound, int | float) and bound <= 0] == []


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("body_size", "upload_size"),
        ("json_text", "body_size"),
        ("form_part_head", "form_field"),
        ("form_field", "form_fields"),
        ("signature", "form_field"),
        ("parallel_uploads", "open_uploads"),
        ("waiting_in_a_lane", "waiting_logins"),
        ("password_minimum", "password"),
        ("password", "other_password"),
        ("other_password", "credentials"),
        ("credentials", "head_size"),
        ("first_delay", "longest_delay"),
        ("grace_in_background", "grace"),
        ("slow_head", "idle_connection"),
        ("legacy_requests_each", "legacy_requests"),
    ],
)
def test_a_bound_leaves_room_for_the_next(less: str, more: str) -> None:
    assert getattr(LIMITS, less) < getattr(LIMITS, more)


def test_a_request_a_file_and_the_memory_have_the_sizes_of_common_ones() -> None:
    assert LIMITS.upload_size == 2 * 2**30
    assert (LIMITS.upstream.file_size, LIMITS.upstream.page_size) == (8 * 2**30, 32 * 2**20)
    assert (LIMITS.page_memory, LIMITS.file_memory, LIMITS.accounts_file) == (64 * 2**20, 32 * 2**20, 64 * 2**20)
    assert (LIMITS.head_size, LIMITS.body_size, LIMITS.signature) == (64 * 2**10, 64 * 2**10, 64 * 2**10)
