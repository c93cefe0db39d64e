"""Administering public packages, over the network or in the folders of an index on this machine."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import click

from publisher.cli.display.output import current_output
from publisher.cli.options.public_packages import PublicPackagesArgs
from publisher.cli.run.admin.connection import named_index
from publisher.cli.run.admin.extras import require_server
from publisher.client.public_packages import PublicPackagesClient
from publisher.errors import IndexUnavailableError
from publisher.project.display import human_size


class PublicPackages(Protocol):
    """The public packages of an index, wherever it is."""

    def show(self, path: str) -> dict[str, Any]:
        """Answer ``projects`` or ``why/NAME/VERSION``."""

    def change(self, path: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Send the command that the path names."""


def list_cached(place: PublicPackagesArgs) -> None:
    """Print the cached projects to stdout, the rest to stderr."""
    with _open(place) as packages:
        found = packages.show("projects")
    output = current_output()
    for upstream in found["upstreams"]:
        output.say(f"{upstream['url']}: {upstream['status']}{_after(': ', upstream.get('reason', ''))}")
    for allowance in found["allowed"]:
        output.say(f"allowed until {allowance['until']}: {_pin(allowance)} ({allowance['reason']})")
    for claim in found["claimed"]:
        output.say(f"claimed: {claim['name']}{_after(', hides ', claim['hides'])}")
    _print(found, [_cached(each) for each in found["projects"]])


def _cached(project: Mapping[str, Any]) -> str:
    return f"{project['name']}  {_count(project['files'], 'file')}  {human_size(project['bytes'])}"


def explain(place: PublicPackagesArgs, requirement: str) -> None:
    """Print why files are passed on or not."""
    name, version = _split(requirement)
    with _open(place) as packages:
        found = packages.show(f"why/{name}/{version}" if version else f"why/{name}")
    current_output().say(found["reason"])
    _print(found, [_explained(file) for file in found["files"]])


def _explained(file: Mapping[str, Any]) -> str:
    """Return a line about a file; most reasons begin with its name."""
    reason = "passed on" if file["passed-on"] else str(file["reason"])
    return reason if reason.startswith(file["filename"]) else f"{file['filename']}  {reason}"


def allow_early(
    place: PublicPackagesArgs, requirement: str, *, until: str | None, reason: str | None, remove: bool
) -> None:
    """Add or remove an exception from the cooldown."""
    name, version = _split(requirement)
    if not remove and not (until and reason):
        raise click.UsageError("An exception needs --until DATE and --reason TEXT.")
    with _open(place) as packages:
        if remove:
            found = packages.change("disallow", {"name": name, "version": version})
            current_output().say(f"Removed {_count(found['removed'], 'exception')} for {requirement}.")
        else:
            found = packages.change(
                "allow", {"name": name, "version": version, "until": until or "", "reason": reason or ""}
            )
            current_output().say(f"{_pin(found)} is passed on until {found['until']}, whatever its age.")
    _print(found, [])


def list_claims(place: PublicPackagesArgs) -> None:
    """Print the private names that exist publicly."""
    output = current_output()
    output.say("Asking upstream for your private names, except reserved ones.")
    with _open(place) as packages:
        found = packages.change("claims", {})
    output.say(f"Public names: {len(found['claims'])} of {found['asked']}.")
    _print(found, [f"{each['name']}  {each['hides']}" for each in found["claims"]])


def claim_name(place: PublicPackagesArgs, name: str) -> None:
    """Allow that a public name is published here."""
    with _open(place) as packages:
        found = packages.change("claim", {"name": name})
    hides = f"it hides {found['hides']}" if found["hides"] else "no public project has it"
    current_output().say(f"{found['name']} may be published here; {hides}.")
    _print(found, [])


def warm_cache(place: PublicPackagesArgs, lock_file: Path) -> None:
    """Fetch and pin all files of a lock file; raises IndexUnavailableError when some could not be had."""
    pinned = _here().read_pinned(lock_file)
    output, results = current_output(), []
    with _open(place, cache_alone=True) as packages:
        for number, package in enumerate(pinned, 1):
            values = {"name": package.name, "version": package.version, "digests": sorted(package.digests)}
            found = packages.change("warm", {**values, "set": lock_file.name})
            results.append(found)
            state = "private" if found.get("owned") else _count(len(found["files"]), "file")
            output.say(f"[{number}/{len(pinned)}] {package.name} {package.version}: {state}")
            for filename, reason in found["failed"].items():
                output.say(f"  {filename}: {reason}")
    failed = [filename for found in results for filename in found["failed"]]
    _print({"packages": results}, [])
    if failed:
        raise IndexUnavailableError(
            f"{_count(len(failed), 'file')} could not be fetched.",
            hint="Run the same command again: it is safe to repeat.",
        )


def refresh_page(place: PublicPackagesArgs, name: str) -> None:
    """Ask upstream for a page."""
    with _open(place) as packages:
        found = packages.change("refresh", {"name": name})
    files = _count(found["files"], "file")
    current_output().say(f"{found['name']} has {files} upstream; page checked at {found['confirmed']}.")
    _print(found, [])


def remove_cached(place: PublicPackagesArgs, name: str) -> None:
    """Remove a project from the cache."""
    with _open(place) as packages:
        found = packages.change("remove", {"name": name})
    current_output().say(f"Removed {found['name']} with {_count(found['files'], 'file')} from the cache.")
    _print(found, [])


@contextmanager
def _open(place: PublicPackagesArgs, *, cache_alone: bool = False) -> Iterator[PublicPackages]:
    if place.root is not None or (cache_alone and place.admin_url is None and place.upstream_cache is not None):
        with _here().opened(place) as packages:
            yield packages
        return
    client = PublicPackagesClient(*named_index(place.admin_url, "--root DIR"))
    try:
        yield client
    finally:
        client.close()


def _here() -> ModuleType:
    """Return the module that opens folders of this machine; raise ConfigurationError without the extra ``[server]``."""
    require_server()
    from publisher.cli.run.admin import upstream_here  # needs the extra [server]

    return upstream_here


def _print(found: Any, lines: list[str]) -> None:
    """Print to stdout: all of it as JSON, or the lines."""
    if current_output().as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for line in lines:
            click.echo(line)


def _split(requirement: str) -> tuple[str, str]:
    name, _, version = requirement.partition("==")
    return name.strip(), version.strip()


def _pin(allowance: Mapping[str, str]) -> str:
    return f"{allowance['name']}=={allowance['version']}" if allowance["version"] else allowance["name"]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _after(separator: str, text: str) -> str:
    return separator + text if text else ""
