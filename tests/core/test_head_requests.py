"""Answers to HEAD at the edge of the WSGI application."""

from typing import Any

import pytest

from authsvc.server.head_requests import HeadMiddleware, WithoutBody


class Streamed:
    """An answer that remembers whether it was read, and whether it was closed."""

    def __init__(self):
        self.was_read = self.was_closed = False

    def __iter__(self):
        self.was_read = True
        yield b"two of them"

    def close(self):
        self.was_closed = True


@pytest.mark.parametrize(("method", "body"), [("HEAD", b""), ("GET", b"two of them")])
def test_an_answer_to_head_is_not_read_and_is_closed(method, body):
    streamed, started = Streamed(), []

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "11")])
        return streamed

    environ = {"REQUEST_METHOD": method}
    answer: Any = HeadMiddleware(application)(environ, lambda *line: started.extend(line))
    assert b"".join(answer) == body
    answer.close()
    assert (streamed.was_read, streamed.was_closed) == (bool(body), True)
    assert started == ["200 OK", [("Content-Length", "11")]]


def test_a_list_has_nothing_to_close():
    answer = WithoutBody([b"one"])
    assert list(answer) == []
    answer.close()
