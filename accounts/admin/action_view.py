"""The page of an act: it says what will happen and to whom, asks for a reason and the password, does it, and says what did happen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.generic import View

from accounts import admin_site
from accounts.admin import action_registry, companion_actions
from accounts.admin.action_registry import Offer
from accounts.admin.base import operator
from accounts.admin.companion_actions import Companion, Consequence
from accounts.admin.links import rows_url
from accounts.errors import (
    ChangedMeanwhile,
    IdentifierTaken,
    InvalidCredentials,
    NotPermitted,
    TooManyAttempts,
)
from accounts.models import User
from accounts.operators import actions, user_actions
from accounts.pages.forms import PasswordField

SHOWN = 20  # names of a list; the rest is a number
REASON = 150  # letters: what the act itself notes stands before them


class Unreadable(ValueError):
    """Ids that this page cannot go on with, in a sentence."""


def read_ids(text: str, offer: Offer) -> list[str]:
    """Ids with commas between, each once and as it is written in the database."""
    given = list(
        dict.fromkeys(filter(None, (part.strip() for part in text.split(",", offer.most + 1))))
    )
    if not given:
        raise Unreadable("Nobody and nothing was chosen. Go back and tick at least one row.")
    if len(given) > offer.most:
        raise Unreadable(action_registry.too_many(offer))
    if not all(action_registry.is_id(part, offer.model) for part in given):
        raise Unreadable(
            "The address of this page is damaged: it holds something that is no id. Nothing was done."
        )
    return given


@dataclass
class Plan:
    """The rows that were chosen: those to act on, those with nothing to do, those of people whom this operator may not touch."""

    fitting: list[Any]
    idle: list[Any]
    forbidden: list[Any]
    unknown: int = 0

    @classmethod
    def of(cls, offer: Offer, by: User, ids: Sequence[str]) -> Plan:
        rows = offer.model._default_manager.filter(pk__in=ids).order_by("pk")
        if offer.owner:
            rows = rows.select_related(offer.owner)
        found = list(rows)
        owners = {person.pk for row in found if (person := offer.person(row))}
        verdict = actions.eligibility(
            offer.act, operator=by, users=User.objects.filter(pk__in=owners)
        )
        fitting, forbidden = (
            {person.pk for person in people} for people in (verdict.eligible, verdict.forbidden)
        )
        alive = (
            set(offer.alive(rows.order_by()).values_list("pk", flat=True))
            if offer.alive
            else {row.pk for row in found}
        )
        plan = cls([], [], [], unknown=len(set(map(plain, ids))) - len(found))
        for row in found:
            owner = offer.person(row)
            if owner and owner.pk in forbidden:
                plan.forbidden.append(row)
            elif owner and owner.pk in fitting and row.pk in alive:
                plan.fitting.append(row)
            else:
                plan.idle.append(row)
        return plan


def plain(text: str) -> Any:
    return (
        int(text)
        if text.isdecimal()
        else text.replace("-", "").lower()
        if len(text) >= 32
        else text
    )


@dataclass(frozen=True)
class Names:
    """Rows by name, the first of them, under a heading."""

    heading: str
    rows: Sequence[Any]
    offer: Offer | Companion | Consequence

    @property
    def shown(self) -> list[str]:
        return [self.offer.named(row) for row in self.rows[:SHOWN]]

    @property
    def more(self) -> int:
        return max(0, len(self.rows) - SHOWN)


@dataclass
class Report:
    """What did happen."""

    done: list[Any] = field(default_factory=list)
    idle: list[Any] = field(default_factory=list)
    forbidden: list[Any] = field(default_factory=list)
    failed: list[Any] = field(default_factory=list)
    secrets: list[tuple[str, str]] = field(default_factory=list, repr=False)


class Proof(forms.Form):
    """Before something dangerous: the operator's password, unless it was given a moment ago in this browser."""

    def __init__(
        self, *args: Any, request: HttpRequest, dangerous: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.request, self.dangerous, self.retry_after = request, dangerous, 0
        if dangerous and not admin_site.password_is_fresh(request):
            self.fields["password"] = PasswordField(
                label="Your password",
                autocomplete="current-password",
                help_text="Then it is not asked again for five minutes.",
            )

    def clean(self) -> dict[str, Any]:
        """The password is looked at last, when all else is right: a form that has to be sent again anyhow costs no guess."""
        if "password" in self.fields and not self.errors:
            self.retry_after = check_password(self)
        return self.cleaned_data

    @property
    def status(self) -> int:
        if self.retry_after:
            return HTTPStatus.TOO_MANY_REQUESTS
        return HTTPStatus.UNPROCESSABLE_ENTITY if self.errors else HTTPStatus.OK


def check_password(form: Any) -> int:
    """Say in a form that knows its request what is wrong with the operator's password; for how many seconds none is looked at."""
    try:
        admin_site.ask_password_again(form.request, form.cleaned_data["password"])
    except InvalidCredentials:
        form.add_error("password", "This is not your password. Nothing was done.")
    except TooManyAttempts as refusal:
        form.add_error(
            "password",
            f"Too many wrong passwords. Nothing was done. {admin_site.try_again(refusal)}",
        )
        return refusal.seconds
    return 0


class Reasoned(Proof):
    """Also why; of what is not dangerous only if there is something to say."""

    reason = forms.CharField(
        max_length=REASON,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="Kept in the audit log, beside your name.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = self.dangerous
        self.fields["reason"].label = "Reason" if self.dangerous else "Reason (optional)"


class ConfirmForm(Reasoned):
    """Also whatever else the act wants to know, and a box for each companion: a dangerous one, ticked, makes the whole dangerous."""

    def __init__(
        self, data: Any = None, *, offer: Offer, companions: Iterable[Companion] = (), **kwargs: Any
    ) -> None:
        self.companions = list(companions)
        dangerous = offer.act.dangerous or any(
            each.act.dangerous for each in self.companions if data and each.name in data
        )
        super().__init__(data, dangerous=dangerous, **kwargs)
        self.fields = {
            **offer.choices(),
            **{each.name: each.field() for each in self.companions},
            **self.fields,
        }

    @property
    def ticked(self) -> list[Companion]:
        return [each for each in self.companions if self.cleaned_data[each.name]]


class ActPage(View):
    """GET and the list's own form ask; only the POST of the page itself acts. Like all of the admin it is kept by no cache."""

    model_admin: admin.ModelAdmin[Any] = None  # type: ignore[assignment]
    offer: Offer
    http_method_names = ["get", "head", "post"]

    @classmethod
    def begin(
        cls, model_admin: admin.ModelAdmin[Any], request: HttpRequest, name: str, ids: Sequence[str]
    ) -> HttpResponse:
        """Ask about rows that were chosen in the list, and lead back to it afterwards."""
        page = cls(model_admin=model_admin)
        page.setup(request, name=name)
        return page.ask(",".join(ids), back=request.get_full_path())

    @classmethod
    def show_once(
        cls, model_admin: admin.ModelAdmin[Any], request: HttpRequest, person: User, secret: str
    ) -> HttpResponse:
        """The temporary password of an account that was made just now."""
        page = cls(model_admin=model_admin)
        page.setup(request, name=user_actions.GIVE_TEMPORARY_PASSWORD.name)
        return page.render(
            "done",
            HTTPStatus.OK,
            title=f"Added {person}",
            secrets=[(str(person), secret)],
            back=page.home([person]),
        )

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.operator = operator(request)
        try:
            self.offer = action_registry.find(self.model_admin.model, kwargs["name"])
        except KeyError as error:
            raise Http404("no such act") from error

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        return self.ask(request.GET.get("ids", ""), back=self.back())

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        asked = request.POST.get("ids", "")
        plan = self.plan(asked)
        if isinstance(plan, HttpResponse):
            return plan
        if not plan.fitting and plan.forbidden:
            return self.report(self.carry_out(plan))
        form = ConfirmForm(
            request.POST,
            request=request,
            offer=self.offer,
            companions=companion_actions.find(self.offer, plan.fitting),
        )
        if plan.fitting and not form.is_valid():
            return self.ask(asked, form, self.back())
        if not self.once():
            return self.refuse(
                "This was sent twice. It was done the first time, and nothing was done now.",
                HTTPStatus.CONFLICT,
            )
        reason, choices, also = "", {}, []
        if plan.fitting:
            also = form.ticked
            reason, choices = (
                form.cleaned_data["reason"],
                {name: form.cleaned_data[name] for name in self.offer.choices()},
            )
        try:
            return self.report(self.carry_out(plan, reason, also, **choices), also)
        except IdentifierTaken as refusal:
            form.add_error(refusal.field, "Another account has this one. Nothing was done.")
            return self.ask(asked, form, self.back())
        except ValidationError as refusal:
            form.add_error(None, refusal)
            return self.ask(asked, form, self.back())
        except ChangedMeanwhile:
            return self.refuse(
                "Somebody else changed this account since this page was opened. Nothing was done.",
                HTTPStatus.CONFLICT,
            )

    def plan(self, ids: str) -> Plan | HttpResponse:
        try:
            plan = Plan.of(self.offer, self.operator, read_ids(ids, self.offer))
        except Unreadable as error:
            return self.refuse(str(error))
        if plan.fitting or plan.idle or plan.forbidden:
            return plan
        return self.refuse(
            "What was chosen is not there, or not any more. Nothing was done.", HTTPStatus.NOT_FOUND
        )

    # Asking

    def ask(self, ids: str, form: ConfirmForm | None = None, back: str = "") -> HttpResponse:
        plan = self.plan(ids)
        if isinstance(plan, HttpResponse):
            return plan
        initial = self.offer.initial(plan.fitting[0]) if len(plan.fitting) == 1 else {}
        also = companion_actions.find(self.offer, plan.fitting)
        form = form or ConfirmForm(
            request=self.request, offer=self.offer, companions=also, initial=initial
        )
        status = form.status if plan.fitting else HTTPStatus.OK
        if plan.forbidden and not plan.fitting and not plan.idle:
            status = HTTPStatus.FORBIDDEN
        response = self.render(
            "confirm",
            status,
            title=f"{self.offer.label}: {self.offer.whom(plan.fitting or plan.idle or plan.forbidden, self.offer.named)}",
            form=form,
            fitting=Names("For", plan.fitting, self.offer),
            also=[
                Names(each.heading, rows, each)
                for each, rows in (
                    also | companion_actions.foreseen(self.offer, plan.fitting)
                ).items()
            ],
            left=self.left(plan),
            unknown=plan.unknown,
            will=self.offer.says(self.offer.will, plan.fitting),
            ids=",".join(str(row.pk) for row in plan.fitting),
            once=get_random_string(22),
            back=back or self.home(plan.fitting or plan.idle or plan.forbidden),
            next=back,
        )
        if form.retry_after:
            response.headers["Retry-After"] = str(form.retry_after)
        return response

    def refuse(self, sentence: str, status: int = HTTPStatus.BAD_REQUEST) -> HttpResponse:
        return self.render(
            "refused",
            status,
            title=self.offer.label,
            sentence=sentence,
            back=self.back() or self.changelist(),
        )

    # Doing

    def once(self) -> bool:
        """Whether this form is sent for the first time: what was shown once is not overwritten by a second click."""
        given = self.request.POST.get("once", "")[:64]
        return not given or cache.add(
            f"acts:{self.operator.pk}:{given.encode().hex()}", True, timeout=3600
        )

    def carry_out(
        self, plan: Plan, reason: str = "", also: Sequence[Companion] = (), **choices: str
    ) -> Report:
        """Each for itself: one that fails keeps no other. Whom the operator may not touch is tried too, and so is on record.

        Companions come first, so that whoever was not got to can be sent once more.
        """
        report = Report(idle=list(plan.idle))
        for row in (*plan.fitting, *plan.forbidden):
            told = choices | ({self.offer.key: str(row.pk)} if self.offer.key else {})
            try:
                for companion in also if row in plan.fitting else ():
                    actions.carry_out(
                        companion.act, operator=self.operator, user=row, reason=reason
                    )
                outcome = actions.carry_out(
                    self.offer.act,
                    operator=self.operator,
                    user=self.offer.person(row),
                    reason=reason,
                    **told,
                )
            except NotPermitted:
                report.forbidden.append(row)
            except OperationalError:
                report.failed.append(row)
            else:
                (report.done if outcome else report.idle).append(row)
                if outcome and outcome.secret:
                    report.secrets.append((self.offer.named(row), outcome.secret))
        return report

    def report(self, report: Report, also: Sequence[Companion] = ()) -> HttpResponse:
        """One account that all went well with: back to where the operator came from, with a sentence. Anything else: a page."""
        did = self.offer.says(self.offer.did, report.done) if report.done else "Nothing was done."
        did = " ".join([did, *(companion.did for companion in also)]) if report.done else did
        rows = [*report.done, *report.idle, *report.forbidden, *report.failed]
        if len(rows) == 1 and report.done and not report.secrets:
            messages.success(self.request, did)
            return redirect(self.back() or self.home(rows))
        refused = bool(report.forbidden) and not report.done and not report.idle
        status = HTTPStatus.FORBIDDEN if refused else HTTPStatus.OK
        left = [
            *self.left(report),
            Names("The database was busy: try again", report.failed, self.offer),
        ]
        return self.render(
            "done",
            status,
            title=did,
            done=Names("Done", report.done, self.offer),
            secrets=report.secrets,
            left=[names for names in left if names.rows],
            back=self.back() or self.home(rows),
        )

    def left(self, found: Plan | Report) -> list[Names]:
        """Who is left alone, and why."""
        parts = {self.offer.says(self.offer.idle): found.idle} if found.idle else {}
        for row in found.forbidden:
            parts.setdefault(self.objection(self.offer.person(row)), []).append(row)
        return [Names(heading, rows, self.offer) for heading, rows in parts.items()]

    def objection(self, person: User) -> str:
        if person == self.operator:
            return "Nobody does this to themselves"
        return "Erased" if person.erased_at else "Only super admins decide about this"

    # Where to go from here

    def home(self, rows: Sequence[Any]) -> str:
        """The page of the one person that this was about; else the list."""
        people = {person.pk for row in rows if (person := self.offer.person(row))}
        return (
            reverse("admin:accounts_user_change", args=[*people])
            if len(people) == 1
            else self.changelist()
        )

    def changelist(self) -> str:
        return rows_url(self.offer.model)

    def back(self) -> str:
        given = self.request.POST.get("next") or self.request.GET.get("next", "")
        return given if url_has_allowed_host_and_scheme(given, None) else ""

    def render(self, name: str, status: int, **context: Any) -> HttpResponse:
        context |= self.model_admin.admin_site.each_context(self.request)
        context |= {
            "offer": self.offer,
            "opts": self.offer.model._meta,
            "changelist": self.changelist(),
            "act_url": action_registry.address(self.offer),
        }
        return TemplateResponse(self.request, f"admin/actions/{name}.html", context, status=status)
