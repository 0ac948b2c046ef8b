"""Errors as instructions: each name tells the runtime what to do."""


class IntegrationError(Exception):
    """Base of what can go wrong with a connection. The text is for people and holds no secret."""


class Refused(IntegrationError):
    """Login, certificate or permission refused: retry slowly, say why, wait for an edit."""


class Unreachable(IntegrationError):
    """No connection could be made: back off and try again, not before `retry_after` seconds where the other side said so."""

    def __init__(self, text: str = "", *, retry_after: float = 0.0) -> None:
        self.retry_after = retry_after
        super().__init__(text)


class Disconnected(IntegrationError):
    """The connection was up and is gone: reconnect."""


class SendFailed(IntegrationError):
    """A message could not be sent; the node that sent it decides what follows."""


class SendUnknown(SendFailed):
    """Whether the message was sent is not known: the line was lost after it was handed over."""


class SendLater(SendFailed):
    """The line is not up and the message was not handed over: it may be sent later."""


class LeaseLost(IntegrationError):
    """Another process holds the integration now: stop at once and acknowledge nothing."""
