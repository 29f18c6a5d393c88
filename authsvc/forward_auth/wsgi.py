"""WSGI middleware that answers forward requests itself, and passes all others on.

So nothing else can answer them: no middleware, no check of the host, no error page. Django's
handler and responses would also take a quarter of the time, and proxies wait for each answer. A
body is not looked at: some proxies announce that of their client's request and do not send it.
"""

import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from django.core.signals import request_finished

from accounts import request_context
from authsvc.forward_auth.answers import Answer, Question, answer, refused
from authsvc.middleware import context_of
from authsvc.paths import is_forward_auth, with_one_slash
from authsvc.server.chunked_bodies import Application

STATUS_LINES = {each: f"{each} {HTTPStatus(each).phrase}" for each in (200, 302, 401, 403)}

logger = logging.getLogger(__name__)


class ForwardAuthMiddleware:
    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not is_forward_auth(environ["PATH_INFO"]):
            return self.application(environ, start_response)
        status, headers, body = answer_safely(environ)
        headers["Content-Length"] = str(len(body))
        start_response(STATUS_LINES[status], [*headers.items()])
        return [body]


def answer_safely(environ: dict[str, Any]) -> Answer:
    """Return the answer in its request context; 403 also where none can be opened."""
    try:
        context = context_of(environ)
        with request_context.use(context):
            answered = answer(Question(environ, with_one_slash(environ["PATH_INFO"])))
        request_finished.send(sender=ForwardAuthMiddleware)  # the connection may go to the pool
        answered.headers["X-Request-ID"] = context.request_id
        return answered
    except Exception:
        logger.exception("a forward request could not be answered")
        return refused(403, "Internal server error", {})
