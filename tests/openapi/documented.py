"""DocumentedClient: Django's test client, which fails a test whose answer is not as documented."""

from typing import Any

from django.conf import settings
from django.test import Client

from tests.openapi.described import Answer, problems


class DocumentedClient(Client):
    """Compares every answer at a documented path with the OpenAPI document of its contract."""

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        if settings.ROOT_URLCONF == "authsvc.urls":
            check(response)
        return response


def check(response: Any) -> None:
    request = response.wsgi_request
    answer = Answer(
        request.method,
        request.path_info,
        response.status_code,
        response.headers,
        b"" if response.streaming else response.content,
    )
    assert not (found := problems(answer)), f"{answer}: {found}"
