"""Settings, read from the environment by django-environ. The README has the table; `.env.example` every name."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from config import languages
from config.environment import BASE_DIR, DATA_DIR, env
from config.pool import check_when_idle
from preferences.pulse import WatchedConnection

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
DATABASE_URL = env.str("DATABASE_URL", default="")
if not SECRET_KEY:
    raise ImproperlyConfigured("Set SECRET_KEY (and DATABASE_URL), or start through `make run` or manage.py.")
if not DATABASE_URL:
    raise ImproperlyConfigured("Set DATABASE_URL, for example postgres://farewell:password@db.example.org/farewell")

PORT = env.int("PORT", default=8000)
FAREWELL_DATA_DIR = DATA_DIR
FAREWELL_BASE_URL = env.str("FAREWELL_BASE_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
FAREWELL_ADDRESS_KEY = env.str("FAREWELL_ADDRESS_KEY", default="")
FAREWELL_TRUSTED_PROXY_COUNT = env.int("FAREWELL_TRUSTED_PROXY_COUNT", default=0)
FAREWELL_RECORDER_QUEUE_SIZE = env.int("FAREWELL_RECORDER_QUEUE_SIZE", default=20_000)
FAREWELL_RECORDER_FLUSH_SECONDS = env.float("FAREWELL_RECORDER_FLUSH_SECONDS", default=0.2)
FAREWELL_SPOOL_MAX_MB = env.int("FAREWELL_SPOOL_MAX_MB", default=512)
FAREWELL_SPOOL_OPT_OUTS = env.bool("FAREWELL_SPOOL_OPT_OUTS", default=False)
FAREWELL_KEYRING_REFRESH_SECONDS = env.float("FAREWELL_KEYRING_REFRESH_SECONDS", default=5.0)
FAREWELL_KEEP_ANSWERS_DAYS = env.int("FAREWELL_KEEP_ANSWERS_DAYS", default=30)
FAREWELL_KEEP_OPENS_DAYS = env.int("FAREWELL_KEEP_OPENS_DAYS", default=365)
FAREWELL_KEEP_CLICKS_DAYS = env.int("FAREWELL_KEEP_CLICKS_DAYS", default=365)
FAREWELL_KEEP_VISITS_DAYS = env.int("FAREWELL_KEEP_VISITS_DAYS", default=730)
FAREWELL_PSEUDONYMISE_DAYS = env.int("FAREWELL_PSEUDONYMISE_DAYS", default=180)
FAREWELL_RECOUNT_DAYS = env.int("FAREWELL_RECOUNT_DAYS", default=30)
FAREWELL_MAX_CONVERSIONS = env.int("FAREWELL_MAX_CONVERSIONS", default=100)
FAREWELL_NETWORKS_FILE = env.str("FAREWELL_NETWORKS_FILE", default="")
FAREWELL_ASN_DATABASE = env.str("FAREWELL_ASN_DATABASE", default="")
FAREWELL_LEARN_AGENTS = env.bool("FAREWELL_LEARN_AGENTS", default=True)
FAREWELL_LEARN_NETWORKS = env.bool("FAREWELL_LEARN_NETWORKS", default=False)
FAREWELL_LOOK_UP_MAIL_HOSTS = env.bool("FAREWELL_LOOK_UP_MAIL_HOSTS", default=False)
FAREWELL_LINK_MAILS_PER_HOUR = env.int("FAREWELL_LINK_MAILS_PER_HOUR", default=1_000)

_base = urlsplit(FAREWELL_BASE_URL)
_is_https = _base.scheme == "https"
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=sorted({_base.hostname or "127.0.0.1", "127.0.0.1", "localhost"}))
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[FAREWELL_BASE_URL] if _is_https else [])
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=_is_https)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if _is_https else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=_is_https)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=_is_https)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if FAREWELL_TRUSTED_PROXY_COUNT else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _is_https
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "unsubscribe",
    "engagement",
    "preferences",
    "django_tasks_db",
    "crontask",
    "config.admin.FarewellAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
]
# The public doors are answered by the first entry and never reach the others: they need no session, no CSRF
# token, no redirect and no language of the request, and RFC 8058 forbids most of that (docs/decisions/0003).
MIDDLEWARE = [
    "unsubscribe.middleware.public_doors",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
# What the admin needs and no more; the public doors set a stricter policy of their own.
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
SECURE_REFERRER_POLICY = "same-origin"

_database = env.db_url_config(DATABASE_URL)
_database["ENGINE"] = "config.database"
_database["CONN_HEALTH_CHECKS"] = True
_database["OPTIONS"] = {
    # A peer that went without a word is given up after some five minutes, in the middle of the longest statement, too:
    # its machine no longer acknowledges anything. One that only works, or waits for a lock, does acknowledge.
    "keepalives_idle": 60,
    "keepalives_interval": 15,
    "keepalives_count": 16,
    "tcp_user_timeout": 300_000,
    **_database.get("OPTIONS", {}),
    # Short, because a door that waits for a database which is away holds a thread that pages need.
    "connect_timeout": 2,
    "prepare_threshold": 5 if env.bool("DATABASE_PREPARED_STATEMENTS", default=True) else None,
    "pool": {
        "min_size": 0,
        "max_size": env.int("DATABASE_POOL_SIZE", default=16),
        "timeout": 2,
        "connection_class": WatchedConnection,
        "check": check_when_idle,
        # The pool waits longer after each failure; given up early, it begins anew with the next request, and works
        # again as soon as the database does.
        "reconnect_timeout": 1,
    },
}
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default"]}}


def _mailer() -> dict[str, Any]:
    """One entry of MAILERS: SMTP from `EMAIL_URL`, else .eml files in the data directory."""
    if not (url := env.str("EMAIL_URL", default="")):
        return {
            "BACKEND": "unsubscribe.outbox.OutboxBackend",
            "OPTIONS": {"file_path": str(DATA_DIR / "outbox")},
        }
    parsed = env.email_url_config(url)
    names = {
        "EMAIL_HOST": "host",
        "EMAIL_PORT": "port",
        "EMAIL_HOST_USER": "username",
        "EMAIL_HOST_PASSWORD": "password",
        "EMAIL_USE_TLS": "use_tls",
        "EMAIL_USE_SSL": "use_ssl",
    }
    options = {option: parsed[name] for name, option in names.items() if parsed.get(name) is not None}
    return {"BACKEND": parsed["EMAIL_BACKEND"], "OPTIONS": options}


MAILERS = {"default": _mailer()}
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="farewell@example.org")

LANGUAGE_CODE = "en"
LANGUAGES = languages.LANGUAGES
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static.ModuleStorage"},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"without_tokens": {"()": "unsubscribe.logs.WithoutTokens"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["without_tokens"]},
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "django.security.DisallowedHost": {"handlers": [], "propagate": False},  # whoever knocks fills no log
    },
}
