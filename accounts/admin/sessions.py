"""Who is logged in where."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import audit
from accounts.admin.base import Readable, operator
from accounts.models import Session


@admin.register(Session)
class SessionAdmin(Readable):
    list_display = ("user", "contract", "created_at", "last_used_at", "expires_at", "address", "state")
    list_select_related = ("user",)
    list_filter = ("contract", "created_at")
    search_fields = ("=id", "user__username", "user__email")
    ordering = ("-created_at",)
    show_full_result_count = False
    exclude = ("refresh_jti", "previous_jti")
    actions = ("end",)

    @admin.display(description="state")
    def state(self, session: Session) -> str:
        return session.revoked_why or "live or expired"

    @admin.action(description="End the selected sessions", permissions=["view"])
    def end(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        allowed = queryset if request.user.is_superuser else queryset.filter(user__is_staff=False, user__is_superuser=False)
        ended = 0
        for session in allowed.select_related("user"):
            if Session.objects.filter(pk=session.pk).revoke("ended by an operator"):
                audit.record(audit.Kind.SESSIONS_ENDED, user=session.user, actor=operator(request), session=session.pk)
                ended += 1
        self.message_user(request, f"{ended} sessions ended.", messages.SUCCESS)
