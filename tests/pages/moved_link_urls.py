"""A ROOT_URLCONF with the reset link under another path than the form that it leads to."""

from django.urls import include, path

import authsvc.urls
from accounts.pages.urls import urlpatterns as pages
from accounts.pages.views import PasswordResetLinkView

handler500 = authsvc.urls.handler500
others = [page for page in pages if page.name != "open-link"]
link = path("links/<slug:token>/open", PasswordResetLinkView.as_view(), name="open-link")
urlpatterns = [path("people/", include([*others, link]))]
