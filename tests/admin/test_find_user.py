"""Olga types into the search box on every page, and comes to a user or a request report."""

import pytest
from django.contrib import admin
from django.urls import reverse

from accounts import request_context
from accounts.audit import audit_log
from accounts.models import User
from apikeys.models import APIKey
from tests.admin.searches import FIND, PEOPLE, SESSIONS, open_session, page_of

pytestmark = [pytest.mark.usefixtures("as_olga"), pytest.mark.own_sql]


def test_every_page_has_the_box(client, alice):
    for path in (reverse("admin:index"), PEOPLE, SESSIONS, page_of(alice)):
        assert f'action="{FIND}"' in client.get(path).content.decode()


def test_the_box_leads_to_the_one_user_that_is_meant(client, alice, bob):
    key, session = APIKey.objects.issue(alice.pk)[0], open_session(alice)
    for query in ("alice", " Liddell ", str(alice.uuid), key.public_id, str(session.pk)):
        assert client.get(FIND, {"q": query}).url == page_of(alice)


@pytest.mark.parametrize("query", ["example.com", "nobody of this name", ""])
def test_the_box_leads_to_the_list_of_several_or_of_none(client, alice, bob, query):
    answer = client.get(FIND, {"q": query}, follow=True)
    assert answer.redirect_chain[0][0].startswith(PEOPLE)
    assert answer.context["cl"].query == query


def test_the_box_leads_to_a_request_report(client):
    with request_context.use(request_context.RequestContext(request_id="0123456789abcdef")):
        audit_log.record(audit_log.Kind.LOGIN_FAILED, name="who")
    assert client.get(FIND, {"q": "0123456789abcdef"}).url.endswith("?id=0123456789abcdef")


@pytest.mark.parametrize(
    ("query", "request_id"),
    [
        ("0123456789abcdef", "0123456789abcdef"),
        (" X-Request-ID: 0123456789abcdef ", "0123456789abcdef"),
        ("x-request-id: short", "short"),
        ("1b4e28ba-2fa1-11d2-883f-0016d3cca427", "1b4e28ba-2fa1-11d2-883f-0016d3cca427"),
        ("Root.1-67891233-abcdef012345678912345678", "Root.1-67891233-abcdef012345678912345678"),
    ],
)
def test_the_box_leads_to_the_report_on_a_request_of_which_nothing_is_known(
    client, alice, query, request_id
):
    answer = client.get(FIND, {"q": query}, follow=True)
    assert (answer.redirect_chain[0][0].endswith(f"?id={request_id}"), answer.status_code) == (
        True,
        404,
    )
    for said in (
        "Nothing is known of this request",
        "the request worked",
        f"{PEOPLE}?q={request_id}",
    ):
        assert said in answer.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "alicia",
        "alice2019",
        "nobody.of-this_name",
        "0123456789abcdefg h",
        "a" * 20,
        "mailto: 0123456789abcdef",
    ],
)
def test_a_name_that_nobody_has_is_no_request(client, alice, query):
    assert client.get(FIND, {"q": query}).url.startswith(f"{PEOPLE}?")


def test_a_name_like_a_request_id_is_its_owners_and_the_list_leads_to_the_report(client):
    owner = User.objects.create_user("0123456789abcdef")
    assert client.get(FIND, {"q": "0123456789abcdef"}).url == page_of(owner)
    assert (
        "open the request report"
        not in client.get(PEOPLE, {"q": "0123456789abcdef"}).content.decode()
    )
    assert (
        'request/?id=f123456789abcdef">open the request report'
        in client.get(PEOPLE, {"q": "f123456789abcdef"}).content.decode()
    )


@pytest.mark.parametrize(
    "path", ["/admin/accounts/", "/admin/apikeys/", "/admin/auth/", "/admin/token_blacklist/"]
)
def test_the_page_of_an_app_is_the_dashboard(client, path):
    """Shown without its data, the dashboard said that all is well while mail failed."""
    answer = client.get(path)
    assert (answer.status_code, answer.get("Location")) in [(302, "/admin/"), (404, None)]
    assert answer.status_code == 302 or path not in ("/admin/accounts/", "/admin/apikeys/")


@pytest.mark.parametrize("model", admin.site._registry)
def test_no_page_links_to_the_page_of_an_app(client, alice, model):
    open_session(alice)
    found = model._default_manager.first()
    pages = [
        ("changelist", []),
        ("add", []),
        *([("change", [found.pk]), ("history", [found.pk])] if found else []),
    ]
    for name, args in pages:
        answer = client.get(
            reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args),
            follow=True,
        )
        assert 'href="/admin/accounts/"' not in answer.content.decode()
        assert 'href="/admin/apikeys/"' not in answer.content.decode()


def test_nobody_else_may_look(client, alice):
    client.force_login(alice)
    assert client.get(FIND, {"q": "olga"}).url.startswith("/admin/login/")
