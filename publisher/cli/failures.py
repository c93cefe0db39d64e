"""Every failure as one message and one exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from publisher.cli.display.output import Output
from publisher.cli.system_failures import SystemFailureError, explain_system_failure
from publisher.errors import BuildFailedError, ConfigurationError, PublishError, StoppedError


@contextmanager
def exit_on_failure(ctx: click.Context) -> Iterator[None]:
    """Report a failure of the block and exit with its code; click's own failures pass through."""
    output = ctx.ensure_object(Output)
    try:
        yield
    except PublishError as error:
        _report(error, output)
        ctx.exit(error.exit_code)
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except KeyboardInterrupt:
        _report(StoppedError("Interrupted."), output)
        ctx.exit(StoppedError.exit_code)
    except OSError as error:
        _report(explain_system_failure(error), output)
        ctx.exit(SystemFailureError.exit_code)
    except Exception as error:
        if output.shows_tracebacks:
            raise
        import traceback

        reason = traceback.format_exception_only(error)[-1].strip()
        _report(
            PublishError(f"Unexpected failure: {reason}", hint="Run it again with -vv for a traceback, and report it."),
            output,
        )
        ctx.exit(PublishError.exit_code)


@contextmanager
def exit_on_outer_failure() -> Iterator[None]:
    """Report failures outside a command like those inside: wrong usage (2), Ctrl-C at a prompt (130), the system's."""
    try:
        yield
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        output = (context.find_object(Output) if context else None) or Output()
        hint = f"`{context.command_path} --help` lists arguments and options." if context else None
        _report(ConfigurationError(error.format_message(), hint=hint), output)
        raise SystemExit(error.exit_code) from None
    except click.Abort:
        click.echo(err=True)  # the prompt's line ends here
        _report(StoppedError("Interrupted."), Output())
        raise SystemExit(StoppedError.exit_code) from None
    except OSError as error:  # an output can't be written
        _report(explain_system_failure(error), Output())
        raise SystemExit(SystemFailureError.exit_code) from None


def _report(error: PublishError, output: Output) -> None:
    """Print a failure for people to stderr and, with ``--json``, for programs to stdout."""
    if output.shows_tracebacks:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, BuildFailedError) and error.output and not output.shows_build_output:
        output.block(error.output)
    output.failure(error)
    if output.as_json:
        import json

        payload = {"exit-code": error.exit_code, "title": error.title, "message": error.message, "hint": error.hint}
        output.result(json.dumps({"error": payload}, indent=2))
