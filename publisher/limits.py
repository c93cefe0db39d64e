"""Bounds on input from strangers and on waiting requests, in one frozen `Limits`: bytes, seconds, numbers."""

import os
from typing import NamedTuple

KILOBYTE = 2**10
MEGABYTE = 2**20

LAST_SECOND = 253_402_300_799
"""Seconds from 1970 to the end of the year 9999, after which no date can be written."""

_CORES = os.cpu_count() or 1


class DistributionLimits(NamedTuple):
    """
    Bounds on reading a distribution file, for the index and for the command.

    An archive may expand to ``expansion_ratio`` times its size, as on the Python Package Index, and to
    ``expansion_floor`` bytes however small it is. ``global_headers`` bounds all global pax headers together, which
    `tarfile` copies for every member, and ``chained_headers`` those in a row, which it reads by recursion.
    ``field_names`` counts different names of fields: the specification has some thirty. ``tags`` are all
    combinations of the parts of a wheel's name. ``member_list`` is the size of a zip file's directory in bytes, and the
    length of all names in a tar file. A tar file may have ``tar_file`` bytes as it is, and ``tar_stream`` unpacked.
    """

    filename: int = 255
    version: int = 500
    members: int = 40_000
    member_list: int = 16 * MEGABYTE
    expansion_ratio: int = 50
    expansion_floor: int = 64 * MEGABYTE
    extended_header: int = 64 * KILOBYTE
    global_headers: int = 4 * KILOBYTE
    chained_headers: int = 8
    metadata: int = 4 * MEGABYTE
    metadata_fields: int = 10_000
    metadata_head: int = MEGABYTE
    field_names: int = 100
    requirement: int = 10_000
    tags: int = 1000
    tar_file: int = 2**40
    tar_stream: int = 2**40

    def light(self) -> "DistributionLimits":
        """Return limits that keep reading to a few milliseconds; nearly all packages are within them."""
        return self._replace(
            members=min(self.members, 500),
            member_list=min(self.member_list, 128 * KILOBYTE),
            metadata=min(self.metadata, 256 * KILOBYTE),
            metadata_fields=min(self.metadata_fields, 300),
            metadata_head=min(self.metadata_head, 32 * KILOBYTE),
            tar_file=256 * KILOBYTE,  # tar compresses well: this can hold 13,000 files
            tar_stream=4 * MEGABYTE,
        )

    def brief(self) -> "DistributionLimits":
        """Return limits that keep reading to one to three milliseconds, so that it needs no thread."""
        return self.light()._replace(
            members=min(self.members, 100),
            member_list=min(self.member_list, 32 * KILOBYTE),
            metadata=min(self.metadata, 32 * KILOBYTE),
            metadata_fields=min(self.metadata_fields, 40),
            metadata_head=min(self.metadata_head, 4 * KILOBYTE),
            tar_file=16 * KILOBYTE,
            tar_stream=64 * KILOBYTE,
        )


class UpstreamLimits(NamedTuple):
    """
    Bounds on requests to upstream.

    A page is fresh as long as upstream's ``Cache-Control`` says, within ``fresh_least`` and ``fresh_most``; an older
    one is answered while it is asked for again, one older than ``stale`` only when upstream doesn't answer.
    ``remembered`` is how long a failure is an answer. ``states``, ``found_files``, ``listings`` and ``recent_pages``
    bound the memory for pages: projects, requested files, bytes of whole listings and of pages.
    Pages up to ``page_at_once`` are read in the event loop. Files up to ``small_file`` are fetched whole, and
    ``unplaced`` bytes of them may wait for a slow disk; ``queued`` pieces of each larger one may.
    ``unsaved_pages`` bytes of pages are kept while the disk takes none.
    """

    connections_per_host: int = 32
    flights: int = 64
    page_size: int = 32 * MEGABYTE
    page_entries: int = 200_000
    page_at_once: int = MEGABYTE // 16
    metadata_size: int = 4 * MEGABYTE
    file_size: int = 8192 * MEGABYTE
    connect: float = 10.0
    silence: float = 30.0
    first_page: float = 30.0
    redirects: int = 5
    fresh_least: float = 300.0
    fresh_default: float = 600.0
    fresh_most: float = 1800.0
    stale: float = 7 * 86400.0
    remembered: float = 60.0
    remembered_page_failure: float = 5.0
    breaker_failures: int = 3
    breaker_pause: float = 30.0
    record_delay: float = 5.0
    page_memory: int = 16 * MEGABYTE
    file_memory: int = 4 * MEGABYTE
    kept_file: int = MEGABYTE // 16
    states: int = 20_000
    listings: int = MEGABYTE
    found_files: int = 4_000
    recent_pages: int = 4 * MEGABYTE
    remembered_owners: int = 50_000
    remembered_files: int = 10_000
    remembered_proxies: int = 1000
    small_file: int = MEGABYTE
    unplaced: int = 4 * MEGABYTE
    unsaved_pages: int = 8 * MEGABYTE
    queued: int = 8
    threads: int = 6
    admin_text: int = 1000
    admin_reason: int = 500
    admin_patience: float = 1800.0


