"""The decision on a public file: its table, its moments, and the operator's list of malicious releases."""

import asyncio
import math
import os
from pathlib import Path
from typing import Any

import pytest

from publisher.server.settings import Denial, UpstreamSettings, UpstreamSource
from publisher.server.upstream.errors import UpstreamError
from publisher.server.upstream.pages.listing import ListedFile, Listing
from publisher.server.upstream.policy import decision
from publisher.server.upstream.policy.decision import Policy, ProjectPolicy, ProjectRules, Verdict, read_malicious
from publisher.server.upstream.policy.ledger import Allowance, Ledger
from publisher.server.upstream.policy.records import NoRecords
from tests.helpers.clock import set_monotonic
from tests.helpers.passing_on import DAY, Clock, filenames, find, passing_on, settings_for
from tests.helpers.upstream import FakeUpstream

NOW = 100 * DAY
HOLDS = math.inf


def listed(version: str = "1.0", uploaded: float | None = NOW - 10 * DAY) -> ListedFile:
    return ListedFile(f"foo-{version}.tar.gz", version, "https://x.example/foo", {}, None, uploaded, None)


def rules(**changes: Any) -> ProjectRules:
    values = {"status": "active", "denials": (), "allowances": (), "cooldown": 3 * DAY, "first_seen": None, **changes}
    return ProjectRules(**values)


def allowed(version: str = "", until: float = NOW + DAY) -> Allowance:
    return Allowance("foo", version, until, "a fix", "root", 0.0)


YOUNG = NOW - DAY


@pytest.mark.parametrize(
    ("rule", "file", "expected"),
    [
        (rules(), listed(), Verdict("", HOLDS)),
        (rules(), listed(uploaded=NOW - 3 * DAY), Verdict("", HOLDS)),
        (rules(), listed(uploaded=NOW - 3 * DAY + 1), Verdict("of 3 days", NOW + 1)),
        (rules(), listed(uploaded=NOW + DAY), Verdict("of 3 days", NOW + 4 * DAY)),
        (rules(), listed(uploaded=None), Verdict("no upload time", HOLDS)),
        (rules(cooldown=0.0), listed(uploaded=None), Verdict("", HOLDS)),
        (rules(cooldown=0.0), listed(uploaded=NOW + DAY), Verdict("", HOLDS)),
        (rules(first_seen={}), listed(uploaded=None), Verdict("no upload time", HOLDS)),
        (rules(first_seen={"foo-1.0.tar.gz": YOUNG}), listed(uploaded=None), Verdict("of 3 days", NOW + 2 * DAY)),
        (rules(first_seen={"foo-1.0.tar.gz": NOW - 4 * DAY}), listed(uploaded=None), Verdict("", HOLDS)),
        (rules(first_seen={"foo-1.0.tar.gz": 1.0}), listed(uploaded=YOUNG), Verdict("of 3 days", NOW + 2 * DAY)),
        (rules(allowances=(allowed(),)), listed(uploaded=YOUNG), Verdict("", NOW + DAY)),
        (rules(allowances=(allowed(until=NOW + 2 * DAY),)), listed(uploaded=YOUNG), Verdict("", HOLDS)),
        (rules(allowances=(allowed(), allowed(until=NOW + 9))), listed(uploaded=YOUNG), Verdict("", NOW + DAY)),
        (rules(allowances=(allowed("2.0"),)), listed(uploaded=YOUNG), Verdict("of 3 days", NOW + 2 * DAY)),
        (rules(allowances=(allowed("1"),)), listed(uploaded=YOUNG), Verdict("", NOW + DAY)),
        (rules(allowances=(allowed(until=NOW),)), listed(uploaded=YOUNG), Verdict("of 3 days", NOW + 2 * DAY)),
        (rules(allowances=(allowed(),)), listed(uploaded=None), Verdict("", NOW + DAY)),
        (rules(status="quarantined", allowances=(allowed(),)), listed(), Verdict("quarantined", HOLDS)),
        (rules(status="archived"), listed(), Verdict("", HOLDS)),
        (rules(denials=(Denial("foo"),)), listed(), Verdict("is denied by this index.", HOLDS)),
        (rules(denials=(Denial("foo", "<2", "CVE"),)), listed(), Verdict("is denied by this index: CVE.", HOLDS)),
        (rules(denials=(Denial("foo", "<1"),)), listed(), Verdict("", HOLDS)),
        (rules(denials=(Denial("foo", "<1"), Denial("foo", "==1.0"))), listed(), Verdict("denied", HOLDS)),
        (rules(denials=(Denial("foo", "==1.0"),), allowances=(allowed(),)), listed(), Verdict("denied", HOLDS)),
        (rules(denials=(Denial("foo", "<3"),)), listed("2.0rc1"), Verdict("denied", HOLDS)),
        (rules(denials=(Denial("foo", "==1.0"),)), listed("1.0+local"), Verdict("denied", HOLDS)),
        (rules(denials=(Denial("foo", "<2"),)), listed("not-a-version"), Verdict("denied", HOLDS)),
        (rules(denials=(Denial("foo", "==not-a-version"),)), listed("not-a-version"), Verdict("denied", HOLDS)),
        (rules(denials=(Denial("foo", "==1.0"),)), listed("not-a-version"), Verdict("", HOLDS)),
        (rules(denials=(Denial("foo", "==not-a-version"),)), listed(), Verdict("", HOLDS)),
    ],
)  # fmt: skip
def test_the_decision(rule: ProjectRules, file: ListedFile, expected: Verdict) -> None:
    found = ProjectPolicy(rule, NOW).verdict(file)
    assert found.until == expected.until
    assert bool(found.reason) == bool(expected.reason)
    assert expected.reason in found.reason
    if found.reason:
        assert found.reason.startswith(file.filename)


