"""What a request can be answered with when it cannot be answered."""

from __future__ import annotations

import grpc

Code = grpc.StatusCode

_HTTP = {
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 412,
    Code.NOT_FOUND: 404,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
    Code.INTERNAL: 500,
    Code.CANCELLED: 499,
}


class ServingError(Exception):
    """An answer to a client, by gRPC or HTTP.

    Args:
        code: of gRPC.
        message: for whoever wrote the request.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    @property
    def http_status(self) -> int:
        """What REST answers with."""
        return _HTTP[self.code]


def invalid(message: str) -> ServingError:
    """The request itself is wrong."""
    return ServingError(Code.INVALID_ARGUMENT, message)
