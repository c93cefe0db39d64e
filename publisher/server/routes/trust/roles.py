"""Roles of accounts and maintainers of projects over HTTP."""

from publisher.server.auth.access.changes import InvalidRoleError, RoleChanges
from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.errors import InvalidAccountError, PasswordNeededError
from publisher.server.auth.principal import PrincipalKind
from publisher.server.auth.rules import check_name
from publisher.server.http.json_body import JsonBody, JsonKey, JsonKind
from publisher.server.http.messages import HttpError, Request, Response, json_response
from publisher.server.names.filenames import is_name, normalize
from publisher.server.routes.authorization import principal_of
from publisher.server.routes.trust.oversight import Oversight
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.maintainers import Maintainers

NEW_ROLE = JsonBody(
    {
        "name": JsonKey(JsonKind.TEXT, required=True),
        "role": JsonKey(JsonKind.TEXT, required=True),
        "project": JsonKey(JsonKind.TEXT),
    }
)
NEW_OWNERS = JsonBody(dict.fromkeys(("add", "remove"), JsonKey(JsonKind.TEXT, nullable=True)))


class RoleRoutes:
    """Answers ``/-/roles`` and ``/-/owners/NAME``."""

    def __init__(
        self,
        roles: RoleChanges,
        maintainers: Maintainers,
        catalog: PackageCatalog,
        authenticator: Authenticator,
        oversight: Oversight,
    ) -> None:
        self._authenticator = authenticator
        self._roles = roles
        self._maintainers = maintainers
        self._catalog = catalog
        self._oversight = oversight

    async def set_role(self, request: Request, _rest: str = "") -> Response:
        """Give a user or group a role on a project pattern, or take it away."""
        name, role, project = request.json["name"], request.json["role"], request.json.get("project", "*")
        try:
            check_name(name.removeprefix("@"))
            maintained = frozenset() if name.startswith("@") else await self._maintainers.projects_of(name)
            known = name.startswith("@") or await self._authenticator.knows(name)
            wider = await self._roles.set_role(name, role, project, sorted(maintained))
        except (InvalidAccountError, InvalidRoleError) as error:
            raise HttpError(422, str(error)) from error
        await self._oversight.record(request, "role-set", account=name, role=role, pattern=project)
        rules = [rule.as_json() for rule in wider]
        return json_response({"name": name, "role": role, "project": project, "known": known, "wider": rules})

    async def owners(self, _request: Request, path: str) -> Response:
        """List the maintainers in a project's record."""
        project = _project(path)
        return json_response({"project": project, "maintainers": sorted(await self._maintainers.of(project))})

    async def change_owners(self, request: Request, path: str) -> Response:
        """Add or remove a maintainer, with a password or the admin token."""
        principal = principal_of(request)
        if not principal.is_person and principal.kind is not PrincipalKind.ADMIN_TOKEN:
            raise PasswordNeededError
        project = _project(path)
        if await self._catalog.find(project) is None:
            raise HttpError(404, f"This index has no project {project[:80]}.")
        added, removed = request.json.get("add", ""), request.json.get("remove", "")
        if bool(added) == bool(removed):
            raise HttpError(422, "The JSON object needs one of the keys 'add' and 'remove'.")
        try:
            check_name(added or removed)
        except InvalidAccountError as error:
            raise HttpError(422, str(error)) from error
        if added and not await self._authenticator.knows(added):
            raise HttpError(404, f"Unknown user {added}.")
        if added:
            await self._maintainers.add(project, added, principal.name)
        elif not await self._maintainers.remove(project, removed):
            raise HttpError(404, f"{removed} is not a maintainer of {project}.")
        what = "owner-added" if added else "owner-removed"
        await self._oversight.record(request, what, project, account=added or removed)
        return await self.owners(request, project)


def _project(path: str) -> str:
    """Return the project of a path; raise HttpError 404 for more than a name, whose right was not asked for."""
    project = normalize(path)
    if not is_name(project):
        raise HttpError(404, "Name a project as /-/owners/NAME.")
    return project
