from django.apps import AppConfig
from django.contrib.admin import apps as admin


class AuthsvcConfig(AppConfig):
    name = "authsvc"

    def ready(self) -> None:
        from authsvc import checks  # noqa: F401 (registers them)


class AdminSiteConfig(admin.AdminConfig):
    default = False  # it is named in the settings, in the place of the one that it extends
    default_site = "accounts.admin_site.OperatorsSite"
