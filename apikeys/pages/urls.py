"""The paths of the pages for owners of keys. Mails lead to ``keys``."""

from django.urls import path

from apikeys.pages.views import OwnKeys, SignIn

urlpatterns = [
    path("keys", SignIn.as_view(), name="sign-in-to-keys"),
    path("keys/yours", OwnKeys.as_view(), name="own-keys"),
]
