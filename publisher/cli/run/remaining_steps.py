"""The steps that remain after `init`, which only a person can take."""

import shlex
from urllib.parse import quote

from publisher.github.identity import GitHubIdentity, find_identity
from publisher.github.init import InitOptions, Repository
from publisher.github.provenance import ActionRef
from publisher.github.workflow import PATH

_STEPS = """\
Written. Remaining steps:

  1. Let GitHub find the action: {action} must exist there, at commit
     {commit}. If you have no copy yet:
       git clone --mirror URL-OF-THIS-PROJECT copy.git
       git -C copy.git push --mirror https://github.com/{action}.git
     If it is private, allow access to it: Settings > Actions > General > Access.
  2. Create the environment, and allow only tags in its Settings (Deployment branches and tags):
       gh api --method PUT repos/{{owner}}/{{repo}}/environments/{environment} --silent
{credentials}
  {commit_step}
  4. Release:
       git tag {tag} && git push origin {tag}"""


def remaining_steps(repository: Repository, action: ActionRef, options: InitOptions) -> str:
    """Return the steps, with the commands to paste."""
    install = "; then everyone who commits runs\n       pre-commit install --install-hooks" if options.hooks else "."
    return _STEPS.format(
        action=action.repository,
        commit=action.commit,
        environment=quote(options.environment, safe=""),
        commit_step=f"3. Commit and push the new files{install}",
        credentials=_secrets(options) if options.secrets else _trust(repository, options),
        tag=shlex.quote(_example_tag(repository, options.tag_prefix)),
    )


def _secrets(options: InitOptions) -> str:
    environment = shlex.quote(options.environment)
    names = ("PYPI_PUBLISH_USERNAME", "PYPI_PUBLISH_PASSWORD")
    return "\n".join(f"       gh secret set {name} --env {environment}" for name in names)


def _trust(repository: Repository, options: InitOptions) -> str:
    """Return the command by which the index trusts the workflow, with the repository's numbers as far as known."""
    identity = find_identity(repository.root) or GitHubIdentity("OWNER/REPOSITORY")
    names = [str(source.name) for source in repository.sources if source.name] or ["NAME"]
    words = ["pypi-publish", "trust", "add", "github", identity.repository, "--workflow", PATH.rpartition("/")[2]]
    words += [word for name in names for word in ("--project", name)]
    words += ["--environment", options.environment]
    if identity.repository_id and identity.owner_id:
        words += ["--repository-id", identity.repository_id, "--owner-id", identity.owner_id]
    return (
        "     No secret: let the index trust the workflow (--create for a project that it does not have yet):\n"
        f"       {shlex.join(words)}"
    )


def _example_tag(repository: Repository, prefix: str | None) -> str:
    """Return a tag that publishes: of the one project, else of the first with a name, which the tag has to hold."""
    named = [source for source in repository.sources if source.name]
    source = (named or repository.sources)[0]
    version = source.version or "1.0.0"
    if prefix:
        return f"{prefix}{version}"
    tag = f"v{version}"
    return tag if len(repository.sources) == 1 or not named else f"{source.name}-{tag}"