class PageLimits(NamedTuple):
    """
    Bounds on the web pages.

    A longer ``readme`` is shown as text, and so is one that takes more than ``rendering`` or ``rendering_processor``
    seconds, or ``rendering_memory`` bytes, in its own process. ``reading`` is for one file. A page is answered without
    projects that take longer than ``patience`` to look at. ``field`` and ``entries`` are characters and values of
    metadata; of a summary, ``summary`` characters are kept, and lists show ``listed_summary``.
    """

    readme: int = 256 * KILOBYTE
    readme_html: int = 2 * MEGABYTE
    rendering: float = 20.0
    rendering_processor: int = 10
    rendering_memory: int = 1024 * MEGABYTE
    reading: float = 10.0
    patience: float = 0.5
    field: int = 1000
    entries: int = 500
    summary: int = 300
    listed_summary: int = 140
    keywords: int = 30
    members: int = 2000
    query: int = 100
    query_words: int = 8
    projects: int = 50
    recent: int = 10
    versions: int = 30
    files: int = 30
    dependents: int = 100
    details_memory: int = 16 * MEGABYTE
    made_memory: int = 32 * MEGABYTE


class Limits(NamedTuple):
    """
    The bounds that keep one client from using up the index.

    At most ``open_uploads`` uploads are open at a time; one account may have a quarter of them if others have waited
    ``upload_patience`` seconds. ``parallel_uploads`` of them may be at work at the same time. ``slowest_body`` is
    an average in bytes a second. One account has ``inspections_each`` of the threads that read uploads, and after
    SIGTERM they go on for ``inspection_grace``. Slow reading is done by ``helpers``: processes that are kept for
    ``helper_idle`` seconds. Failed logins are answered ``first_delay`` to ``longest_delay`` late, and forgotten after
    ``forgiven_after``. bcrypt looks at ``password`` bytes and no more, so longer ones are refused; the cost of the
    other kinds grows with the length. An entry whose hash costs more than ``hash_cost`` (bcrypt, a logarithm) or
    ``hash_rounds`` is locked, because no thread that verifies it can be stopped.
    """

    # requests
    head_size: int = 64 * KILOBYTE
    slow_head: float = 30.0
    body_size: int = 64 * KILOBYTE
    body_time: float = 30.0
    json_text: int = 1000
    json_depth: int = 8
    json_digits: int = 40
    slowest_body: int = 512
    idle_connection: int = 75
    grace: int = 120
    grace_in_background: int = 25
    stalled_download: float = 60.0
    # uploads
    upload_size: int = 2048 * MEGABYTE
    upload_name: int = 240
    form_parts: int = 5000
    form_part_head: int = 8 * KILOBYTE
    form_field: int = 4 * MEGABYTE
    form_fields: int = 8 * MEGABYTE
    signature: int = 64 * KILOBYTE
    parallel_uploads: int = 16
    open_uploads: int = 64
    upload_patience: float = 20.0
    stalled_upload: float = 60.0
    # work on received data
    inspections: int = 8
    inspections_each: int = max(1, _CORES // 2)
    waiting_inspections: int = 128
    inspection_patience: float = 60.0
    inspection_grace: float = 10.0
    helpers: int = max(2, _CORES)
    helper_idle: float = 60.0
    helper_memory: int = 1024 * MEGABYTE
    hashing_threads: int = 4
    # names and texts
    project_name: int = 240
    account_name: int = 128
    password_minimum: int = 8
    password: int = 72
    other_password: int = 1024
    hash_cost: int = 16
    hash_rounds: int = 1_000_000
    credentials: int = 8 * KILOBYTE
    yank_reason: int = 500
    reason_phrase: int = 300
    # logins
    login_patience: float = 10.0
    login_threads: int = max(1, min(4, _CORES // 2))
    waiting_logins: int = 256
    waiting_in_a_lane: int = 64
    lanes: int = 4096
    first_delay: float = 0.1
    longest_delay: float = 3.0
    forgiven_after: float = 300.0
    remembered_for: float = 300.0
    remembered_pairs: int = 4096
    accounts_file: int = 64 * MEGABYTE
    # pypiserver's routes
    legacy_requests: int = 4
    legacy_requests_each: int = 1
    waiting_legacy_requests: int = 64
    legacy_patience: float = 10.0
    search_elements: int = 100  # of a call of XML-RPC; pip's has fourteen
    search_results: int = 100
    # memory, log
    page_memory: int = 64 * MEGABYTE
    file_memory: int = 32 * MEGABYTE
    repeat_memory: int = 8 * MEGABYTE
    log_lines: int = 10_000
    # in groups
    distributions: DistributionLimits = DistributionLimits()
    upstream: UpstreamLimits = UpstreamLimits()
    pages: PageLimits = PageLimits()

    def divided(self, workers: int) -> "Limits":
        """Return the bounds of one of several processes, which share the machine's memory and cores."""
        return self._replace(
            page_memory=self.page_memory // workers,
            file_memory=self.file_memory // workers,
            repeat_memory=self.repeat_memory // workers,
            inspections=max(1, self.inspections // workers),
            hashing_threads=max(1, self.hashing_threads // workers),
            login_threads=max(1, self.login_threads // workers),
        )


LIMITS = Limits()
"""Default limits."""
