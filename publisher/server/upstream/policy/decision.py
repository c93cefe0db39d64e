"""The one decision on a public file: passed on or withheld, why, and until when that holds."""

import hashlib
import math
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from publisher import __version__
from publisher.limits import LAST_SECOND
from publisher.project.dependencies import parse_specifiers
from publisher.project.display import human_age
from publisher.server.names.filenames import is_reserved, normalize
from publisher.server.settings import Denial, UpstreamSettings, UpstreamSource
from publisher.server.upstream.pages.listing import ListedFile, Listing
from publisher.server.upstream.policy.ledger import Allowance, Ledger

LIST_CHECK = 10.0
"""Seconds between two looks whether the operator's list of malicious versions changed."""


_RULES_FORMAT = 1
"""Grows when the same rules begin to mean another page."""


class Verdict(NamedTuple):
    """``reason`` is why a file is withheld, empty for one that is passed on; it holds until ``until``."""

    reason: str = ""
    until: float = math.inf
    """Seconds since 1970."""


ALLOWED = Verdict()


class ProjectRules(NamedTuple):
    """All that a decision on one project's files depends on, besides the files and the time."""

    status: str
    denials: tuple[Denial, ...]
    allowances: tuple[Allowance, ...]
    cooldown: float
    first_seen: Mapping[str, float] | None


class Policy:
    """Decides by the operator's settings, the recorded exceptions, and the clock at the time of the answer."""

    def __init__(self, settings: UpstreamSettings, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._ledger = ledger
        self._clock = clock
        self._malicious: Mapping[str, list[Denial]] = {}
        self._malicious_stamp: object = None
        self._next_look = 0.0
        self._revision = 0
        self.source_of = lru_cache(settings.limits.states)(self._source_of)
        """Returns the one upstream that a normalized name belongs to; asked for each answer from memory."""

    @property
    def revision(self) -> int:
        """Grows whenever a verdict may change for another reason than time."""
        self._read_malicious()
        return self._revision + self._ledger.revision

    def _source_of(self, name: str) -> UpstreamSource | None:
        for source in self._settings.sources:
            if any(is_reserved(name, pattern) for pattern in source.names):
                return source
        return None

    def decide(self, listing: Listing) -> "ProjectPolicy":
        """Return the decision on the files of one project, as of now."""
        return ProjectPolicy(self._rules(listing.name, listing.status, self._first_seen(listing)), self._clock())

    def fingerprint(self, name: str) -> str:
        """Return a text that is the same in every process, now and later, that decides by the same rules."""
        rules = repr((_RULES_FORMAT, __version__, self._rules(name, "", None)))
        return hashlib.sha256(rules.encode("utf-8", "backslashreplace")).hexdigest()[:32]

    def _rules(self, name: str, status: str, first_seen: Mapping[str, float] | None) -> ProjectRules:
        self._read_malicious()
        denials = [denial for denial in self._settings.denials if is_reserved(name, denial.name)]
        denials += self._malicious.get(name, ())
        allowances = tuple(self._ledger.allowances(name))
        return ProjectRules(status, tuple(denials), allowances, self._settings.cooldown, first_seen)

    def _first_seen(self, listing: Listing) -> Mapping[str, float] | None:
        """Return when files without upload time were first seen, None where that does not count."""
        source = self.source_of(listing.name)
        if source is None or not source.first_seen or not self._settings.cooldown:
            return None
        self._ledger.note_first_seen(
            listing.name, [file.filename for file in listing.files.values() if file.uploaded is None]
        )
        return self._ledger.first_seen(listing.name)

    def _read_malicious(self) -> None:
        path = self._settings.malicious
        if path is None or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LIST_CHECK
        try:
            status = os.stat(path)  # noqa: PTH116 - often
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._malicious_stamp:
                self._malicious = read_malicious(path)
                self._malicious_stamp = stamp
                self._revision += 1
        except (OSError, ValueError):
            return  # the list that was read last stays in force


class ProjectPolicy:
    """Decides on the files of one project; made for one answer."""

    def __init__(self, rules: ProjectRules, now: float) -> None:
        self._rules = rules
        self._now = now
        self._denials = [(denial, _specifiers(denial.versions)) for denial in rules.denials]
        self._allowances = [allowance for allowance in rules.allowances if allowance.until > now]
        by_age_alone = not self._denials and rules.status != "quarantined"
        self._surely_old = now - rules.cooldown if by_age_alone else -math.inf
        """Files uploaded before this time are old enough."""

    def verdict(self, file: ListedFile) -> Verdict:
        """Return whether a file is passed on: not quarantined, not denied, and old enough or excepted."""
        born = file.uploaded
        if born is not None and born < self._surely_old:
            return ALLOWED
        withheld = self._denied(file)
        if withheld:
            return Verdict(withheld)
        cooldown = self._rules.cooldown
        if born is None and self._rules.first_seen is not None:
            born = self._rules.first_seen.get(file.filename)
        ripe = 0.0 if not cooldown else math.inf if born is None else born + cooldown
        if ripe <= self._now:
            return ALLOWED
        excepted = max((each.until for each in self._allowances if each.covers(file.version)), default=0.0)
        if excepted:
            return Verdict("", excepted if excepted < ripe else math.inf)
        if born is None:
            return Verdict(f"{file.filename} has no upload time, so it is not old enough for this index.")
        return Verdict(_too_young(file, born, cooldown, ripe), ripe)

    def _denied(self, file: ListedFile) -> str:
        """Return why a file is withheld at any age."""
        if self._rules.status == "quarantined":
            return f"{file.filename} belongs to a project that is quarantined upstream."
        for denial, specifiers in self._denials:
            if _matches(specifiers, denial.versions, file.version):
                reason = f": {denial.reason}" if denial.reason else ""
                return f"{file.filename} is denied by this index{reason}."
        return ""


def read_malicious(path: Path) -> dict[str, list[Denial]]:
    """Return an operator's list of malicious projects and versions; raises OSError, and ValueError naming the line."""
    found: dict[str, list[Denial]] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        entry, _, note = line.partition("#")
        name, pinned, version = entry.strip().partition("==")
        if not entry.strip():
            continue
        if not name.strip() or (pinned and not version.strip()) or set(name) & set("<>=!~ ,;"):
            raise ValueError(f"line {number}: expected NAME or NAME==VERSION, not {line.strip()[:80]!r}")
        reason = note.strip() or "it is on the list of malicious releases"
        denial = Denial(normalize(name.strip()), f"=={version.strip()}" if pinned else "", reason)
        found.setdefault(denial.name, []).append(denial)
    return found


def time_text(moment: float) -> str:
    """Return a time in UTC as people read it; a cooldown may end after the year 9999."""
    return datetime.fromtimestamp(min(moment, LAST_SECOND), UTC).strftime("%Y-%m-%d %H:%M UTC")


def _too_young(file: ListedFile, born: float, cooldown: float, ripe: float) -> str:
    return (
        f"{file.filename} was uploaded {time_text(born)}; the cooldown of {human_age(cooldown)} hides it until "
        f"{time_text(ripe)}."
    )


def _specifiers(text: str) -> SpecifierSet | None:
    try:
        return parse_specifiers(text, prereleases=True) if text else None
    except InvalidSpecifier:
        return None


def _matches(specifiers: SpecifierSet | None, text: str, version: str) -> bool:
    if not text or text == f"=={version}":  # also for a version that is not valid
        return True
    try:
        return specifiers is not None and Version(version) in specifiers
    except InvalidVersion:
        return not text.startswith("==")  # an invalid version is in every range
