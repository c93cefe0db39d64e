"""Yanking and deleting what was published, over HTTP with the right to update."""

from publisher.server.http.messages import HttpError, Request, Response, json_response
from publisher.server.names.filenames import normalize
from publisher.server.store.changes import ReleaseChanges

REASON_LIMIT = 500
"""Characters that the reason for a yank may have."""


class ReleaseRoutes:
    """Answers PUT and DELETE requests below ``/projects/``."""

    def __init__(self, changes: ReleaseChanges) -> None:
        self._changes = changes

    async def answer(self, request: Request, path: str) -> Response:
        """
        Change a release or a file.

        ``PUT`` and ``DELETE NAME/VERSION/yanked`` yank and unyank; ``DELETE NAME/VERSION[/FILE]`` deletes.
        """
        name, version, *rest = path.split("/") if path.count("/") in {1, 2} else ("", "")
        if not name or not version:
            raise HttpError(404, "Name a release as /projects/NAME/VERSION.")
        name = normalize(name)
        if rest == ["yanked"]:
            return await self._yank(request, name, version)
        if request.method != "DELETE":
            raise HttpError(405, "A release can be deleted here, and yanked at .../yanked.", [(b"allow", b"DELETE")])
        filename = rest[0] if rest else None
        files = await self._changes.delete(name, version, filename, request.username)
        return json_response({"project": name, "version": version, "status": "deleted", "files": files})

    async def _yank(self, request: Request, name: str, version: str) -> Response:
        if request.method == "DELETE":
            files = await self._changes.unyank(name, version)
            return json_response({"project": name, "version": version, "status": "unyanked", "files": files})
        reason = (await request.json_object()).get("reason", "") if request.header(b"content-length") != "0" else ""
        if not isinstance(reason, str) or len(reason) > REASON_LIMIT or not reason.isprintable():
            raise HttpError(422, f"The reason must be one line of at most {REASON_LIMIT} characters.")
        files = await self._changes.yank(name, version, reason, request.username)
        return json_response({"project": name, "version": version, "status": "yanked", "files": files})
