"""Queries that a proxy's configuration holds, and those that its clients add."""

import pytest
from django.test import RequestFactory

from authsvc.forward_auth.conditions import NOTHING_ELSE

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("role=", "role must be one of user, admin, super_admin"),
        ("role", "role must be one of user, admin, super_admin"),
        ("role=root", "role must be one of user, admin, super_admin"),
        ("role=Admin", "role must be one of user, admin, super_admin"),
        ("role=admin;scope=x", "role must be one of user, admin, super_admin"),
        ("role=%zz", "role must be one of user, admin, super_admin"),
        ("role=%ff%fe", "role must be one of user, admin, super_admin"),
        ("role=\u0430dmin", "role must be one of user, admin, super_admin"),
        ("scope=", "scope must be one scope, or several with a space between two"),
        ("scope=a++b", "scope must be one scope, or several with a space between two"),
        ("scope=a%00b", "scope must be one scope, or several with a space between two"),
        ("scope=s%C3%A9ssion", "scope must be one scope, or several with a space between two"),
        ("role=user&role=user", NOTHING_ELSE),
        ("rol=admin", NOTHING_ELSE),
        ("ROLE=admin", NOTHING_ELSE),
        ("role=user&x", NOTHING_ELSE),
        ("ur%69=/x", NOTHING_ELSE),
    ],
)
def test_a_mistake_closes_the_door_and_is_logged(ask, token, caplog, query, problem):
    for credential in (token, ""):
        answer = ask(f"/auth/forward?{query}", Authorization=credential)
        assert answer.status == 403
        assert answer.json() == {"detail": f"The proxy's query is not valid: {problem}"}
    assert [record.levelname for record in caplog.records] == ["ERROR"]  # once a minute
    assert problem in caplog.text


def test_a_mistake_behind_two_slashes_is_one_as_well(ask, token):
    """A proxy's base URL may end in a slash; below the path, ``rol`` would be nobody's mistake."""
    headers = {"Authorization": token}
    environ = RequestFactory().get("/auth/forward?rol=admin", headers=headers).environ
    assert ask.send({**environ, "PATH_INFO": "//auth/forward"}).status == 403


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/auth/forward/orders?page=2&sort", 200),
        ("/auth/forward/?rol=admin", 200),
        ("/auth/forward/orders?role=admin", 403),
        ("/auth/forward/?role=admin", 403),
        ("/auth/forward/orders?%72ole=admin&page=2", 403),
        ("/auth/forward?uri=/orders?role=admin&scope=x&rol", 200),
        ("/auth/forward?role=user&uri=/orders?role=admin", 200),
        ("/auth/forward?role=admin&uri=/orders?role=user", 403),
        ("/auth/forward?role=admin&uri=/orders&uri=/x", 403),
        ("/auth/forward?login=https://app.example/?uri=x&role=admin", 403),
        ("/auth/forward?uri=", 200),
        ("/auth/forward?", 200),
        ("/auth/forward?&role=user&", 200),
    ],
)
def test_a_client_behind_envoy_adds_no_condition_and_takes_none_away(ask, token, url, status):
    assert ask(url, Authorization=token).status == status
