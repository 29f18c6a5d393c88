"""Lists accept only the filters that they offer, so no other parameter reveals a column."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import ForeignKey
from django.urls import reverse

from accounts.admin.lists import BaseAdmin
from accounts.audit import audit_log
from accounts.mail import outbox
from accounts.models import Session, SigningKey, User
from apikeys import providers
from apikeys.models import APIKey, ProviderCredential
from tests.conftest import PASSWORD
from tests.core.test_commands import log_in

pytestmark = pytest.mark.usefixtures("db")
ADMINS: dict[Any, Any] = dict(admin.site._registry)
LOOKUPS = (
    "",
    "__exact",
    "__iexact",
    "__in",
    "__gte",
    "__lt",
    "__startswith",
    "__contains",
    "__regex",
    "__isnull",
    "__nonsense",
)
ODD = [
    "x\0",
    "\ud7ff",
    "x" * 3000,
    "1,2,,3",
    "9" * 40,
    "-1",
    "'",
    "[1]",
    "%",
    "2026-01-01T00:00:00Z/2026",
]
ODD += ["0001-01-01T00:00:00+14:00/9999-12-31T23:59:59-14:00"]  # out of range in UTC


def path_of(model, page="changelist", *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def columns(model, depth=2):
    """Return the lookups of every column of a model and of its relations, in both directions."""
    for field in model._meta.get_fields(include_hidden=True):
        name = (
            field.attname
            if hasattr(field, "attname") and not field.is_relation
            else field.name.removesuffix("+")
        )
        yield name
        if isinstance(field, ForeignKey):
            yield field.attname
        if field.is_relation and field.related_model and depth > 1:
            yield from (f"{name}__{column}" for column in columns(field.related_model, depth - 1))


def offered(model):
    """Return the parameters of the list's own filters."""
    return ADMINS[model].accepted(None)


@pytest.fixture
def by(request, client):
    flags = {"is_staff": True, "is_superuser": request.param == "super admin"}
    client.force_login(User.objects.create_user("stan", PASSWORD, **flags))
    return client


@pytest.fixture
def rows(caller, alice):
    """At least one row of every model with a list."""
    log_in(caller)
    outbox.put(outbox.Template.RESET, identifier="alice", user=alice)
    audit_log.record(audit_log.Kind.LOGIN, user=alice)
    APIKey.objects.issue(alice.pk)
    providers.store(ProviderCredential(provider="nvidia"), "nvapi-of-sixteen-and-more")


def answer(client, path, asked):
    got = client.get(path, asked)
    return got.status_code, got.get("Location"), got.content


@pytest.mark.parametrize("model", ADMINS)
def test_no_column_can_be_asked_about_in_any_way(rf, olga, model):
    """Every lookup on every column of the model and of its relations is refused without a query."""
    for lookup in LOOKUPS:
        for column in {*columns(model)}:
            if f"{column}{lookup}" not in offered(model):
                request = rf.get("/", {f"{column}{lookup}": "a"})
                request.user = olga
                with pytest.raises(IncorrectLookupParameters):
                    ADMINS[model].get_changelist_instance(request)


@pytest.mark.parametrize("by", ["staff", "super admin"], indirect=True)
@pytest.mark.parametrize("model", [model for model in ADMINS if model is not SigningKey])
def test_a_hit_a_miss_and_no_such_column_get_one_answer(by, rows, model):
    path = path_of(model)
    refused = (403, None) if by.get(path).status_code == 403 else (302, f"{path}?e=1")
    for column in sorted(
        {*columns(model, 1), "user__password", "owner__password", "no_such"} - offered(model)
    ):
        for lookup, values in {
            "__gte": ("", "~"),
            "__regex": (".", "^(a+)+$"),
            "__isnull": ("0", "1"),
            "__exact": ("\0",),
        }.items():
            if f"{column}{lookup}" not in offered(model):
                assert {answer(by, path, {f"{column}{lookup}": value})[:2] for value in values} == {
                    refused
                }, column


def test_a_hash_cannot_be_read_by_comparing_it(client, alice):
    client.force_login(User.objects.create_user("stan", PASSWORD, is_staff=True))
    path = path_of(User)
    for value in ("", "argon2", alice.password, "z"):
        for name in (
            "password__gte",
            "password__startswith",
            "resets__token_digest__startswith",
            "sessions__refresh_jti__gte",
        ):
            assert answer(client, path, {"username": "alice", name: value}) == (
                302,
                f"{path}?e=1",
                b"",
            )
    page = client.get(path, {"password__gte": "a"}, follow=True)
    assert "This list has no such filter or page. All of it is shown." in page.content.decode()
    assert page.redirect_chain[-1] == (path, 302)


@pytest.mark.parametrize(
    "parameter",
    [
        "_popup",
        "_to_field",
        "_facets",
        "_source_model",
        "all",
        "id",
        "pk",
        "no_such",
        "data__contains",
    ],
)
@pytest.mark.parametrize("model", [model for model in ADMINS if model is not SigningKey])
def test_no_switch_of_djangos_own_is_open(client, olga, model, parameter):
    client.force_login(olga)
    assert client.get(path_of(model), {parameter: "1"})["Location"] == f"{path_of(model)}?e=1"


@pytest.mark.own_sql
@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("model", ADMINS)
def test_odd_values_of_filters_break_nothing(client, rows, olga, model, value):
    client.force_login(olga)
    known = ADMINS[model].accepted(client.get("/").wsgi_request)
    for name in sorted(known | {"o", "p", "q"}):
        got = client.get(path_of(model), {name: [value, value]})
        assert got.status_code in (200, 302), name
    assert client.get(
        f"{path_of(model)}?{'&'.join(f'{name}=%ff%00' for name in sorted(known))}"
    ).status_code in (200, 302)


@pytest.mark.parametrize("model", ADMINS)
def test_every_list_has_the_one_base_and_filters_that_read_their_values(model):
    assert isinstance(ADMINS[model], BaseAdmin)
    assert all(issubclass(found, SimpleListFilter) for found in ADMINS[model].get_list_filter(None))


@pytest.mark.parametrize("to_field", ["id", "uuid", "password", "no_such"])
@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_rows_are_named_by_their_key_alone(client, olga, alice, page, to_field):
    client.force_login(olga)
    answers = {
        client.get(path_of(User, page, value), {"_to_field": to_field}).status_code
        for value in (alice.pk, alice.uuid, 10**30, "%00")
    }
    assert 200 not in answers or page == "history"
    assert answers <= {302, 400, 403, 404}


@pytest.mark.parametrize("model", ADMINS)
def test_an_impossible_key_is_refused(client, olga, model):
    client.force_login(olga)
    for key in ("%00", "9" * 40, "x" * 500, "ſ", "_00"):
        for page in ("change", "history"):
            assert client.get(path_of(model, page, "KEY").replace("KEY", key)).status_code in (
                302,
                404,
            )


def test_no_view_completes_an_input(client, olga, alice):
    client.force_login(User.objects.create_user("stan", PASSWORD, is_staff=True))
    for model, field in ((Session, "user"), (APIKey, "owner")):
        asked = {
            "app_label": model._meta.app_label,
            "model_name": model._meta.model_name,
            "field_name": field,
            "term": "alice",
        }
        assert client.get(reverse("admin:autocomplete"), asked).status_code in (403, 404)


def test_a_list_that_cannot_be_filtered_so_is_not_exported(client, olga):
    client.force_login(olga)
    path = f"{reverse('admin:accounts_user_export')}?password__gte=a"
    assert (
        client.post(path, {"form": "csv", "reason": "ticket 7", "password": PASSWORD}).status_code
        == 404
    )
