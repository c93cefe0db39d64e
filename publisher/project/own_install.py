"""Install lines for this program itself, which name where it comes from and never its bare name."""

OWN_NAME = "pypi-publish"

_SOURCE = "git+https://github.com/OWNER/REPOSITORY@TAG"
"""On a public index the bare name is anybody's to register, so no line asks one for it."""


def own_requirement(extra: str = "") -> str:
    """Return a quoted requirement for this program with an extra; the reader replaces the words in capitals."""
    return f"'{OWN_NAME}{f'[{extra}]' if extra else ''} @ {_SOURCE}'"


INSTALL_WITH_KEYRING = (
    f"`make install` in a clone, or uv tool install --with-executables-from keyring {own_requirement()}"
)
