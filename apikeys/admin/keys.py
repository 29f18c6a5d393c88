"""API keys in the admin site, their actions, and their panel on the page of a user."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.timezone import now

from accounts.admin import ReadOnlyAdmin, action_definitions, action_registry
from accounts.admin.action_admin import ActionDetailAdmin
from accounts.admin.action_registry import AdminAction
from accounts.admin.additional_actions import (
    AdditionalAction,
    SideEffect,
    register_additional_action,
    register_side_effect,
)
from accounts.admin.badges import Badge, relative_time
from accounts.admin.dashboard_cards import ExtraLiveCount, extra_live_counts
from accounts.admin.dashboard_notices import ALARMS
from accounts.admin.filters import OwnerFilter
from accounts.admin.links import rows_url
from accounts.admin.lists import MAX_COUNT, OwnedRowsAdmin, time_column
from accounts.admin.user_panels import Panel, panels
from accounts.db import trigram_indexes
from accounts.models import User
from accounts.operators.actions import Action
from apikeys import end_reasons, operator_actions
from apikeys.audit_codes import KeyEventKind
from apikeys.models import APIKey
from apikeys.models.api_key import NAME_INDEX
from apikeys.scopes import Scope, effective_scopes


class UseFilter(admin.SimpleListFilter):
    title = "use and end"
    parameter_name = "use"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("unused", "Unused for 90 days"),
            ("expiring", "Expiring within 30 days"),
            ("live", "Active"),
            ("ended", "Ended or expired"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[APIKey]) -> QuerySet[APIKey]:
        live = Q(ended_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now()))
        choices = {
            "unused": live
            & Q(created_at__lt=now() - timedelta(days=90))
            & (Q(last_used_at=None) | Q(last_used_at__lt=now() - timedelta(days=90))),
            "expiring": live & Q(expires_at__lt=now() + timedelta(days=30)),
            "live": live,
            "ended": ~live,
        }
        return queryset.filter(choices.get(self.value() or "", Q()))


class KeyOwnerFilter(OwnerFilter):
    parameter_name, owner = "owner__id__exact", "owner"


ORDER: dict[str, list[Any]] = {
    "unused": [
        F("last_used_at").asc(nulls_first=True),
        F("created_at").asc(),
    ],  # the longest first: the end of the index
    "expiring": ["expires_at"],
}


@admin.register(APIKey)
class APIKeyAdmin(ActionDetailAdmin, OwnedRowsAdmin, ReadOnlyAdmin):
    list_display = (
        "public_id",
        "state",
        "name",
        "owner",
        "scope",
        time_column("last_used_at", "last used"),
        time_column("created_at", "created"),
    )
    list_select_related = ("owner",)
    list_filter = (UseFilter, KeyOwnerFilter)
    owner = "owner"
    search_help_text = (
        "Part of the key's name, of its owner's name, user name or e-mail address, "
        "or the id of the key"
    )
    exclude = ("digest",)

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return ORDER.get(
            request.GET.get(UseFilter.parameter_name, ""),
            [F("last_used_at").desc(nulls_last=True), F("created_at").desc()],
        )

    @admin.display(description="state")
    def state(self, key: APIKey) -> Badge:
        return state(key)

    def by_id(self, query: str) -> Q | None:
        meant = Q(pk=query.removeprefix("key_"))
        return meant if APIKey.objects.filter(meant).exists() else None

    def owned_by(self, users: list[int], query: str) -> Q:
        return super().owned_by(users, query) | Q(
            pk__in=trigram_indexes.matching(NAME_INDEX, APIKey.objects.all(), query, MAX_COUNT)
        )


action_registry.other_credentials.append("API keys")
ALARMS[KeyEventKind.KEY_LEAKED] = (
    "An API key was reported as leaked, and ended: {} in the last 24 hours."
)
extra_live_counts.append(
    ExtraLiveCount("live_keys", "API key", lambda: rows_url(APIKey, use="live"))
)
panels.insert(
    1,
    Panel(
        name="keys",
        title="API keys",
        link="All API keys",
        columns=("Key", "Id", "State", "Scopes", "Created", "Last used"),
        rows=lambda user, most: APIKey.objects.filter(owner=user).order_by(
            F("ended_at").desc(nulls_first=True), "-created_at"
        )[:most],
        cells=lambda key: (
            key.name,
            format_html("<code>{}</code>", key.public_id),
            state(key),
            key.scope,
            relative_time(key.created_at),
            relative_time(key.last_used_at),
        ),
        all_url=lambda user: rows_url(APIKey, owner__id__exact=user.pk),
        empty_text="No API key was made with this account.",
        action=lambda key: "end_key" if key.is_live else "",
    ),
)


def state(key: APIKey) -> Badge:
    if key.ended_at:
        return Badge(f"Ended: {end_reasons.text(key.ended_reason)}")
    if not key.is_live:
        return Badge("Expired")
    return Badge(
        "Active" if key.expires_at is None else f"Active until {key.expires_at:%-d %B %Y}",
        "good",
    )


def _live(keys: Any) -> QuerySet[APIKey]:
    live: QuerySet[APIKey] = keys.live()
    return live


def _grant(action: Action, scope: Scope, label: str, before: str, after: str) -> AdminAction:
    """Return the action in the admin that grants a reserved scope to keys that it can be given."""

    def ungranted(keys: Any) -> QuerySet[APIKey]:
        found: QuerySet[APIKey] = keys.ungranted(scope)
        return found

    return AdminAction(
        action=action,
        label=label,
        before=before,
        after=after,
        nothing_to_do="Was granted this scope already, has ended or expired",
        model=APIKey,
        owner="owner",
        argument="key",
        applicable=ungranted,
        describe=describe,
    )


def describe(key: APIKey) -> str:
    return f"the key {key.public_id} “{key.name}” of {key.owner}"


action_registry.register(
    action_definitions.user_action(
        action=operator_actions.END_KEYS,
        label="End all API keys",
        before=(
            "Every API key of {rows} stops working at once, for good: programs that use one need "
            "a new one. Sessions go on."
        ),
        after="Ended every API key of {rows}.",
        nothing_to_do="Has no active key",
    ),
    AdminAction(
        action=operator_actions.END_KEY,
        label="End key",
        before="Stops working at once, for good: {rows}. Whatever uses it needs another one.",
        after="Ended {rows}.",
        nothing_to_do="Has ended or expired already",
        model=APIKey,
        owner="owner",
        argument="key",
        applicable=_live,
        describe=describe,
    ),
    _grant(
        operator_actions.GRANT_INTROSPECT,
        Scope.INTROSPECT,
        label="Grant introspect",
        before=(
            "May ask from now on whether any user's token is valid, and whose it is, until it "
            "ends; its successors may, too: {rows}."
        ),
        after="May introspect tokens now: {rows}.",
    ),
    _grant(
        operator_actions.GRANT_REVOKE,
        Scope.REVOKE,
        label="Grant revoke",
        before=(
            "May end from now on the session of any user's token that it shows, until it ends; "
            "its successors may, too: {rows}."
        ),
        after="May revoke tokens now: {rows}.",
    ),
)


def active_keys_of(users: Sequence[User]) -> list[APIKey]:
    return list(
        APIKey.objects.live()
        .filter(owner__in=users)
        .select_related("owner")
        .order_by("owner", "pk")
    )


register_additional_action(
    "force_change",
    "temporary_password",
    action=AdditionalAction(
        action=operator_actions.END_KEYS,
        label="End these API keys too",
        heading="These API keys go on working",
        rows=active_keys_of,
        describe=describe,
        done="Their API keys have ended.",
    ),
)


def keys_losing_a_scope(users: Sequence[User]) -> list[APIKey]:
    return list(
        APIKey.objects.by_role()
        .filter(owner__in=users)
        .select_related("owner")
        .order_by("owner", "pk")
    )


def describe_loss(key: APIKey) -> str:
    left = effective_scopes(key.scope, granted=key.granted, by_operator=False)
    return f"{describe(key)}: " + (
        f"keeps {' '.join(left)}" if left else "ends, since it has no other scope"
    )


register_side_effect(
    "change_role",
    effect=SideEffect(
        heading=(
            "As a user: these API keys lose scopes of operators, which no operator granted them"
        ),
        rows=keys_losing_a_scope,
        describe=describe_loss,
    ),
)
