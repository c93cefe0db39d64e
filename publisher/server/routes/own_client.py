"""The index's own client: the accounts that may change it, and the lines that install it."""

from publisher.server.auth.principal import Principal, Right
from publisher.server.http.messages import HttpError, Request
from publisher.server.names.filenames import normalize
from publisher.server.names.versions import newest_first
from publisher.server.routes.rendering.projects import file_url
from publisher.server.settings import CLIENT_NAME
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.projects import StoredFile


def require_client_uploader(project: str, principal: Principal) -> None:
    """
    Return when a sender may change a project; raise HttpError 403 for the client's from everyone but its uploaders.

    People run the client with their passwords at hand, so the right to publish anything is not enough for it.
    """
    if normalize(project) == CLIENT_NAME and not principal.may(Right.PUBLISH, CLIENT_NAME):
        raise HttpError(
            403,
            f"The name {CLIENT_NAME} is reserved for this index's own client. "
            f"Its admin can allow an account: serve --client-uploader {principal.account or 'NAME'}.",
        )


async def find_client(catalog: PackageCatalog) -> StoredFile | None:
    """Return the wheel of the client's newest release that is not yanked, None if this index has none."""
    project = catalog.project(CLIENT_NAME)
    if project is None:
        return None
    files = await catalog.files(project)
    wheels = [file for file in files.values() if file.filename.endswith(".whl") and file.yanked is None]
    return {file.version: file for file in wheels}[newest_first(file.version for file in wheels)[0]] if wheels else None


def client_lines(request: Request, wheel: StoredFile) -> tuple[str, str]:
    """
    Return the lines that install a wheel of the client, with uv and with pip.

    They name its URL: uv takes a package from a public index when a private one that is named has none, and pip when
    its version is higher.
    """
    requirement = f"'{CLIENT_NAME} @ {request.origin}{file_url(wheel, request.root_path)}'"
    login = f"pypi-publish login --index-url {request.base_url}"
    uv = f"uv auth login {request.origin}\nuv tool install --with-executables-from keyring {requirement}\n{login}"
    folder = '"$HOME/.local/share/pypi-publish"'
    pip = (
        f"python3 -m venv {folder}\n{folder}/bin/pip install {requirement}\n"
        f'export PATH="$PATH:$HOME/.local/share/pypi-publish/bin"\n{login}'
    )
    return uv, pip
