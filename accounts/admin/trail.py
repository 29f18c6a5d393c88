"""What happened."""

from django.contrib import admin

from accounts.admin.base import Readable
from accounts.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(Readable):
    list_display = ("at", "kind", "name", "reason", "contract", "address", "request_id", "actor")
    list_select_related = ("actor",)
    list_filter = ("kind", "contract", "at")
    search_fields = ("name", "=request_id", "=session")
    ordering = ("-at",)
    show_full_result_count = False
