"""Requests and responses of imports and exports in the admin site."""

import re

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from tests.conftest import PASSWORD

IMPORT, EXPORT, LOGIN, LIST = (
    reverse(f"admin:{name}")
    for name in (
        "accounts_user_import",
        "accounts_user_export",
        "login",
        "accounts_user_changelist",
    )
)


USERS = f"""\
username,email,name,password
Carol,carol@example.com,Carol Danvers,{PASSWORD}
CAROL,,,
Alice,,,
dave,,=1+1,short
"""


def signed_in(username):
    """Return a browser in which the password was given a moment ago."""
    browser = Client()
    assert (
        browser.post(LOGIN, {"username": username, "password": PASSWORD, "next": LIST}).status_code
        == 302
    )
    return browser


def stale(browser):
    """Return the browser as it is an hour later."""
    session = browser.session
    session["password_given_at"] = int(now().timestamp()) - 3600
    session.save()
    return browser


def upload(browser, content=USERS, name="users.csv", **options):
    content = content.encode() if isinstance(content, str) else content
    return browser.post(IMPORT, {"file": SimpleUploadedFile(name, content), **options})


def errors(answer):
    return " ".join(" ".join(each) for each in answer.context["form"].errors.values())


def body(answer):
    return (
        b"".join(answer.streaming_content).decode() if answer.streaming else answer.content.decode()
    )


def words(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", body(answer)))
