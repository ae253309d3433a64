"""Every setting of the project. Environment variables are read here and nowhere else; README lists them."""

import os
import socket
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from project.environment import (
    database,
    folder,
    hosts,
    kept_secret_key,
    language,
    machine_addresses,
    number,
    origins,
    rate,
    redis_address,
    switch,
    variable,
    web_address,
)

BASE_DIR = Path(__file__).resolve().parent.parent
environ.Env.read_env(BASE_DIR / ".env")

# Where it runs
HOST = variable("HOST", str, "127.0.0.1")
PORT = variable("PORT", number(1, 65535), 8000)
DATA_DIR = variable("DATA_DIR", lambda raw: (BASE_DIR / raw).resolve(), BASE_DIR / "var")
DEBUG = variable("DEBUG", switch, False)
DATABASE_URL = variable("DATABASE_URL", database, None)
REDIS_URL = variable("REDIS_URL", redis_address, "")
FLEET = bool(REDIS_URL)
PUBLIC_URL = variable("PUBLIC_URL", web_address, "")
HTTPS = variable("HTTPS", switch, False)
TRUSTED_PROXIES = variable("TRUSTED_PROXIES", number(0, 10), 0)
ACCEL_REDIRECT = variable("ACCEL_REDIRECT", switch, False)
MACHINE_ADDRESSES = machine_addresses()

# What it accepts and makes
UPLOAD_MAX_BYTES = variable("UPLOAD_MAX_BYTES", number(1, 1 << 30), 5 * 1024 * 1024)
UPLOAD_BODY_MAX_BYTES = UPLOAD_MAX_BYTES + 64 * 1024
UPLOAD_MAX_PIXELS = variable("UPLOAD_MAX_PIXELS", number(1, 1_000_000_000), 50_000_000)
UPLOAD_RATE = variable("UPLOAD_RATE", rate, "600/minute")
STORAGE_LIMIT_BYTES = variable("STORAGE_LIMIT_BYTES", number(0, 1 << 60), 0)
THUMBNAIL_WIDTH = variable("THUMBNAIL_WIDTH", number(16, 4096), 150)
THUMBNAIL_QUALITY = variable("THUMBNAIL_QUALITY", number(1, 100), 70)
SIGNED_URL_SECONDS = variable("SIGNED_URL_SECONDS", number(1, 30 * 24 * 3600), 3600)
HEARTBEAT_SECONDS = variable("HEARTBEAT_SECONDS", number(1, 3600), 15)

# Who may ask
if FLEET and not os.environ.get("SECRET_KEY"):
    raise ImproperlyConfigured("SECRET_KEY must be set, to the same value on every machine, when REDIS_URL is set")
if FLEET and not os.environ.get("ALLOWED_HOSTS"):
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts people use, when REDIS_URL is set")
SECRET_KEY = variable("SECRET_KEY", str, "") or kept_secret_key(DATA_DIR / "secret_key")
ALLOWED_HOSTS = variable(
    "ALLOWED_HOSTS",
    hosts,
    ["localhost", ".localhost", "127.0.0.1", "[::1]", socket.gethostname().lower(), *MACHINE_ADDRESSES],
)
CSRF_TRUSTED_ORIGINS: list[str] = variable("CSRF_TRUSTED_ORIGINS", origins, [])

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "realtime",  # before channels: its `runworker` takes the place of theirs
    "channels",
    "csp",
    "ninja",
    "imgs",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "imgs.middleware.ProblemsMiddleware",
    "project.static_files.StaticFilesMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
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
                "csp.context_processors.nonce",
            ],
        },
    },
]

# Data. Connections belong to the fixed threads of one process (realtime/threads.py), so they may stay open.
DATABASES: dict[str, dict[str, Any]] = {
    "default": DATABASE_URL or database(f"sqlite:///{DATA_DIR / 'dinding.sqlite3'}")
}
DATABASES["default"]["CONN_MAX_AGE"] = None
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # so that the first request after a restart of the database works
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=1;",
    }
    DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}
else:
    # No query here takes a second; one that waits this long waits for a process that hangs, and lets go
    limits = {"statement_timeout": 10_000, "lock_timeout": 5_000, "idle_in_transaction_session_timeout": 10_000}
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "options": " ".join(f"-c {name}={milliseconds}" for name, milliseconds in limits.items()),
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }

CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "dinding"},
    }
    if FLEET
    else {
        "BACKEND": "channels.layers.InMemoryChannelLayer",
        "CONFIG": {"capacity": 10_000, "group_expiry": 10 * 365 * 24 * 3600},
    }
}

# Files
MEDIA_ROOT = DATA_DIR / "media"
FILE_UPLOAD_TEMP_DIR = folder(DATA_DIR / "media" / "tmp")  # beside the media, so that storing is a rename
FILE_UPLOAD_HANDLERS = ["imgs.incoming.IncomingFileHandler"]
FILE_UPLOAD_PERMISSIONS = 0o644
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "imgs.disk.DurableStorage"},
    "staticfiles": {"BACKEND": "project.static_files.StaticFilesStorage"},
}

# Security
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
SESSION_COOKIE_AGE = 90 * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "imgs.views.csrf_failure"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "SAMEORIGIN"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [SELF],
    }
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Language and time
LANGUAGE_CODE = variable("LANGUAGE_CODE", language, "en")
LANGUAGES = [("id", _("Indonesian")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# Logs: one line an event, on standard error; Django's own request log is replaced by one line where an error is raised
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "project.logs.LineFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "CRITICAL"},
        "channels_redis": {"level": "CRITICAL"},  # a trace each second while Redis is away; imgs.outages says it once
        "daphne": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
    },
}
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008", "security.W012", "security.W016"]  # HTTPS turns these on
