"""Paths of the pages. A mail's link leads to ``reset/<token>``."""

from django.urls import path

from accounts.pages.views import (
    PasswordChangeView,
    PasswordResetConfirmView,
    PasswordResetLinkView,
    PasswordResetRequestView,
    PlainPage,
)

urlpatterns = [
    path("forgot", PasswordResetRequestView.as_view(), name="forgot"),
    path(
        "forgot/sent",
        PlainPage.as_view(template_name="accounts/forgot_sent.html"),
        name="forgot-sent",
    ),
    path("reset", PasswordResetConfirmView.as_view(), name="reset"),
    path(
        "reset/done", PlainPage.as_view(template_name="accounts/reset_done.html"), name="reset-done"
    ),
    path(
        "reset/first/done",
        PlainPage.as_view(template_name="accounts/first_password_done.html"),
        name="first-password-done",
    ),
    path("reset/<slug:token>", PasswordResetLinkView.as_view(), name="open-link"),
    path("change-password", PasswordChangeView.as_view(), name="change-password"),
    path(
        "change-password/done",
        PlainPage.as_view(template_name="accounts/change_password_done.html"),
        name="change-password-done",
    ),
]
