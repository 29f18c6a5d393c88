"""The keys that sign tokens: what each does now, and how another takes its place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.timesince import timesince
from django.utils.timezone import now

from accounts import policy
from accounts.admin.action_view import Reasoned
from accounts.admin.base import SuperAdmins, operator, permitted
from accounts.models import SigningKey
from accounts.operators import privileged

Use = SigningKey.Use
KNOWN = timedelta(hours=1)  # after which programs that keep the key set have fetched it again


@dataclass(frozen=True)
class Row:
    """A key, in words."""

    key: SigningKey

    @property
    def does(self) -> str:
        if self.key.use == Use.CURRENT:
            return "Signs every new token, and verifies those that it signed."
        if self.key.use == Use.NEXT:
            published = (
                "Published, so that programs know it"
                if self.key.algorithm != "HS256"
                else "Known to every node"
            )
            return f"{published} before it signs. It will sign after the next rotation."
        if self.key.retires_at and self.key.retires_at <= now():
            return "Nothing any more: every token that it signed has expired. It is deleted soon."
        return (
            "Signs nothing any more. Verifies the tokens that it signed, until they have expired."
        )

    @property
    def age(self) -> str:
        old = now() - self.key.created_at
        return (
            timesince(self.key.created_at, depth=1)
            if old >= timedelta(minutes=1)
            else "less than a minute"
        )

    @property
    def fresh(self) -> bool:
        """Published so short a time ago that not everybody who verifies tokens knows it."""
        return (
            self.key.use == Use.NEXT
            and self.key.algorithm != "HS256"
            and now() - self.key.created_at < KNOWN
        )

    @property
    def known_at(self) -> Any:
        return self.key.created_at + KNOWN

    @property
    def may_retire(self) -> bool:
        return self.key.use == Use.PREVIOUS


@admin.register(SigningKey)
class SigningKeyAdmin(SuperAdmins):
    fields = ("kid", "algorithm", "use", "created_at", "retires_at")
    actions = None

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("rotate/", wrap(self.rotate), name="accounts_signingkey_rotate"),
            path("<str:kid>/retire/", wrap(self.retire), name="accounts_signingkey_retire"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A handful of keys, the one that signs first."""
        self.for_super_admins(request)
        order = {Use.CURRENT: 0, Use.NEXT: 1, Use.PREVIOUS: 2}
        keys = sorted(
            SigningKey.objects.order_by("-created_at"), key=lambda key: order[Use(key.use)]
        )
        return self.page(
            request,
            "list",
            "Signing keys",
            rows=[Row(key) for key in keys],
            algorithm=settings.SIGNING_ALGORITHM,
        )

    def rotate(self, request: HttpRequest) -> HttpResponse:
        """Says what will happen, asks for a reason and the password, and does it."""
        self.for_super_admins(request)
        form = Reasoned(request.POST if request.method == "POST" else None, request=request)
        if request.method == "POST" and form.is_valid():
            with permitted():
                key = privileged.rotate_signing_key(operator(request), form.cleaned_data["reason"])
            messages.success(
                request, f"The key {key.kid} signs from now on. Nobody has to log in again."
            )
            return redirect("admin:accounts_signingkey_changelist")
        rows = {key.use: Row(key) for key in SigningKey.objects.exclude(use=Use.PREVIOUS)}
        retires = now() + policy.longest_lifetime()
        jwks = f"{settings.PUBLIC_URL}/.well-known/jwks.json"
        shown = {
            "current": rows.get(Use.CURRENT),
            "next": rows.get(Use.NEXT),
            "retires": retires,
            "jwks": jwks,
            "form": form,
        }
        return self.page(request, "rotate", "Rotate the signing keys", form.status, **shown)

    def retire(self, request: HttpRequest, kid: str) -> HttpResponse:
        """Ends what one previous key signed, for an emergency."""
        self.for_super_admins(request)
        form = Reasoned(request.POST if request.method == "POST" else None, request=request)
        if request.method == "POST" and form.is_valid():
            with permitted():
                retired = privileged.retire_signing_key(
                    operator(request), kid, form.cleaned_data["reason"]
                )
            if retired:
                messages.success(
                    request,
                    f"The key {kid} is retired. What it signed is refused within a minute, on every node.",
                )
            else:
                messages.error(
                    request,
                    f"The key {kid[:64]} is no previous key, or not any more. Nothing was done.",
                )
            return redirect("admin:accounts_signingkey_changelist")
        key = SigningKey.objects.filter(pk=kid, use=Use.PREVIOUS).first()
        if key is None:
            messages.error(
                request,
                f"The key {kid[:64]} is no previous key. The one that signs has to be rotated first. Nothing was done.",
            )
            return redirect("admin:accounts_signingkey_changelist")
        return self.page(
            request, "retire", f"Retire {kid} now", form.status, row=Row(key), form=form
        )

    def for_super_admins(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def page(
        self, request: HttpRequest, name: str, title: str, status: int = 200, **context: Any
    ) -> HttpResponse:
        context |= self.admin_site.each_context(request)
        context |= {
            "title": title,
            "opts": self.opts,
            "changelist": reverse("admin:accounts_signingkey_changelist"),
        }
        return TemplateResponse(
            request, f"admin/accounts/signingkey/{name}.html", context, status=status
        )
