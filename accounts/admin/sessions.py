"""Sessions in the admin site."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q
from django.utils.timezone import now
from rest_framework_simplejwt.token_blacklist import admin as registers_them  # noqa: F401
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts import devices
from accounts.admin.action_admin import ActionAdmin
from accounts.admin.badges import Badge
from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.filters import ActiveFilter, ContractFilter, OwnerFilter
from accounts.admin.lists import OwnedRowsAdmin, time_column
from accounts.audit import reason_messages
from accounts.models import Session

# A session says all that can be known of its tokens, and ends them in the right way.
admin.site.unregister([OutstandingToken, BlacklistedToken])


@admin.register(Session)
class SessionAdmin(ActionAdmin, OwnedRowsAdmin, ReadOnlyAdmin):
    list_display = (
        "user",
        "state",
        "contract",
        "device",
        "address",
        time_column("created_at", "opened"),
        time_column("last_used_at", "last used"),
        time_column("expires_at", "expires"),
    )
    list_select_related = ("user",)
    list_filter = (ActiveFilter, ContractFilter, OwnerFilter)
    ordering = ("-created_at",)
    exclude = ("refresh_jti", "previous_jti")

    def by_id(self, query: str) -> Q | None:
        with suppress(ValueError):
            return Q(pk=UUID(query))
        return None

    def event_filters(self, row: Session) -> dict[str, Any]:
        return {"session": row.pk}

    @admin.display(description="state")
    def state(self, session: Session) -> Badge:
        if session.revoked_at:
            return Badge(f"Ended: {reason_messages.text(session.revoked_reason, {})}")
        return Badge("Active", "good") if session.expires_at > now() else Badge("Expired")

    @admin.display(description="device")
    def device(self, session: Session) -> str:
        return devices.describe_in_lists(session.user_agent)
