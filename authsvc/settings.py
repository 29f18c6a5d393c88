"""All settings: the environment on top, a default that works on a laptop, a stop where a default would be dangerous."""

import os
import secrets
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import Any
from urllib.parse import urlsplit

import environ
from csp import constants as csp
from django.core.exceptions import ImproperlyConfigured

from authsvc import contracts, postgresql
from authsvc.environment import (
    address,
    duration,
    flag,
    matching,
    number,
    one_of,
    rate,
    read,
    text,
    words,
)

BASE_DIR = Path(__file__).resolve().parent.parent
HEALTH_PATHS = ("/healthz", "/readyz")


# Where and what this is

DEBUG = flag("DEBUG", False)
DATA_DIR = Path(text("DATA_DIR") or BASE_DIR / "var").resolve()
PORT = number("PORT", 8000, least=1, most=65_535)
PUBLIC_URL = address(
    "PUBLIC_URL",
    f"http://localhost:{PORT}",
    ("https", "http"),
    "the http or https address at which people reach this service",
)
_public = urlsplit(PUBLIC_URL)
if not _public.hostname or _public.query or _public.fragment:
    raise ImproperlyConfigured(
        "PUBLIC_URL must be the http or https address at which people reach this service."
    )
try:
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    TemporaryFile(dir=DATA_DIR).close()
except OSError as error:
    raise ImproperlyConfigured("DATA_DIR must be a folder that this process may write.") from error
SECURE_COOKIES = _public.scheme == "https"
ALLOWED_HOSTS = words("ALLOWED_HOSTS", (_public.hostname, "localhost", "127.0.0.1", "[::1]"))
ROOT_URLCONF = "authsvc.urls"
WSGI_APPLICATION = "authsvc.wsgi.application"
SITE_NAME = text("SITE_NAME", "authsvc")


FIRST_PASSWORD_FILE = (
    DATA_DIR / "first_admin_password"
)  # until it is changed; only where it was printed on no terminal


# The database


def check_sqlite(name: str, variable: str) -> None:
    """Stop where SQLite could not write its file, or those that it puts beside it.

    Make the file for its owner only if there is none: SQLite gives its mode to the others.
    """
    path = Path(name)
    try:
        if name != ":memory:":
            TemporaryFile(dir=path.parent).close()
        kept = [
            each for suffix in ("", "-wal", "-shm") if (each := Path(f"{name}{suffix}")).exists()
        ]
        if any(each.is_dir() or not os.access(each, os.R_OK | os.W_OK) for each in kept):
            raise PermissionError(name)
        if name != ":memory:":
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError:
        raise ImproperlyConfigured(
            f"{variable} must lead to a SQLite file that this process may write, in a folder that it may write."
        ) from None


DATABASE_URL = address(
    "DATABASE_URL",
    "",
    ("postgres", "postgresql", "sqlite"),
    "an address such as postgres://user:password@host:5432/name",
)
if DATABASE_URL:
    DATABASES = {"default": environ.Env.db_url_config(DATABASE_URL)}
else:
    DATABASES = {
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATA_DIR / "db.sqlite3")}
    }

if "sqlite" in DATABASES["default"]["ENGINE"]:
    check_sqlite(DATABASES["default"]["NAME"], "DATABASE_URL" if DATABASE_URL else "DATA_DIR")
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 5,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["ENGINE"] = "authsvc.postgresql"
    DATABASES["default"]["OPTIONS"] = {
        "pool": {
            "min_size": 1,
            "max_size": number("DATABASE_POOL_SIZE", 8, least=1),
            "timeout": 5,
            "reconnect_timeout": 2,
        },
        **postgresql.CONNECTION,
        **DATABASES["default"].get("OPTIONS", {}),
    }
DATABASE_APP_ROLE = read(
    "DATABASE_APP_ROLE",
    lambda given: matching(r"[a-z_][a-z0-9_]{0,62}")(given).group(),
    "",
    "the name of a role of PostgreSQL, in small letters, digits and _",
)
DATABASE_APP_PASSWORD = text("DATABASE_APP_PASSWORD")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# Secrets


def local_secret(path: Path) -> str:
    """The secret of a service that runs on one machine: made once, kept beside its database, readable by its owner only."""
    if not path.exists():
        with NamedTemporaryFile("w", dir=path.parent) as draft:  # readable by its owner only
            draft.write(secrets.token_urlsafe(48))
            draft.flush()
            with suppress(FileExistsError):  # of two processes that start at once, one is first
                os.link(draft.name, path)
    return path.read_text().strip()


