"""A caller whose requests are refused for their content alone."""

from typing import Any

import pytest

from tests.conftest import PASSWORD
from tests.contracts.endpoints import Endpoint


@pytest.fixture(autouse=True)
def plenty(settings):
    """Raise all limits, so that no request is refused for how often it was sent."""
    settings.LOGIN_RATE_PER_NAME = settings.LOGIN_RATE_PER_ADDRESS = (
        settings.CHALLENGE_REFRESH_RATE
    ) = "1000000/5m"
    settings.LOGIN_RATE_PER_NAME_DAILY = "1000000/1d"


@pytest.fixture
def token(caller, alice) -> str:
    return caller.multipart(
        "/c/form/api/v1/auth/login", username="alice", password=PASSWORD
    ).json()["access_token"]["token"]


@pytest.fixture
def send(caller, token):
    """Send everything with a good access token, for endpoints that check it before the body."""

    def ask(
        endpoint: Endpoint, body: bytes, content_type: str = "application/json", **environ: Any
    ) -> Any:
        environ = {"HTTP_AUTHORIZATION": f"Bearer {token}", "CONTENT_TYPE": content_type, **environ}
        return caller.http.generic(endpoint.method, endpoint.path, body, content_type, **environ)

    return ask
