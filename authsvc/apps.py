from django.apps import AppConfig
from django.contrib.admin import apps as admin


class AuthsvcConfig(AppConfig):
    name = "authsvc"

    def ready(self) -> None:
        from authsvc import checks  # noqa: F401 (registers them)
        from authsvc.contracts import registry

        registry.load()


class AdminSiteConfig(admin.AdminConfig):
    default = False  # settings name it, in place of the class that it extends
    default_site = "accounts.admin_site.AuthsvcAdminSite"
