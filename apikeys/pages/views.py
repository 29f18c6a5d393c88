"""Two pages for owners of keys: the first asks for the password, the second ends live keys."""

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy

from accounts import known_networks, passwords, request_context
from accounts.audit import audit_log
from accounts.errors import PasswordChangeRequired
from accounts.models import User
from accounts.pages.forms import PageForm
from accounts.pages.views import FormPage, Page, keep_private
from apikeys import keys
from apikeys.audit_codes import KEYS_PAGE, KeyReason
from apikeys.models.api_key import MAX_KEYS_PER_OWNER
from apikeys.pages.forms import SignInForm

TICKET = "authsvc_keys"  # the cookie's name
TICKET_LIFETIME = timedelta(minutes=10)


class SignInView(FormPage):
    """Ask for the password, within the same limits as every login, and give a ticket."""

    form_class = SignInForm
    template_name = "apikeys/sign_in.html"
    success_url = reverse_lazy("own-keys")
    owner: User

    def perform(self, data: dict[str, Any]) -> None:
        request_context.current().contract = KEYS_PAGE
        self.owner, attempt = passwords.check_credentials(data["identifier"], data["current"])
        if self.owner.must_change_password:
            raise PasswordChangeRequired(self.owner)
        audit_log.record(audit_log.Kind.LOGIN, user=self.owner, reason=KeyReason.SIGNED_IN_TO_KEYS)
        known_networks.note(attempt, self.owner)

    def form_valid(self, form: PageForm) -> HttpResponse:
        response = super().form_valid(form)
        return give_ticket(response, self.owner) if response.status_code == 302 else response


class OwnKeysView(Page):
    """Show the live keys of the holder of a ticket, and end the chosen ones."""

    owner: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        owner = read_ticket(request.COOKIES.get(TICKET, ""))
        if owner is None:
            return keep_private(remove_ticket(redirect("sign-in-to-keys")))
        self.owner = owner
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        ended = request.GET.get("ended", "")
        is_count = ended.isascii() and ended.isdecimal() and len(ended) < 3
        return self.show(ended=int(ended) if is_count else 0)

    def post(self, request: HttpRequest) -> HttpResponse:
        if "leave" in request.POST:
            void_ticket(request.COOKIES[TICKET])
            return remove_ticket(redirect("sign-in-to-keys"))
        chosen = request.POST.getlist("key")[:MAX_KEYS_PER_OWNER]
        if not chosen:
            return self.show(status=422, nothing_chosen=True)
        return redirect(f"{reverse('own-keys')}?ended={keys.delete_some(self.owner, chosen)}")

    def show(self, status: int = 200, **context: Any) -> HttpResponse:
        live = keys.live_of(self.owner.pk)
        return render(
            self.request,
            "apikeys/own_keys.html",
            context | {"owner": self.owner, "keys": list(live)},
            status=status,
        )


def give_ticket(response: HttpResponse, owner: User) -> HttpResponse:
    """Set a signed ticket.

    It is void once its holder leaves, and once the account has a new password or is deactivated.
    """
    ticket = signing.dumps(
        [str(owner.uuid), owner.credential_version, secrets.token_hex(8)], salt=TICKET
    )
    return _set_ticket(response, ticket, TICKET_LIFETIME)


def read_ticket(ticket: str) -> User | None:
    try:
        uuid, credential_version, *_ = signing.loads(ticket, salt=TICKET, max_age=TICKET_LIFETIME)
    except signing.BadSignature:
        return None
    if cache.get(_void_key(ticket)):
        return None
    return User.objects.filter(
        uuid=uuid, credential_version=credential_version, is_active=True, must_change_password=False
    ).first()


def void_ticket(ticket: str) -> None:
    """Void the ticket of a holder who leaves, and every copy of it, until it would expire."""
    cache.set(_void_key(ticket), True, timeout=TICKET_LIFETIME.total_seconds())


def remove_ticket(response: HttpResponse) -> HttpResponse:
    return _set_ticket(response, "", timedelta(0))


def _void_key(ticket: str) -> str:
    """Return the cache key that exists while a ticket is void."""
    return f"{TICKET}:{sha256(ticket.encode()).hexdigest()}"


def _set_ticket(response: HttpResponse, ticket: str, age: timedelta) -> HttpResponse:
    path, secure = reverse("own-keys"), settings.SECURE_COOKIES
    response.set_cookie(
        TICKET, ticket, max_age=age, path=path, secure=secure, httponly=True, samesite="Strict"
    )
    return response
