"""Starting the index, where the extra ``[server]`` is installed."""

from publisher.cli.options.server import ServeArgs
from publisher.cli.run.admin.extras import require_server


def run_index(args: ServeArgs) -> None:
    """Serve until a signal arrives; raise ConfigurationError where the index is not installed."""
    require_server()
    from publisher.cli.run.admin.serving import serve_index  # needs the extra [server]

    serve_index(args)
