"""Helpers of the tests of request reports: logins, and parts of a report."""

from django.core.cache.backends import locmem
from django.urls import reverse

from tests.conftest import PASSWORD

PAGE = reverse("admin:accounts_auditevent_request")
CACHED = vars(locmem)["_caches"]


def message(page):
    return page.context["report"].message.text


def client_answer(page):
    return page.context["report"].message.answer


def log_in(caller, username="alice", password=PASSWORD, path="/c/bearer/api/v1/auth/login"):
    return caller.json(path, {"username": username, "password": password})


def tokens(caller):
    return log_in(caller).json()
