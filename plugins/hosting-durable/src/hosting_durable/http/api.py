"""Routing of the API, and what all requests have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hosting.bindings import host_logger
from hosting_durable.errors import InstanceExists, InvalidInstanceId, UnknownInstance, WrongState
from hosting_durable.http.entities import Entities
from hosting_durable.http.instances import Instances
from hosting_durable.http.requests import ApiReply, ApiRequest, BadRequest, error_reply
from hosting_durable.hub import TaskHub

_FAILED = "Something went wrong while processing your request"

_logger = host_logger("durable.http")


class DurableApi:
    """Replies to requests about one hub. Segments of paths ignore case; another method is 404, as in Azure.

    Args:
        hub: the hub, which is open when a request comes.
    """

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub
        self._instances = Instances(hub)
        self._entities = Entities(hub)

    async def answer(self, request: ApiRequest) -> ApiReply:
        """Reply to a request. No error is raised, except for a cancellation."""
        handler = self._handler(request)
        if handler is None:
            return error_reply(404, f"The API has no {request.method} /{'/'.join(request.segments)}.")
        hub = request.query.get("taskhub")
        if hub and hub.lower() != self._hub.name.lower():
            return error_reply(404, f"This app has the task hub '{self._hub.name}', not '{hub}'.")
        try:
            return await handler(request)
        except (BadRequest, InvalidInstanceId) as error:
            return error_reply(400, str(error), "System.ArgumentException")
        except UnknownInstance as error:
            return error_reply(404, error.message)
        except InstanceExists as error:
            return error_reply(409, error.message)
        except WrongState as error:
            return error_reply(410 if error.status.is_finished else 500, error.message)
        except Exception as error:
            _logger.exception("%s /%s of the task hub failed.", request.method, "/".join(request.segments))
            return error_reply(500, f"{_FAILED}: {error}", type(error).__name__)

    def _handler(self, request: ApiRequest) -> Callable[[ApiRequest], Awaitable[ApiReply]] | None:
        first = request.segments[0].lower() if request.segments else ""
        match first:
            case "orchestrators":
                return self._instances.starting(request)
            case "instances":
                return self._instances.handler(request)
            case "entities":
                return self._entities.handler(request)
            case "makeprimary":
                return _make_primary
        return None


async def _make_primary(_request: ApiRequest) -> ApiReply:
    """There is no app lease: each host of a hub works."""
    return ApiReply(200)
