"""The base of every view of the API: who asks, how often, what with; and how it is answered."""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import orjson
from pydantic import BaseModel
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from wegnology.lib.rest.bodies import JsonBody, validated
from wegnology.lib.rest.errors import NotFound, answer_error
from wegnology.lib.rest.operations import Operation, operation_of
from wegnology.lib.rest.parameters import Flags, nested, read_flags, read_query

M = TypeVar("M", bound=BaseModel)


class AlwaysJson(BaseContentNegotiation):
    """Whatever a client says it accepts, it gets JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the parser for the body's type; None refuses it."""
        kind = str(request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Return the one renderer."""
        return renderers[0], renderers[0].media_type


class JsonAnswer(BaseRenderer):
    """Writes JSON."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return the body."""
        return b"" if data is None else orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS)


class ApiView(APIView):
    """A view whose methods are declared by `operation`. What is not declared does not exist.

    `admit` is where layers above ask who may; it runs before the method, and refuses by raising.
    """

    renderer_classes = [JsonAnswer]
    parser_classes = [JsonBody]
    permission_classes = ()
    authentication_classes = ()
    throttle_classes = ()
    content_negotiation_class = AlwaysJson
    no_store: ClassVar[bool] = True

    operation: Operation
    flags: Flags
    parameters: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Read what every operation takes, then ask who may."""
        super().initial(request, *args, **kwargs)
        declared = operation_of(self, str(request.method))
        if declared is None:
            self.http_method_not_allowed(request, *args, **kwargs)
            return
        self.operation = declared
        if any("\0" in str(part) for part in kwargs.values()):
            raise NotFound("There is nothing at this address")
        self.admit(request, **kwargs)
        self.parameters = nested(request._request.GET)
        self.flags = read_flags(self.parameters)

    def admit(self, request: Request, **kwargs: Any) -> None:
        """Refuse by raising an `ApiError`."""

    def query(self, model: type[M]) -> M:
        """Return the query parameters as a model."""
        return read_query(model, self.parameters)

    def body(self, model: type[M]) -> M:
        """Return the body as a model."""
        return validated(model, self.request.data)

    def handle_exception(self, exc: Exception) -> Response:
        """Answer an exception."""
        response = answer_error(exc)
        response.exception = True
        if response.status_code == 401:
            response["WWW-Authenticate"] = "Bearer"
        return response

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Say which methods there are."""
        methods = [name for name in self.allowed_methods if operation_of(self, name)]
        return Response(status=204, headers={"Allow": ", ".join([*methods, "OPTIONS"])})

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Keep answers out of caches."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if self.no_store:
            answer["Cache-Control"] = "no-store"
        return answer


class NothingHere(ApiView):
    """What every unknown address is."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse."""
        raise NotFound("There is nothing at this address")
