"""The keys that sign tokens."""

from django.contrib import admin

from accounts.admin.base import SuperAdmins
from accounts.models import SigningKey


@admin.register(SigningKey)
class SigningKeyAdmin(SuperAdmins):
    list_display = ("kid", "algorithm", "use", "created_at", "retires_at")
    ordering = ("created_at",)
