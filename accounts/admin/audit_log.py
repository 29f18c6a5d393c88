"""What happened: found, explained and taken along.

The list is filtered by what stands in its address, so that any page can link to rows of it. All of these can be combined:

=============  ==================================================================================================
``user``       primary key of the account that it happened to
``actor``      primary key of the operator who did it
``person``     user name, e-mail address or uuid: what happened to that account, what it did as an operator, and what was typed so
``kind``       one kind, or several with commas between: ``login_failed,throttled``
``reason``     the reason code of an event
``contract``   the name of a contract
``address``    an address, or a network as in ``10.0.0.0/8``
``session``    uuid of a session
``request_id`` the ``X-Request-ID`` of an answer
``within``     ``1h``, ``24h``, ``7d`` or ``30d``: the last so many hours or days
``at_from``    ISO 8601, UTC where it names no offset: at this moment or later
``at_to``      ISO 8601: before this moment
=============  ==================================================================================================

``admin:accounts_auditevent_request`` with ``?id=`` explains one request.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.timezone import now

from accounts import policy
from accounts.admin import action_registry
from accounts.admin.audit_log_export import AuditLogExportView
from accounts.admin.base import Readable, operator
from accounts.admin.links import events_url, request_url
from accounts.audit import event_kinds, event_messages, recent_refusals, request_report
from accounts.audit.query import Selection, older_than, validate_address
from accounts.audit.reasons import label
from accounts.models import AuditEvent, User

RANGES = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
RANGE_NAMES = {
    "1h": "the last hour",
    "24h": "the last 24 hours",
    "7d": "the last 7 days",
    "30d": "the last 30 days",
}
CURES = ("unlock", "send_reset", "reactivate", "invite")
OTHER_ENTRANCES = ("admin", "keys")  # in place of a contract, for requests that none answers


def contract_choices() -> list[tuple[str, str]]:
    """Return the contracts by which events can be filtered, as choices of a form field."""
    names = (*policy.registered_names(), *OTHER_ENTRANCES)
    return [("", "any"), *((name, name) for name in names)]


class Kinds(forms.MultipleChoiceField):
    """One kind, or several with commas between."""

    widget = forms.Select

    def prepare_value(self, value: Any) -> Any:
        return value

    def to_python(self, value: Any) -> list[str]:
        return super().to_python(value.split(",") if isinstance(value, str) and value else [])


class Moment(forms.DateTimeField):
    """As a browser's field sends it, or ISO 8601 whole; UTC."""

    widget = forms.DateTimeInput(
        attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"
    )

    def to_python(self, value: Any) -> datetime | None:
        found = super().to_python(
            value.replace(" ", "+") if isinstance(value, str) else value
        )  # an address bar takes + for a space
        try:
            return found.astimezone(UTC) if found else None
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class AuditLogForm(forms.Form):
    """What the list is filtered by."""

    person = forms.CharField(
        required=False,
        max_length=254,
        help_text="User name, e-mail or uuid; also a name that nobody has",
    )
    kind = Kinds(required=False, label="What", choices=event_kinds.choices)
    contract = forms.ChoiceField(required=False, choices=contract_choices)
    address = forms.CharField(
        required=False,
        max_length=50,
        validators=[validate_address],
        help_text="Or a network: 10.0.0.0/8",
    )
    within = forms.ChoiceField(
        required=False, label="When", choices=[("", "any time"), *RANGE_NAMES.items()]
    )
    at_from = Moment(required=False, label="From (UTC)")
    at_to = Moment(required=False, label="Before (UTC)")
    user = forms.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput
    )
    actor = forms.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput
    )
    reason = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    session = forms.UUIDField(required=False, widget=forms.HiddenInput)
    request_id = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, data: Any) -> None:
        super().__init__(data, label_suffix="")
        several = data.get("kind", "")
        known: list[Any] = [("", "anything"), *event_kinds.choices()]
        if "," in several:
            known.insert(
                1,
                (
                    several,
                    " or ".join(event_kinds.labels.get(kind, kind) for kind in several.split(",")),
                ),
            )
        self.fields["kind"].widget.choices = known

    def selection(self) -> Selection | None:
        """None for what cannot be: the form says what is wrong with it."""
        if not self.is_valid():
            return None
        asked = self.cleaned_data
        since = max(
            filter(
                None,
                (asked["at_from"], now() - RANGES[asked["within"]] if asked["within"] else None),
            ),
            default=None,
        )
        same = ("user", "actor", "reason", "contract", "address", "session", "request_id")
        return Selection(
            identifier=asked["person"],
            **{name: asked[name] for name in same},
            kinds=tuple(asked["kind"]),
            since=since,
            until=asked["at_to"],
        )

    @property
    def given(self) -> dict[str, str]:
        """What was asked for, as it stands in an address."""
        return {name: self.data[name] for name in self.fields if self.data.get(name)}

    @property
    def query(self) -> str:
        return urlencode(self.given)

    @property
    def notes(self) -> list[str]:
        """What a link asked for that has no field to show it."""
        hidden = [str(field.name) for field in self.hidden_fields() if self.data.get(field.name)]
        return [
            f"{name.replace('_', ' ')} {label(self.data[name]) if name == 'reason' else self.data[name]}"
            for name in hidden
        ]