def test_a_reason_has_both_dates() -> None:
    reason = ProjectPolicy(rules(cooldown=1.5 * DAY), NOW).verdict(listed(uploaded=NOW - DAY)).reason
    assert "was uploaded 1970-04-10 00:00 UTC" in reason
    assert reason.endswith("hides it until 1970-04-11 12:00 UTC.")


def test_a_cooldown_may_end_after_the_last_year() -> None:
    born = 253_402_300_000.0
    reason = ProjectPolicy(rules(cooldown=DAY), NOW).verdict(listed(uploaded=born)).reason
    assert reason.endswith("hides it until 9999-12-31 23:59 UTC.")


def policy(folder: Path, clock: Clock, **changes: Any) -> Policy:
    sources = (UpstreamSource("https://x.example/simple/"),)
    settings = UpstreamSettings(**{"sources": sources, "cache": folder, **changes})
    return Policy(settings, Ledger(NoRecords(), 3600.0, clock), clock)


def listing(name: str = "foo", *versions: str) -> Listing:
    files = [listed(version) for version in versions or ("1.0", "2.0")]
    return Listing(name, "active", {file.filename: file for file in files})


def withheld(chosen: Policy, name: str = "foo") -> list[str]:
    decide = chosen.decide(listing(name))
    return [file.version for file in listing(name).files.values() if decide.verdict(file).reason]


def test_the_list_of_malicious_releases_is_read_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    set_monotonic(monkeypatch, lambda: now[0], decision)
    path = tmp_path / "malicious.txt"
    path.write_text("Foo==1.0\n")
    chosen = policy(tmp_path, Clock(), malicious=path)
    assert withheld(chosen) == ["1.0"]
    before = chosen.revision
    path.write_text("foo==2.0  # worse\nbar\n")
    now[0] += decision.LIST_CHECK - 0.1
    assert withheld(chosen) == ["1.0"]
    assert chosen.revision == before
    now[0] += 0.1
    assert withheld(chosen) == ["2.0"]
    assert withheld(chosen, "bar") == ["1.0", "2.0"]
    assert chosen.revision == before + 1
    for break_it in (lambda: path.write_text("foo >= 1\n"), lambda: path.write_bytes(b"\xff"), path.unlink):
        break_it()
        now[0] += decision.LIST_CHECK
        assert withheld(chosen) == ["2.0"]  # the list that was read last
        assert chosen.revision == before + 1
    path.write_text("")
    now[0] += decision.LIST_CHECK
    assert withheld(chosen) == []


def test_a_list_that_did_not_change_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision, "LIST_CHECK", 0.0)
    path = tmp_path / "malicious.txt"
    path.write_text("foo\n")
    chosen = policy(tmp_path, Clock(), malicious=path)
    assert withheld(chosen) == ["1.0", "2.0"]
    monkeypatch.setattr(decision, "read_malicious", lambda _: pytest.fail("read again"))
    assert withheld(chosen) == ["1.0", "2.0"]


