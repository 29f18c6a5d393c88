"""The audit log's list and export in the admin site."""

from django.urls import reverse

from tests.conftest import PASSWORD

LIST = reverse("admin:accounts_auditevent_changelist")
EXPORT = reverse("admin:accounts_auditevent_export")


SENT = {"form": "csv", "reason": "ticket 7", "password": PASSWORD}
