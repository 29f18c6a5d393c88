"""A service far away, as docs/clients/status-lists.md prints it, and a node that ends a session."""

import re
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.faults.http_client import PASSWORD
from tests.faults.servers import NEW, RESET, Server

pytestmark = pytest.mark.races

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients" / "status-lists.md"


@pytest.fixture
def node(server):
    """Another node on the database of ``server``, with two processes."""
    with Server(server.database, STATUS_LIST_TTL="1s") as node:
        node.start()
        yield node


def verifier(issuer: str) -> Any:
    (printed,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(printed, names)  # noqa: S102 (our own page)
    return names["Verifier"](issuer)


def test_a_service_far_away_learns_that_another_node_ended_a_session(server, node):
    service = verifier(f"http://localhost:{node.port}")
    ((user, link),) = server.people_with_links(1).items()
    body = {"username": user, "password": PASSWORD}
    tokens = [node.call("/c/bearer/api/v1/auth/login", body).json() for _ in range(2)]
    assert {service.verify(each["access_token"])["contract"] for each in tokens} == {"bearer"}
    assert server.call(RESET, {"token": link, "new_password": NEW}).status == 200
    time.sleep(1)
    for each in tokens:
        with pytest.raises(jwt.InvalidTokenError, match="has ended"):
            service.verify(each["access_token"])
    body["password"] = NEW
    token = node.call("/c/bearer/api/v1/auth/login", body).json()["access_token"]
    assert service.verify(token)["token_type"] == "access"
    with pytest.raises(jwt.InvalidTokenError):
        service.verify(node.call("/statuslists/1").content.decode())
