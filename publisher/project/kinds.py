"""The kinds of distributions."""

import enum


class Kind(enum.StrEnum):
    """The kinds of distribution, named as the upload form's field ``filetype`` names them."""

    WHEEL = "bdist_wheel"
    SDIST = "sdist"
