"""The pages under another path, as a ROOT_URLCONF of a test."""

from django.urls import include, path

import authsvc.urls

handler500 = authsvc.urls.handler500
urlpatterns = [path("people/", include("accounts.pages.urls"))]
