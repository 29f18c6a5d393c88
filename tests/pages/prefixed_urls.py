"""A ROOT_URLCONF with the pages under another path."""

from django.urls import include, path

import authsvc.urls

handler500 = authsvc.urls.handler500
urlpatterns = [path("people/", include("accounts.pages.urls"))]
