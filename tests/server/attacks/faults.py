"""Faults of disks and files: each stays where it is. Unread logs are in ``tests/server/http/test_log.py``."""

import os
import signal
from pathlib import Path

from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.waiting import eventually
from tests.server.attacks.attacked import Attack, Attacked


def lost_disk(it: Attacked) -> None:
    """Whatever is asked while the disk is gone leaves nothing on the bare mount point, and is not acknowledged."""
    root, away = it.index.root, it.index.root.with_name("away")
    root.rename(away)
    root.mkdir()
    try:
        client = it.client()
        assert client.get("health").status_code == 503
        assert client.request("PUT", "projects/quiet/1.0/yanked", json={"reason": "x"}).status_code == 503
        assert client.request("DELETE", "projects/quiet/1.0").status_code == 503
        assert client.upload(make_wheel(it.folder, "meanwhile")).status_code == 503
        assert client.get("simple/unknown/").status_code == 503
        assert list(root.iterdir()) == []
    finally:
        root.rmdir()
        away.rename(root)
    assert eventually(lambda: client.get("health").status_code == 200)


def odd_files(it: Attacked) -> None:
    """Links, pipes, names and records that can't be read, each with the name of a project."""
    root = it.index.root
    facts = root / ".pypi-publish" / "facts"
    made: list[Path] = []

    def link(name: str, target: str) -> None:
        made.append(root / name)
        made[-1].symlink_to(target)

    link("loop-1.0.tar.gz", "loop-1.0.tar.gz")
    link("outside-1.0.tar.gz", "/etc/passwd")
    link("nowhere-1.0.tar.gz", "/nowhere")
    link("devices-1.0.tar.gz", "/dev/zero")
    made.append(root / "pipe-1.0.tar.gz")
    os.mkfifo(made[-1])
    made.append(Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9-1.0.tar.gz")))
    made[-1].write_bytes(b"no archive")
    made.append(make_wheel(root, "badrecord"))
    made.append(facts / "badrecord.jsonl")
    made[-1].write_bytes(b"\xff\0{[")
    made.append(make_sdist(root, "truncated"))
    made[-1].write_bytes(made[-1].read_bytes()[:-10])
    client = it.client()
    try:
        listed = client.get("simple/").text
        assert "quiet" in listed
        for name in ("loop", "outside", "nowhere", "devices", "pipe", "badrecord", "truncated"):
            assert client.get(f"simple/{name}/").status_code in {200, 404}, name
        assert client.get("packages/pipe-1.0.tar.gz").status_code == 404
        assert client.get("packages/loop-1.0.tar.gz").status_code == 404
        assert client.get("packages/devices-1.0.tar.gz").status_code == 404
        assert client.get("health").status_code == 200
    finally:
        for path in made:
            path.unlink(missing_ok=True)


def copied_files(it: Attacked) -> None:
    """Large files that are copied in, whose pages are asked for at once."""
    client = it.client()
    block = os.urandom(2**20)
    made = [it.index.root / f"copied{number}-1.0.tar.gz" for number in range(8)]
    try:
        for path in made:
            path.write_bytes(block * 8)
        for path in made:
            assert client.get(f"simple/{path.name.partition('-')[0]}/").status_code == 200
    finally:
        for path in made:
            path.unlink()


def reloads(it: Attacked) -> None:
    for _ in range(50):
        it.index.process.send_signal(signal.SIGHUP)
        assert it.client().get("simple/quiet/").status_code == 200


def looks_at_health(it: Attacked) -> None:
    for _ in range(300):
        assert it.get("health") == 200


FAULTS = {
    "a lost disk": Attack(lost_disk, 1, 20, repeated=False),
    "links, pipes, names and records": Attack(odd_files, 1, 40, repeated=False),
    "copied files": Attack(copied_files, 2, 60),
    "reloads": Attack(reloads, 2, 20),
    "looks at health": Attack(looks_at_health, 2, 20),
}
