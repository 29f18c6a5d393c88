"""All settings: from the environment, with defaults for one machine.

A start stops where a default would be dangerous. docs/settings.md explains each variable.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp import constants as csp
from django.core.exceptions import ImproperlyConfigured

from authsvc import contracts, databases, local_files, security_txt
from authsvc.environment import (
    MIN_SECRET_LENGTH,
    address,
    duration,
    flag,
    number,
    one_of,
    origins,
    pattern,
    rate,
    secrets,
    text,
    words,
)
from authsvc.logging_config import logging_config
from authsvc.openapi.spectacular_settings import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS

BASE_DIR = Path(__file__).resolve().parent.parent

# The service and its address

DEBUG = flag("DEBUG", False)
DATA_DIR = Path(text("DATA_DIR") or BASE_DIR / "var").resolve()
PORT = number("PORT", 8000, least=1, most=65_535)
_public_address = "the http or https address at which users reach this service"
PUBLIC_URL = address("PUBLIC_URL", f"http://localhost:{PORT}", ("https", "http"), _public_address)
_public = urlsplit(PUBLIC_URL)
if not _public.hostname or _public.query or _public.fragment:
    raise ImproperlyConfigured(f"PUBLIC_URL must be {_public_address}.")
local_files.check_data_dir(DATA_DIR)
SECURE_COOKIES = _public.scheme == "https"
ALLOWED_HOSTS = words("ALLOWED_HOSTS", (_public.hostname, "localhost", "127.0.0.1", "[::1]"))
ROOT_URLCONF = "authsvc.urls"
WSGI_APPLICATION = "authsvc.wsgi.application"
SITE_NAME = text("SITE_NAME", "authsvc")
# The first admin's password until it is changed, where there was no terminal to print it on.
FIRST_PASSWORD_FILE = DATA_DIR / "first_admin_password"

# Database and cache

DATABASE_URL = address(
    "DATABASE_URL",
    "",
    ("postgres", "postgresql", "sqlite"),
    "an address such as postgres://user:password@host:5432/name",
)
DATABASES = {"default": databases.database(DATABASE_URL, DATA_DIR / "db.sqlite3")}
DATABASE_APP_ROLE = pattern(
    "DATABASE_APP_ROLE",
    r"[a-z_][a-z0-9_]{0,62}",
    "the name of a role of PostgreSQL, in small letters, digits and _",
)
DATABASE_APP_PASSWORD = text("DATABASE_APP_PASSWORD")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = address(
    "REDIS_URL", "", ("redis", "rediss", "unix"), "an address such as redis://host:6379/0"
)
CACHES = databases.caches(REDIS_URL)
WEB_CONCURRENCY = number("WEB_CONCURRENCY", 1, least=1)
if WEB_CONCURRENCY > 1 and not REDIS_URL:
    raise ImproperlyConfigured(
        "WEB_CONCURRENCY above 1 needs REDIS_URL, since each process would count wrong passwords "
        "for itself."
    )

# Secrets

SECRET_KEY = text("SECRET_KEY")
if not SECRET_KEY and DATABASE_URL.startswith("postgres"):
    raise ImproperlyConfigured(
        "SECRET_KEY (or SECRET_KEY_FILE) must be set: every node that shares a database needs the "
        "same one."
    )
SECRET_KEY = SECRET_KEY or local_files.secret_key(DATA_DIR / "secret_key")
if len(SECRET_KEY) < MIN_SECRET_LENGTH:
    raise ImproperlyConfigured(f"SECRET_KEY must have {MIN_SECRET_LENGTH} characters or more.")
SECRET_KEY_FALLBACKS = secrets("SECRET_KEY_FALLBACKS")
ENCRYPTION_KEYS = secrets("ENCRYPTION_KEYS")
SIGNING_ALGORITHM = one_of("SIGNING_ALGORITHM", ("ES256", "RS256", "EdDSA", "HS256"))
ACCESS_TOKEN_TYP = one_of("ACCESS_TOKEN_TYP", ("JWT", "at+jwt"))  # at+jwt: RFC 9068, 2.1

# Contracts

CONTRACTS = words("CONTRACTS", contracts.BUILT_IN)
API_DOCS = flag("API_DOCS", True)

# Limits

# Public names, and so unchanged: NAME is an identifier, a user name or an address.
LOGIN_RATE_PER_NAME = rate("LOGIN_RATE_PER_NAME", "10/5m")
LOGIN_RATE_PER_NAME_DAILY = rate("LOGIN_RATE_PER_NAME_DAILY", "100/1d")
LOGIN_RATE_PER_ADDRESS = rate("LOGIN_RATE_PER_ADDRESS", "100/5m")
FORGOT_RATE_PER_ADDRESS = rate("FORGOT_RATE_PER_ADDRESS", "100/1h")
KNOWN_NETWORK_LIFETIME = duration(
    "KNOWN_NETWORK_LIFETIME", timedelta(days=90), least=timedelta(days=2)
)
TRUSTED_PROXIES = number("TRUSTED_PROXIES", 0)

# Applications

INSTALLED_APPS = [
    "authsvc",
    "accounts",
    "apikeys",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "authsvc.apps.AdminSiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "authsvc.openapi.operations.OperationSchema"}
MIDDLEWARE = [
    "authsvc.middleware.RequestContextMiddleware",
    "authsvc.middleware.APIMiddleware",  # answers the API; what follows is for browsers
    "authsvc.forwarded_proto.ForwardedProtoMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "authsvc.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATE_DIR = text("TEMPLATE_DIR")
if TEMPLATE_DIR and not Path(TEMPLATE_DIR).is_dir():
    raise ImproperlyConfigured(
        "TEMPLATE_DIR must be a folder; what it holds is taken in place of the templates of the "
        "same names."
    )
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [*filter(None, [TEMPLATE_DIR]), BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.pages.views.site",
            ]
        },
    }
]
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français")]
SECURITY_TXT = security_txt.from_environment(PUBLIC_URL)
LOCALE_PATHS = [BASE_DIR / "authsvc" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# Accounts and tokens

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.AccountBackend"]
PASSWORD_HASHERS = [
    "accounts.hashing.hashers.TunedArgon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "accounts.hashing.hashers.ImportedBCryptPasswordHasher",
    "accounts.hashing.hashers.ImportedPHCPasswordHasher",
]
# 19 MiB, t=2, p=1: OWASP's Password Storage Cheat Sheet.
ARGON2_MEMORY_KIB = number("ARGON2_MEMORY_KIB", 19_456, least=8)
ARGON2_TIME_COST = number("ARGON2_TIME_COST", 2, least=1)
ARGON2_PARALLELISM = number("ARGON2_PARALLELISM", 1, least=1)
HASHING_QUEUE = number("HASHING_QUEUE", 0, least=1)  # 0: four times the processors, and 10 at least
THREADS = number("THREADS", 0, least=1)  # of a web process (gunicorn.conf.py); 0 in commands
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 8},
    },
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "email", "name")},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.validators.MaximumLengthValidator"},
]
# None keeps events for ever. The database refuses to delete younger ones than 90 days.
AUDIT_RETENTION = duration("AUDIT_RETENTION", None, least=timedelta(days=90))
# How old a status list may be, which tells services far away of ended sessions.
STATUS_LIST_TTL = duration("STATUS_LIST_TTL", timedelta(seconds=60))
SIMPLE_JWT = {"USER_ID_FIELD": "uuid", "USER_ID_CLAIM": "sub", "ISSUER": PUBLIC_URL}

# Mail

EMAILS_ENABLED = flag("EMAILS_ENABLED", True)
NEW_NETWORK_MAIL = flag("NEW_NETWORK_MAIL", True)
EMAIL_HOST = text("EMAIL_HOST")
EMAIL_PORT = number("EMAIL_PORT", 587, least=1, most=65_535)
EMAIL_HOST_USER = text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = flag("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 20  # seconds, for each reply of the mail server
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = str(DATA_DIR / "mail")  # on a laptop, mails are files
if EMAILS_ENABLED and not EMAIL_HOST:
    local_files.make_mail_folder(EMAIL_FILE_PATH)
DEFAULT_FROM_EMAIL = text("DEFAULT_FROM_EMAIL", f"authsvc <no-reply@{_public.hostname}>")
# Longer than a try, in which the mail server is waited for several times.
MAIL_CLAIM = duration(
    "MAIL_CLAIM", timedelta(minutes=2), least=timedelta(seconds=3 * EMAIL_TIMEOUT)
)
RESET_LIFETIME = duration("RESET_LIFETIME", timedelta(hours=1))
INVITATION_LIFETIME = duration("INVITATION_LIFETIME", timedelta(days=7))

# Browsers: the admin and the pages. The API uses no cookie of Django's.

SESSION_ENGINE = "accounts.browser_sessions"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
ADMIN_IDLE = duration("ADMIN_IDLE", timedelta(minutes=30))
ADMIN_SESSION = duration("ADMIN_SESSION", timedelta(hours=8))
# From the last write of the row on; the cookie itself ends with the browser.
SESSION_COOKIE_AGE = int(ADMIN_IDLE.total_seconds())
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_NAME = "authsvc_session"
CSRF_COOKIE_NAME = "authsvc_csrf"
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
CSRF_FAILURE_VIEW = "accounts.pages.views.csrf_failure"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [csp.NONE],
        "script-src": [csp.SELF],
        "style-src": [csp.SELF],
        "img-src": [csp.SELF, "data:"],
        "form-action": [csp.SELF],
        "frame-ancestors": [csp.NONE],
        "base-uri": [csp.NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_COOKIES else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_COOKIES
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # the preload list is for whoever owns the whole domain
SECURE_SSL_REDIRECT = SECURE_COOKIES
SECURE_SSL_HOST = _public.netloc  # never the Host header
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
APPEND_SLASH = False
LOGIN_URL = "admin:login"
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
MAX_BODY_BYTES = 64 * 1024  # every documented body is far smaller
UPLOAD_PATH = "/admin/accounts/user/import/"  # the one page that takes a file
# All of it in memory: a file may hold passwords, which must not reach a disk.
MAX_UPLOAD_BYTES = FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20 + MAX_BODY_BYTES

# Scripts of other origins may call the API, with credentials, and nothing else

CORS_ALLOWED_ORIGINS = origins("CORS_ALLOWED_ORIGINS")
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_METHODS = ("GET", "POST", "DELETE", "OPTIONS")
CORS_ALLOW_HEADERS = (
    *("authorization", "content-type"),
    *("x-api-key", "x-request-id", "x-requested-with"),
)
CORS_EXPOSE_HEADERS = ("X-Request-ID", "Retry-After")
CORS_PREFLIGHT_MAX_AGE = 7200  # the longest that Chromium keeps one
if CORS_ALLOWED_ORIGINS:
    INSTALLED_APPS.append("corsheaders")
    MIDDLEWARE.insert(1, "authsvc.cors.ContractCorsMiddleware")

# Logs

LOG_FORMAT = one_of("LOG_FORMAT", ("text", "json"))
LOGGING = logging_config(LOG_FORMAT, serving=bool(THREADS))
