"""The projects visible to the sender of the request that pypiserver is answering."""

from contextvars import ContextVar

from publisher.server.routes.authorization import ReadScope

READ_SCOPE: ContextVar[ReadScope] = ContextVar("read scope")
"""Set for each request; there is no default, so that nothing is shown where it was forgotten."""
