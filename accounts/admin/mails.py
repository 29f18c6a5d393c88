"""Mails, and what became of them."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import Readable
from accounts.models import OutgoingMail


@admin.register(OutgoingMail)
class OutgoingMailAdmin(Readable):
    list_display = ("created_at", "kind", "typed", "recipient", "fate", "tries", "error", "next_try_at", "closed_at")
    list_filter = ("fate", "kind", "created_at")
    search_fields = ("typed", "recipient", "=request_id")
    ordering = ("-created_at",)
    show_full_result_count = False
    actions = ("send_again",)

    @admin.action(description="Send again what was given up", permissions=["view"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[OutgoingMail]) -> None:
        waiting = OutgoingMail.objects.filter(pk__in=queryset.values("pk")).send_again()
        self.message_user(request, f"{waiting} mails will be sent again.", messages.SUCCESS)
