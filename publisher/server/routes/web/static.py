"""Style sheet and script of every page, open to everyone, and ``/robots.txt``."""

from publisher.server.http.messages import TEXT_TYPE, HttpError, Request, Response
from publisher.server.web.assets import by_url_name

_FOR_GOOD = (b"cache-control", b"public, max-age=31536000, immutable")


class StaticRoutes:
    """Answers below ``/-/static/``, and ``/robots.txt``."""

    async def answer(self, _request: Request, name: str) -> Response:
        """Return an asset; its name changes with its contents, so that browsers may keep it."""
        asset = by_url_name().get(name)
        if asset is None:
            raise HttpError(404, "This index has no such file.")
        return Response(200, asset.body, [(b"content-type", asset.content_type), _FOR_GOOD])

    async def robots(self, _request: Request, _rest: str) -> Response:
        """Ask robots to read nothing."""
        return Response(200, b"User-agent: *\nDisallow: /\n", [(b"content-type", TEXT_TYPE)])
