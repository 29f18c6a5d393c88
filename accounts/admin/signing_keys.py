"""Signing keys in the admin site: the list, their rotation, and the retirement of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.timesince import timesince
from django.utils.timezone import now

from accounts import keyring, policy
from accounts.admin.base import SuperAdminsOnly
from accounts.admin.reauthentication import ReauthenticatedFormView
from accounts.models import SigningKey
from accounts.operators import privileged

Use = SigningKey.Use
MAX_KID_LENGTH = 64  # characters of what an address names, in a message


@dataclass(frozen=True)
class KeyDescription:
    """A signing key in words."""

    key: SigningKey

    @property
    def purpose(self) -> str:
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
    def is_new(self) -> bool:
        """Whether programs that keep the key set may not have fetched it yet."""
        return self.key.use == Use.NEXT and not keyring.is_known(self.key)

    @property
    def known_at(self) -> datetime:
        return self.key.created_at + keyring.KNOWN_AFTER

    @property
    def may_retire(self) -> bool:
        return self.key.use == Use.PREVIOUS


class RotateView(ReauthenticatedFormView):
    """The page that explains and carries out a rotation."""

    template_name = "admin/accounts/signingkey/rotate.html"
    title = "Rotate the signing keys"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        keys = SigningKey.objects.exclude(use=Use.PREVIOUS)
        described = {key.use: KeyDescription(key) for key in keys}
        return super().get_context_data(
            current=described.get(Use.CURRENT),
            next=described.get(Use.NEXT),
            retires=now() + policy.longest_lifetime(),
            jwks=f"{settings.PUBLIC_URL}/.well-known/jwks.json",
            **kwargs,
        )

    def form_valid(self, form: Any) -> HttpResponse:
        key = privileged.rotate_signing_key(self.operator, form.cleaned_data["reason"])
        messages.success(
            self.request, f"The key {key.kid} signs from now on. No user has to log in again."
        )
        return redirect("admin:accounts_signingkey_changelist")


class RetireView(ReauthenticatedFormView):
    """The page that ends what one previous key signed, for an emergency."""

    template_name = "admin/accounts/signingkey/retire.html"

    def get_title(self) -> str:
        return f"Retire {self.kwargs['kid']} now"

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        kid = self.kwargs["kid"]
        key = SigningKey.objects.filter(pk=kid, use=Use.PREVIOUS).first()
        if key is None:
            return self.refuse(
                f"The key {kid[:MAX_KID_LENGTH]} is no previous key. "
                "The one that signs has to be rotated first."
            )
        return super().render_to_response({**context, "row": KeyDescription(key)}, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        kid = self.kwargs["kid"]
        if not privileged.retire_signing_key(self.operator, kid, form.cleaned_data["reason"]):
            return self.refuse(
                f"The key {kid[:MAX_KID_LENGTH]} is no previous key, or not any more."
            )
        messages.success(
            self.request,
            f"The key {kid} is retired. What it signed is refused within a minute, on every node.",
        )
        return redirect("admin:accounts_signingkey_changelist")

    def refuse(self, sentence: str) -> HttpResponse:
        messages.error(self.request, f"{sentence} Nothing was done.")
        return redirect("admin:accounts_signingkey_changelist")


@admin.register(SigningKey)
class SigningKeyAdmin(SuperAdminsOnly):
    fields = ("kid", "algorithm", "use", "created_at", "retires_at")
    actions = None

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        rotate = wrap(RotateView.as_view(model_admin=self))
        retire = wrap(RetireView.as_view(model_admin=self))
        return [
            path("rotate/", rotate, name="accounts_signingkey_rotate"),
            path("<slug:kid>/retire/", retire, name="accounts_signingkey_retire"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A handful of keys, the one that signs first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        order = {Use.CURRENT: 0, Use.NEXT: 1, Use.PREVIOUS: 2}
        keys = sorted(
            SigningKey.objects.order_by("-created_at"), key=lambda key: order[Use(key.use)]
        )
        context = {
            **self.admin_site.each_context(request),
            "title": "Signing keys",
            "opts": self.opts,
            "rows": [KeyDescription(key) for key in keys],
            "algorithm": settings.SIGNING_ALGORITHM,
        }
        return TemplateResponse(request, "admin/accounts/signingkey/list.html", context)
