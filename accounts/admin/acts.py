"""What operators do, in words: the registry of acts, and the page that says what will happen, asks, does it, and says what did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from accounts import operators
from accounts.admin.base import operator
from accounts.models import User

MOST = 1000  # what one page acts on


@dataclass(frozen=True, kw_only=True)
class Offer:
    """An act of the core in words, and the rows that it is offered on: accounts, or what belongs to them.

    ``will`` says what will happen, ``did`` what did, with ``{whom}`` in both; ``idle`` why there is nothing to do. Of rows that are no
    accounts ``owner`` is the field that leads to one, ``key`` the name under which the act is told of the row, and ``alive`` finds those
    that there is something to do to.
    """

    act: operators.Act
    label: str
    will: str | Callable[[], str]
    did: str
    idle: str | Callable[[], str] = "There is nothing to do"
    model: type[Model] = User
    owner: str = ""
    key: str = ""
    alive: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None
    named: Callable[[Any], str] = str
    brief: Callable[[Any], str] | None = None
    choices: Callable[[], dict[str, forms.Field]] = dict
    most: int = MOST

    @property
    def name(self) -> str:
        return self.act.name

    def says(self, words: str | Callable[[], str], rows: Sequence[Any] = ()) -> str:
        return (words if isinstance(words, str) else words()).format(whom=self.whom(rows, self.brief or self.named))

    def person(self, row: Any) -> User:
        found: User = getattr(row, self.owner) if self.owner else row
        return found

    def whom(self, rows: Sequence[Any], named: Callable[[Any], str] | None = None) -> str:
        """One by name, many by number."""
        if len(rows) == 1:
            return (named or self.named)(rows[0])
        return f"{len(rows):,} {self.model._meta.verbose_name_plural}"


_offers: dict[tuple[type[Model], str], Offer] = {}


def register(*offers: Offer) -> None:
    """Put acts on offer, in this order."""
    _offers.update({(offer.model, offer.name): offer for offer in offers})


def on(model: type[Model]) -> list[Offer]:
    return [offer for offer in _offers.values() if offer.model is model]


def find(model: type[Model], name: str) -> Offer:
    return _offers[model, name]


# On the pages of others


@dataclass(frozen=True)
class Button:
    """An act that this operator may do to this person now, and where it begins."""

    name: str
    label: str
    url: str
    dangerous: bool


def offered(operator: User, person: User) -> list[Button]:
    """What this operator may do to this person, as far as there is anything to do: from the harmless to what super admins decide."""
    return [
        Button(offer.name, offer.label, link(offer.name, person), offer.act.dangerous)
        for offer in sorted(on(User), key=lambda offer: (offer.act.dangerous, offer.act.super_only))
        if operators.may(operator, offer.act, person) and operators.fits(offer.act, person)
    ]


def link(name: str, row: Model) -> str:
    """Where the act of this name begins for this row: ``link("end_session", session)``."""
    return f"{address(_offers[type(row), name])}?{urlencode({'ids': row.pk})}"


def address(offer: Offer) -> str:
    meta = offer.model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_act", args=[offer.name])


class Acting(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that are acted on: for some of the list, and at ``act/<name>/?ids=1,2``. Each act has its page, which asks first."""

    def get_urls(self) -> list[URLPattern]:
        from accounts.admin.asking import ActPage  # which knows this module

        meta = self.model._meta
        view = self.admin_site.admin_view(ActPage.as_view(model_admin=self))
        return [path("act/<slug:name>/", view, name=f"{meta.app_label}_{meta.model_name}_act"), *super().get_urls()]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        runs = operators.may_run(operator(request))
        ours = [offer for offer in on(self.model) if runs or not offer.act.super_only]
        return super().get_actions(request) | {offer.name: (partial(choose, offer), offer.name, f"{offer.label}…") for offer in ours}

    def response_action(  # type: ignore[override]  # the stubs know of options that Django 5.2 does not
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        from accounts.admin.asking import is_id

        if not all(is_id(pk, self.model) for pk in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            messages.error(request, "What was ticked could not be read. Nothing was done.")
            return redirect(request.get_full_path())
        return super().response_action(request, queryset)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """What happened is told by the trail, and not by Django's own log of what was typed into forms."""
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_view_permission(request, row):
            raise Http404("no such row")
        return redirect(f"{reverse('admin:accounts_auditevent_changelist')}?{urlencode(self.trail_of(row))}")

    def trail_of(self, row: Any) -> dict[str, Any]:
        """Which events of the trail are about this row."""
        person = on(self.model)[0].person(row)
        return {"user": person.pk} if person else {"request_id": row.request_id}


def choose(offer: Offer, model_admin: Acting, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
    """From the rows that were ticked in the list, or all that match, to the page that asks."""
    from accounts.admin.asking import ActPage

    ids = [str(pk) for pk in queryset.order_by().values_list("pk", flat=True)[: offer.most + 1]]
    if len(ids) > offer.most:
        messages.error(request, too_many(offer))
        return redirect(request.get_full_path())
    return ActPage.begin(model_admin, request, offer.name, ids)


def too_many(offer: Offer) -> str:
    plural = offer.model._meta.verbose_name_plural
    return f"“{offer.label}” goes for at most {offer.most:,} {plural} at once. Nothing was done. Narrow the list down first."