class AuditLogList(ChangeList):
    """Filtered by the form above it, and paged by the last event of a page: nothing is counted, and every page costs the same."""

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: Any = None
    ) -> QuerySet[AuditEvent]:
        self.filter_specs, self.has_filters, self.has_active_filters, self.clear_all_filters_qs = (
            [],
            False,
            False,
            "?",
        )
        self.form = AuditLogForm(request.GET)
        self.before = request.GET.get("before", "")
        selection = self.form.selection()
        events = selection.events() if selection else AuditEvent.objects.none()
        return older_than(last, events) if (last := self.last_of_page_before()) else events

    def last_of_page_before(self) -> AuditEvent | None:
        return (
            AuditEvent.objects.filter(pk=int(self.before)).first()
            if self.before.isdecimal() and len(self.before) < 19
            else None
        )

    def get_results(self, request: HttpRequest) -> None:
        rows = list(self.queryset[: self.list_per_page + 1])
        self.result_list = rows[: self.list_per_page]
        self.result_count, self.full_result_count, self.show_full_result_count = (
            len(self.result_list),
            None,
            False,
        )
        self.show_admin_actions = self.can_show_all = self.multi_page = False
        self.older = (
            f"?{urlencode(self.form.given | {'before': self.result_list[-1].pk})}"
            if len(rows) > self.list_per_page
            else ""
        )
        self.newest = f"?{urlencode(self.form.given)}" if self.before else ""


@admin.register(AuditEvent)
class AuditEventAdmin(Readable):
    list_display = ("when", "what", "whom", "contract", "origin", "request")
    list_display_links = ("when",)
    list_per_page = 50
    fields = (
        "what",
        "when",
        "kind",
        "name",
        "whom",
        "by",
        "reason",
        "data",
        "note",
        "contract",
        "origin",
        "session",
        "request",
    )
    readonly_fields = fields

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return AuditLogList

    def accepted(self, request: HttpRequest) -> set[str]:
        return {*AuditLogForm.base_fields, "before"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        return super().get_queryset(request).select_related("user", "actor")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        export = AuditLogExportView.as_view(model_admin=self, filter_form=AuditLogForm)
        return [
            path("request/", wrap(self.explain), name="accounts_auditevent_request"),
            path("export/", wrap(export), name="accounts_auditevent_export"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        return super().changelist_view(request, {"title": "What happened"} | (extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        return super().change_view(
            request,
            object_id,
            form_url,
            {"title": "What happened", "subtitle": None} | (extra_context or {}),
        )

    # Columns

    @admin.display(description="when (UTC)")
    def when(self, event: AuditEvent) -> str:
        return f"{event.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

    @admin.display(description="what happened")
    def what(self, event: AuditEvent) -> str:
        return event_messages.text(event)

    @admin.display(description="account")
    def whom(self, event: AuditEvent) -> str:
        return link_to(event.user) if event.user else "—"

    @admin.display(description="operator")
    def by(self, event: AuditEvent) -> str:
        return link_to(event.actor) if event.actor else "—"

    @admin.display(description="address")
    def origin(self, event: AuditEvent) -> str:
        return _link(events_url(address=event.address), event.address) if event.address else "—"

    @admin.display(description="request")
    def request(self, event: AuditEvent) -> str:
        return _link(request_url(event.request_id), event.request_id) if event.request_id else "—"

    # Other pages

    def explain(self, request: HttpRequest) -> HttpResponse:
        """What became of the request whose id was pasted."""
        self.may_view(request)
        pasted = request.GET.get("id", "").strip()
        request_id = request_report.read_id(pasted)
        report = request_report.find(request_id) if request_id else None
        context = self.admin_site.each_context(request) | {
            "title": "What became of a request",
            "opts": self.opts,
            "pasted": pasted,
            "request_id": request_id,
            "report": report,
            "events": [(event, event_messages.text(event)) for event in report.events]
            if report
            else [],
            "around": [(event, event_messages.text(event)) for event in report.around]
            if report
            else [],
            "kept_days": recent_refusals.LIFETIME.days,
            "cures": self.cures(operator(request), report) if report else [],
        }
        unknown = bool(pasted) and report is None
        return TemplateResponse(
            request,
            "admin/accounts/auditevent/request.html",
            context,
            status=404 if unknown else 200,
        )

    def cures(self, by: User, report: request_report.RequestReport) -> list[action_registry.Button]:
        """What may help whoever complains, as far as it applies and this operator may do it."""
        if report.user is None or not report.message.advice:
            return []
        offered = {
            button.name: button for button in action_registry.buttons_for_user(by, report.user)
        }
        return [offered[name] for name in CURES if name in offered]

    def may_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


def link_to(person: Model) -> str:
    return _link(reverse("admin:accounts_user_change", args=[person.pk]), str(person))


def _link(url: str, text: str) -> str:
    return format_html('<a href="{}">{}</a>', url, text)
