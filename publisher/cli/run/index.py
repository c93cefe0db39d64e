"""Starting the index, where the extra ``[server]`` is installed."""

from importlib.util import find_spec

from publisher.cli.options.server import ServeArgs
from publisher.errors import ConfigurationError
from publisher.project.own_install import own_requirement


def run_index(args: ServeArgs) -> None:
    """Serve until a signal arrives; raise ConfigurationError where the index is not installed."""
    if find_spec("uvicorn") is None or find_spec("pypiserver") is None:
        raise ConfigurationError("The index is not installed.", hint=f"uv tool install {own_requirement('server')}")
    from publisher.cli.run.admin.serving import serve_index  # needs the extra [server]

    serve_index(args)