@pytest.mark.parametrize(
    ("line", "name", "versions", "reason"),
    [
        ("evil", "evil", "", "it is on the list of malicious releases"),
        ("  Evil_Name==1.0  # steals ", "evil-name", "==1.0", "steals"),
        ("evil==1!2.0+x#y", "evil", "==1!2.0+x", "y"),
    ],
)
def test_lines_of_the_list(tmp_path: Path, line: str, name: str, versions: str, reason: str) -> None:
    path = tmp_path / "list"
    path.write_text(f"# first\n\n{line}\n{line}\n")
    assert read_malicious(path) == {name: [Denial(name, versions, reason)] * 2}


@pytest.mark.parametrize("line", ["evil==", "==1.0", "evil>=1", "evil 1.0", "evil, other", "evil;x", "evil~=1"])
def test_a_line_that_is_not_understood_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "list"
    path.write_text(f"fine\n{line}\n")
    with pytest.raises(ValueError, match="line 2: expected NAME or NAME==VERSION"):
        read_malicious(path)


def test_the_fingerprint_is_that_of_the_rules(tmp_path: Path) -> None:
    clock = Clock()
    found = [
        policy(tmp_path, clock).fingerprint("foo"),
        policy(tmp_path, clock, cooldown=1.0).fingerprint("foo"),
        policy(tmp_path, clock, denials=(Denial("f*"),)).fingerprint("foo"),
        policy(tmp_path, clock, denials=(Denial("f*", "", "why"),)).fingerprint("foo"),
    ]
    assert len(set(found)) == len(found)
    assert policy(tmp_path, clock).fingerprint("foo") == found[0]
    assert policy(tmp_path, clock, denials=(Denial("g*"),)).fingerprint("foo") == found[0]


def test_a_name_belongs_to_the_first_upstream_with_a_pattern_for_it(tmp_path: Path) -> None:
    first, second = UpstreamSource("https://a.example/", ("torch-*", "x")), UpstreamSource("https://b.example/")
    chosen = policy(tmp_path, Clock(), sources=(first, second))
    assert [chosen.source_of(name) for name in ("torch-a", "torch", "x", "y")] == [first, first, first, second]
    alone = policy(tmp_path, Clock(), sources=(first,))
    assert alone.source_of("y") is None


@pytest.mark.parametrize("first_seen", [False, True])
def test_a_file_is_listed_exactly_when_it_may_be_downloaded(
    fake: FakeUpstream,
    tmp_path: Path,
    first_seen: bool,  # noqa: FBT001
) -> None:
    clock = Clock()
    born = [None, "2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "nonsense"]
    files = [fake.add(tmp_path, "foo", f"{number}.0", uploaded=uploaded) for number, uploaded in enumerate(born)]
    source = UpstreamSource(f"{fake.url}simple/", first_seen=first_seen)
    denials = (Denial("foo", "==1.0"),)
    settings = settings_for(fake, tmp_path, cooldown=2 * DAY, sources=(source,), denials=denials)

    async def scenario() -> list[list[str]]:
        found = []
        async with passing_on(settings, clock=clock) as upstream:
            for _ in range(3):
                shown = await filenames(upstream, "foo")
                assert shown == [file.filename for file in files if await may_be_had(upstream, file.path)]
                found.append([filename.split("-")[1] for filename in shown])
                clock.now += 1.5 * DAY
        return found

    async def may_be_had(upstream: Any, path: str) -> bool:
        try:
            await find(upstream, path)
        except UpstreamError:
            return False
        return True

    assert asyncio.run(scenario()) == [[], [], ["0.0", "3.0"] if first_seen else []]


def test_times_of_files_on_the_disk_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision, "LIST_CHECK", 0.0)
    path = tmp_path / "malicious.txt"
    path.write_text("foo==1.0\n")
    chosen = policy(tmp_path, Clock(), malicious=path)
    assert withheld(chosen) == ["1.0"]
    path.write_text("foo==2.0\n")
    os.utime(path, (1, 1))  # as a copy that keeps an old time
    assert withheld(chosen) == ["2.0"]
