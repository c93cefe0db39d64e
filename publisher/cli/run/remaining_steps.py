"""The steps that remain after `init`, which only a person can take."""

import shlex
from urllib.parse import quote

from publisher.github.init import InitOptions, Repository
from publisher.github.provenance import ActionRef

_STEPS = """\
Written. The steps that remain:

  1. Let GitHub find the action: {action} must exist there, at commit
     {commit}. If you have no copy yet:
       git clone --mirror URL-OF-THIS-PROJECT copy.git
       git -C copy.git push --mirror https://github.com/{action}.git
     If it is private: its Settings, Actions, General, Access.
  2. Create the environment that holds the account, which only tags may use:
       gh api --method PUT repos/{{owner}}/{{repo}}/environments/{environment} --silent
       gh secret set PYPI_PUBLISH_USERNAME --env {quoted}
       gh secret set PYPI_PUBLISH_PASSWORD --env {quoted}
  {commit_step}
  4. Release:
       git tag {tag} && git push origin {tag}"""


def remaining_steps(repository: Repository, action: ActionRef, options: InitOptions) -> str:
    """Return the steps, with the commands to paste."""
    install = "; everybody who commits then runs\n       pre-commit install --install-hooks" if options.hooks else "."
    return _STEPS.format(
        action=action.repository,
        commit=action.commit,
        environment=quote(options.environment, safe=""),
        quoted=shlex.quote(options.environment),
        commit_step=f"3. Commit and push the new files{install}",
        tag=shlex.quote(_example_tag(repository, options.tag_prefix)),
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
