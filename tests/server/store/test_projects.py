"""The names of a project's files by their identity, while files come and go."""

from publisher.server.store.projects import Project


def test_the_spellings_of_an_identity_follow_the_files() -> None:
    project = Project("acme")
    assert project.place("acme-1.0.tar.gz", "/one")
    assert project.spellings("acme-1.0.0.tar.gz") == ["acme-1.0.tar.gz"]
    assert project.place("acme-1.0.0.tar.gz", "/one")
    assert not project.place("acme-1.0.tar.gz", "/other")
    assert project.spellings("acme-1.0.0.tar.gz") == ["acme-1.0.tar.gz", "acme-1.0.0.tar.gz"]
    project.displace("acme-1.0.tar.gz")
    assert project.spellings("acme-1.0.tar.gz") == ["acme-1.0.0.tar.gz"]
    assert project.spellings("acme-2.0.tar.gz") == []
    project.displace("acme-1.0.0.tar.gz")
    assert project.spellings("acme-1.0.0.tar.gz") == []
