"""Sign-ins to the admin site, and time that passes in a browser."""

from datetime import timedelta

from django.contrib.sessions.models import Session as BrowserSession
from django.urls import reverse

from tests.conftest import PASSWORD

LIST, LOGIN, LOGOUT, INDEX = (
    reverse(f"admin:{name}") for name in ("accounts_user_changelist", "login", "logout", "index")
)


def sign_in(client, username="olga", password=PASSWORD, **more):
    return client.post(LOGIN, {"username": username, "password": password, "next": INDEX}, **more)


def signed_in(client):
    return client.get(INDEX).status_code == 200


def wait(client, **length):
    """As if everything in this browser's session had happened so long ago."""
    ago = int(timedelta(**length).total_seconds())
    session = client.session
    session.update(
        {
            key: session[key] - ago
            for key in ("entered_at", "seen_at", "password_given_at")
            if key in session
        }
    )
    session.save()


def row():
    return BrowserSession.objects.get()