def several_secrets(given: str) -> list[str]:
    found = [secret.strip() for secret in given.split(",")]
    if min(map(len, found)) < 32:
        raise ValueError("too short")
    return found


SECRETS = "secrets of 32 characters or more each, separated by commas"
SECRET_KEY = text("SECRET_KEY")
if not SECRET_KEY and DATABASE_URL.startswith("postgres"):
    raise ImproperlyConfigured(
        "SECRET_KEY (or SECRET_KEY_FILE) must be set: every node that shares a database needs the same one."
    )
try:
    SECRET_KEY = SECRET_KEY or local_secret(DATA_DIR / "secret_key")
except (OSError, UnicodeDecodeError) as error:
    raise ImproperlyConfigured(
        "SECRET_KEY must be set, or this process must be able to keep it in the file secret_key under DATA_DIR."
    ) from error
if len(SECRET_KEY) < 32:
    raise ImproperlyConfigured("SECRET_KEY must have 32 characters or more.")
SECRET_KEY_FALLBACKS = read("SECRET_KEY_FALLBACKS", several_secrets, [], SECRETS)
ENCRYPTION_KEYS = read("ENCRYPTION_KEYS", several_secrets, [], SECRETS)
SIGNING_ALGORITHM = one_of("SIGNING_ALGORITHM", ("ES256", "RS256", "EdDSA", "HS256"))
ACCESS_TOKEN_TYP = one_of("ACCESS_TOKEN_TYP", ("JWT", "at+jwt"))  # at+jwt: RFC 9068, 2.1


# Contracts

CONTRACTS = words("CONTRACTS", contracts.BUILT_IN)


# Limits

LOGIN_RATE_PER_NAME = rate("LOGIN_RATE_PER_NAME", "10/5m")
LOGIN_RATE_PER_NAME_DAILY = rate("LOGIN_RATE_PER_NAME_DAILY", "100/1d")
LOGIN_RATE_PER_ADDRESS = rate("LOGIN_RATE_PER_ADDRESS", "100/5m")
FORGOT_RATE_PER_ADDRESS = rate("FORGOT_RATE_PER_ADDRESS", "100/1h")
KNOWN_NETWORK_LIFETIME = duration(
    "KNOWN_NETWORK_LIFETIME", timedelta(days=90), least=timedelta(days=2)
)
TRUSTED_PROXIES = number("TRUSTED_PROXIES", 0)
REDIS_URL = address(
    "REDIS_URL", "", ("redis", "rediss", "unix"), "an address such as redis://host:6379/0"
)
WEB_CONCURRENCY = number("WEB_CONCURRENCY", 1, least=1)
if WEB_CONCURRENCY > 1 and not REDIS_URL:
    raise ImproperlyConfigured(
        "WEB_CONCURRENCY above 1 needs REDIS_URL, since each process would count wrong passwords for itself."
    )
