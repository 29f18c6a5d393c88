"""Paths of the pages for owners of keys. Mails lead to ``keys``."""

from django.urls import path

from apikeys.pages.views import OwnKeysView, SignInView

urlpatterns = [
    path("keys", SignInView.as_view(), name="sign-in-to-keys"),
    path("keys/yours", OwnKeysView.as_view(), name="own-keys"),
]
