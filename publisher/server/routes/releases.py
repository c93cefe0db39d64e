"""Yanking and deleting releases over HTTP, with the right to manage."""

from publisher.limits import LIMITS
from publisher.server.http.json_body import JsonBody, JsonKey, JsonKind
from publisher.server.http.messages import HttpError, Request, Response, json_response
from publisher.server.names.filenames import normalize
from publisher.server.routes.authorization import principal_of
from publisher.server.routes.own_client import require_client_uploader
from publisher.server.routes.trust.oversight import Oversight
from publisher.server.store.interface import PackageChanges

YANK = JsonBody({"reason": JsonKey(JsonKind.TEXT)}, optional=True)


class ReleaseRoutes:
    """Answers PUT and DELETE requests below ``/projects/``."""

    def __init__(self, changes: PackageChanges, oversight: Oversight) -> None:
        self._changes = changes
        self._oversight = oversight

    async def put(self, request: Request, path: str) -> Response:
        """Yank a release: ``NAME/VERSION/yanked``."""
        name, version, rest = _parts(path)
        if rest != "yanked":
            raise HttpError(
                405, "Send DELETE to delete the release, or PUT to .../yanked to yank it.", [(b"allow", b"DELETE")]
            )
        require_client_uploader(name, principal_of(request))
        reason = request.json.get("reason", "")
        if len(reason) > LIMITS.yank_reason or not reason.isprintable():
            raise HttpError(422, f"The reason must be one line of at most {LIMITS.yank_reason} characters.")
        files = await self._changes.yank(name, version, reason, request.username)
        await self._oversight.record(request, "yank", name, version=version, reason=reason, files=files)
        return json_response({"project": name, "version": version, "status": "yanked", "files": files})

    async def delete(self, request: Request, path: str) -> Response:
        """Delete a release or a file of it, ``NAME/VERSION[/FILE]``, or undo a yank, ``NAME/VERSION/yanked``."""
        name, version, rest = _parts(path)
        require_client_uploader(name, principal_of(request))
        if rest == "yanked":
            files = await self._changes.unyank(name, version)
            await self._oversight.record(request, "unyank", name, version=version, files=files)
            return json_response({"project": name, "version": version, "status": "unyanked", "files": files})
        files = await self._changes.delete(name, version, rest, request.username)
        await self._oversight.record(request, "delete", name, version=version, files=files)
        return json_response({"project": name, "version": version, "status": "deleted", "files": files})


def _parts(path: str) -> tuple[str, str, str | None]:
    """Return normalized name, version and the rest of a path; raise HttpError 404 for one without a release."""
    name, version, *rest = path.split("/") if path.count("/") in {1, 2} else ("", "")
    if not name or not version:
        raise HttpError(404, "Name a release as /projects/NAME/VERSION.")
    return normalize(name), version, rest[0] if rest else None