_memory = {
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    "OPTIONS": {"MAX_ENTRIES": 100_000},
}
CACHES: dict[str, dict[str, Any]] = {"default": _memory, "memory": _memory}
if REDIS_URL:
    CACHES["default"] = {
        "BACKEND": "authsvc.cache.ResilientRedisCache",
        "LOCATION": REDIS_URL,
        "VERSION": 2,  # of how values are written: a node of an earlier version reads pickles, and shall not meet JSON
        "OPTIONS": {
            "socket_timeout": 0.5,
            "socket_connect_timeout": 0.5,
            "health_check_interval": 30,
        },
    }


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
]
MIDDLEWARE = [
    "authsvc.middleware.RequestContextMiddleware",
    "authsvc.middleware.APIMiddleware",  # answers what programs call; what follows is for browsers
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
        "TEMPLATE_DIR must be a folder; what it holds is taken in place of the templates of the same names."
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
LOCALE_PATHS = [BASE_DIR / "accounts" / "locale"]
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
ARGON2_MEMORY_KIB = number(
    "ARGON2_MEMORY_KIB", 19_456, least=8
)  # 19 MiB, t=2, p=1: OWASP's Password Storage Cheat Sheet
ARGON2_TIME_COST = number("ARGON2_TIME_COST", 2, least=1)
ARGON2_PARALLELISM = number("ARGON2_PARALLELISM", 1, least=1)
HASHING_QUEUE = number("HASHING_QUEUE", 0, least=1)  # 0: four times the processors, and 10 at least
THREADS = number("THREADS", 0, least=1)  # of a web process, as gunicorn.conf.py says; 0 in commands
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
AUDIT_RETENTION = duration(
    "AUDIT_RETENTION", None, least=timedelta(days=90)
)  # None keeps for ever; the database lets nothing younger go
SIMPLE_JWT = {"USER_ID_FIELD": "uuid", "USER_ID_CLAIM": "sub", "ISSUER": PUBLIC_URL}


# Mail

EMAILS_ENABLED = flag("EMAILS_ENABLED", True)
NEW_NETWORK_MAIL = flag("NEW_NETWORK_MAIL", True)
EMAIL_HOST = text("EMAIL_HOST")
EMAIL_PORT = number("EMAIL_PORT", 587, least=1, most=65_535)
EMAIL_HOST_USER = text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = flag("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 20
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = str(DATA_DIR / "mail")  # on a laptop, mails are files
if EMAILS_ENABLED and not EMAIL_HOST:
    with suppress(OSError):  # the backend says what is wrong there
        os.makedirs(EMAIL_FILE_PATH, mode=0o700, exist_ok=True)
        os.chmod(
            EMAIL_FILE_PATH, 0o700
        )  # one made by others than us, too: mails hold links that are good
DEFAULT_FROM_EMAIL = text("DEFAULT_FROM_EMAIL", f"authsvc <no-reply@{_public.hostname}>")
MAIL_CLAIM = duration("MAIL_CLAIM", timedelta(minutes=2))  # longer than one try can last
RESET_LIFETIME = duration("RESET_LIFETIME", timedelta(hours=1))
INVITATION_LIFETIME = duration("INVITATION_LIFETIME", timedelta(days=7))


# Browsers: the admin and the pages. Contract endpoints use no cookie of Django's.

SESSION_ENGINE = "accounts.browser_sessions"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
ADMIN_IDLE = duration("ADMIN_IDLE", timedelta(minutes=30))
ADMIN_SESSION = duration("ADMIN_SESSION", timedelta(hours=8))
SESSION_COOKIE_AGE = int(
    ADMIN_IDLE.total_seconds()
)  # since the row was written last; the cookie goes with the browser
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
SECURE_SSL_HOST = _public.netloc  # and never the Host header
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
APPEND_SLASH = False
LOGIN_URL = "admin:login"
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
MAX_BODY_BYTES = 64 * 1024  # bytes: every documented body is far smaller
UPLOAD_PATH = "/admin/accounts/user/import/"  # a file of accounts: every other body is small
MAX_UPLOAD_BYTES = FILE_UPLOAD_MAX_MEMORY_SIZE = (
    5 * 2**20 + MAX_BODY_BYTES
)  # all in memory: it may hold passwords, which no disk shall see


# Scripts of other origins: they may call the contracts, with credentials, and nothing else


def origins(given: str) -> list[str]:
    return [
        matching(r"[a-z][a-z0-9+.-]*://[^/?#@*\s]+")(origin.strip().lower()).group()
        for origin in given.split(",")
        if origin.strip()
    ]


CORS_ALLOWED_ORIGINS = read(
    "CORS_ALLOWED_ORIGINS",
    origins,
    [],
    "origins such as https://app.example.com, separated by commas",
)
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_METHODS = ("GET", "POST", "DELETE", "OPTIONS")
CORS_ALLOW_HEADERS = (
    "authorization",
    "x-api-key",
    "x-request-id",
    "x-requested-with",
    "content-type",
)
CORS_EXPOSE_HEADERS = ("X-Request-ID", "Retry-After")
CORS_PREFLIGHT_MAX_AGE = 7200  # the longest that Chromium keeps one
if CORS_ALLOWED_ORIGINS:
    INSTALLED_APPS.append("corsheaders")
    MIDDLEWARE.insert(1, "authsvc.cors.ContractCorsMiddleware")


# Logs: what goes wrong, never what was typed. Paths may hold reset tokens, so Django's lines about refused paths stay out.

LOG_FORMAT = one_of("LOG_FORMAT", ("text", "json"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_context": {"()": "authsvc.logs.RequestContextFilter"},
        "pages": {"()": "authsvc.logs.PagesFilter"},
    },
    "formatters": {
        "text": {
            "()": "authsvc.logs.EscapingFormatter",
            "format": "{asctime} {levelname} {name} [{request_id}] {message}",
            "style": "{",
        },
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "{asctime}{levelname}{name}{request_id}{contract}{message}",
            "style": "{",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        },
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["request_context"],
        }
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR", "filters": ["pages"]},
        "django.security": {"level": "CRITICAL"},
        "django.server": {"level": "WARNING"},
        "psycopg.pool": {
            "level": "WARNING" if THREADS else "CRITICAL"
        },  # a command ends with a sentence of its own
    },
}
