"""Reading a file within limits, and validating the fields of an upload."""

import hashlib
import re
from collections.abc import Iterable

from packaging.requirements import InvalidRequirement
from packaging.specifiers import InvalidSpecifier

from publisher.errors import InvalidDistributionError
from publisher.limits import DistributionLimits
from publisher.project.archives import Checkpoint, Source, read_zip
from publisher.project.dependencies import parse_requirement, parse_specifiers
from publisher.project.distributions import read_distribution
from publisher.project.kinds import Kind

_WHITE_SPACE = re.compile(r"\s+")


def read_upload(
    source: Source, filename: str, *, limits: DistributionLimits, checkpoint: Checkpoint
) -> dict[str, str | None]:
    """
    Return ``requires_python``, and ``metadata_sha256`` of a wheel; ``problem`` says which field installers can't read.

    Raises InvalidDistributionError for a file that contradicts its name.
    """
    distribution = read_distribution(source, filename, checkpoint, limits)
    requires_python = _one_line(distribution.requires_python or "").strip("'\"")
    problem = _problem(distribution.fields.get("requires_dist", []), requires_python, checkpoint)
    wheel = distribution.kind is Kind.WHEEL
    digest = hashlib.sha256(distribution.metadata).hexdigest() if wheel else None
    return {"requires_python": requires_python or None, "metadata_sha256": digest, "problem": problem}


def read_wheel_metadata(source: Source, *, limits: DistributionLimits, checkpoint: Checkpoint) -> str:
    """Return a wheel's METADATA, a character for each byte; raise InvalidDistributionError for none."""
    found = read_zip(source, lambda names: [name for name in names if _is_metadata(name)][:1], checkpoint, limits)
    if not found.picked:
        raise InvalidDistributionError("the wheel has no METADATA")
    return next(iter(found.picked.values())).decode("latin-1")


def _is_metadata(name: str) -> bool:
    folder, _, rest = name.partition("/")
    return folder.endswith(".dist-info") and rest == "METADATA"


def _problem(requires_dist: Iterable[str], requires_python: str, checkpoint: Checkpoint) -> str | None:
    """Return the problem of the requirements, None without one."""
    for text in requires_dist:
        checkpoint()
        if not _one_line(text).isprintable():  # any character may follow ===, directions of writing too
            return f"Requires-Dist {text[:200]!a} has characters that can't be seen."
        try:
            parse_requirement(_one_line(text))
        except InvalidRequirement as error:
            return f"Requires-Dist {text[:200]!r} is not valid: {str(error).splitlines()[0]}."
    try:
        valid = requires_python.isascii() and parse_specifiers(requires_python) is not None
    except InvalidSpecifier:
        valid = False
    if not valid:
        return f"Requires-Python {requires_python[:200]!r} is not valid: expected something like '>=3.11'."
    return None


def _one_line(text: str) -> str:
    """Return a field that was folded as one line."""
    return _WHITE_SPACE.sub(" ", text).strip()
