"""Every setting, read once from the environment. `.env.example` lists them with their meaning."""

import secrets
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from wegnology import look
from wegnology.lib.crypto import new_key

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

PRODUCTION = env.str("WEGNOLOGY_ENV", "production") != "development"
STATE_DIR = Path(env.str("WEGNOLOGY_STATE_DIR", str(BASE_DIR / "var"))).resolve()
DEBUG = False


def _key(name: str, file: str) -> str:
    """Return a key from the environment; in development one is made at first start and kept in the state folder."""
    value: str = env.str(name, "")
    if value:
        return value
    if PRODUCTION:
        raise ImproperlyConfigured(
            f"{name} is not set. Production does not start without it: `python -m wegnology.lib.crypto` prints a new one. "
            "For a trial on this machine set WEGNOLOGY_ENV=development."
        )
    path = STATE_DIR / file
    if not path.exists():
        STATE_DIR.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(new_key() if file == "secret-keys" else secrets.token_urlsafe(50))
    return path.read_text().strip()


SECRET_KEY = _key("DJANGO_SECRET_KEY", "django-secret-key")
SECRET_KEYS = [key for key in _key("WEGNOLOGY_SECRET_KEYS", "secret-keys").split(",") if key]

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "wegnology.applications",
    "integrations",
    "workflows",
    "wegnology",
]
MIDDLEWARE = [
    "wegnology.lib.rest.request_ids.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "wegnology.lib.zones.ZoneMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "wegnology.applications.acting.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "wegnology.urls"
WSGI_APPLICATION = "wegnology.wsgi.application"
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
            ]
        },
    }
]

DATABASES = {"default": env.db_url("DATABASE_URL", f"sqlite:///{STATE_DIR / 'database.sqlite3'}")}
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
if SQLITE:
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# `manage.py run` without REDIS_URL starts a server of its own and leaves its address here for other commands.
EMBEDDED_REDIS_FILE = STATE_DIR / "redis" / "url"
REDIS_EMBEDDED = not PRODUCTION and not env.str("REDIS_URL", "")


def _redis_url() -> str:
    if REDIS_EMBEDDED and EMBEDDED_REDIS_FILE.exists():
        return EMBEDDED_REDIS_FILE.read_text().strip()
    url: str = env.str("REDIS_URL", "") or "redis://127.0.0.1:6379/0"
    return url


REDIS_URL = _redis_url()
REDIS_PREFIX = env.str("WEGNOLOGY_REDIS_PREFIX", "wg")

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LANGUAGE_CODE = "en"
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["wegnology.formats"]
TIME_ZONE = env.str("TIME_ZONE", "UTC")
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

ROLE = env.str("WEGNOLOGY_ROLE", "")
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": f"{REDIS_PREFIX}:celery:"}
CELERY_WORKER_HIJACK_ROOT_LOGGER = True
CELERY_TASK_ROUTES = {"workflows.drain": {"queue": "drain"}}
CELERY_TASK_DEFAULT_QUEUE = "tasks"

# What the runtime keeps to. Names and defaults stand in docs/operations.md.
PARTITIONS = env.int("WEGNOLOGY_PARTITIONS", 64)
LEASE_SECONDS = env.float("WEGNOLOGY_LEASE_SECONDS", 5.0)
THROTTLE_PER_SECOND = env.float("WEGNOLOGY_THROTTLE_PER_SECOND", 20.0)
THROTTLE_BURST = env.int("WEGNOLOGY_THROTTLE_BURST", 20)
INBOX_EVENTS = env.int("WEGNOLOGY_INBOX_EVENTS", 10_000)
INBOX_BYTES = env.int("WEGNOLOGY_INBOX_BYTES", 64 * 1024 * 1024)
OUTBOX_MESSAGES = env.int("WEGNOLOGY_OUTBOX_MESSAGES", 1_000)
OUTBOX_SECONDS = env.int("WEGNOLOGY_OUTBOX_SECONDS", 3_600)
PAYLOAD_BYTES = env.int("WEGNOLOGY_PAYLOAD_BYTES", 1024 * 1024)
RUN_SECONDS = env.float("WEGNOLOGY_RUN_SECONDS", 60.0)
RUNS_PER_INTEGRATION = env.int("WEGNOLOGY_RUNS_PER_INTEGRATION", 100)
RUNS_PER_WORKER = env.int("WEGNOLOGY_RUNS_PER_WORKER", 2_000)
SCRIPT_PROCESSES = env.int("WEGNOLOGY_SCRIPT_PROCESSES", 2)
INSIGHT = env.bool("WEGNOLOGY_INSIGHT", True)
RUNS_KEPT = env.int("WEGNOLOGY_RUNS_KEPT", 50)
RUN_SAMPLES = env.int("WEGNOLOGY_RUN_SAMPLES", 6)
DEBUG_MINUTES = env.int("WEGNOLOGY_DEBUG_MINUTES", 15)
INSIGHT_DAYS = env.int("WEGNOLOGY_INSIGHT_DAYS", 30)
WEBHOOK_WAITS = env.int("WEGNOLOGY_WEBHOOK_WAITS", 2)
WEBHOOK_REPLY_SECONDS = env.float("WEGNOLOGY_WEBHOOK_REPLY_SECONDS", 30.0)
PROOF_SECONDS = env.float("WEGNOLOGY_PROOF_SECONDS", 30.0)
ALLOW_PRIVATE_NETWORKS = env.bool("WEGNOLOGY_ALLOW_PRIVATE_NETWORKS", True)
EGRESS_ALLOW = env.list("WEGNOLOGY_EGRESS_ALLOW", default=[])
AUDIT_DAYS = env.int("WEGNOLOGY_AUDIT_DAYS", 365)
TRASH_DAYS = env.int("WEGNOLOGY_TRASH_DAYS", 30)
LEDGER_DAYS = env.int("WEGNOLOGY_LEDGER_DAYS", 30)
PARKED_DAYS = env.int("WEGNOLOGY_PARKED_DAYS", 30)
PARKED_MOST = env.int("WEGNOLOGY_PARKED_MOST", 10_000)
PARKED_BYTES = env.int("WEGNOLOGY_PARKED_BYTES", 268_435_456)
INSPECT_MESSAGES = env.int("WEGNOLOGY_INSPECT_MESSAGES", 100)
INSPECT_PER_SECOND = env.int("WEGNOLOGY_INSPECT_PER_SECOND", 20)
INSPECT_BYTES = env.int("WEGNOLOGY_INSPECT_BYTES", 4_096)
WORKFLOW_VERSIONS = env.int("WEGNOLOGY_WORKFLOW_VERSIONS", 200)
IMPORT_BYTES = env.int("WEGNOLOGY_IMPORT_BYTES", 10 * 1024 * 1024)
FORM_RENDERER = "wegnology.lib.quick_widgets.QuickRenderer"
FILE_UPLOAD_HANDLERS = ["wegnology.lib.uploads.BoundedUploads"]
SERVICE_URLS = env.list("WEGNOLOGY_SERVICE_URLS", default=[])
GOOGLE_TOKEN_URIS = env.list("WEGNOLOGY_GOOGLE_TOKEN_URIS", default=[])

# Mail, for alarms. Without EMAIL_URL none is sent, and rules with recipients say so.
EMAIL_URL = env.str("EMAIL_URL", "")
MAIL_CONFIGURED = bool(EMAIL_URL)
vars().update(env.email_url_config(EMAIL_URL or "dummymail://"))
del EMAIL_URL
EMAIL_PORT = vars().get("EMAIL_PORT") or (465 if vars().get("EMAIL_USE_SSL") else 587 if vars().get("EMAIL_USE_TLS") else 25)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", "wegnology@localhost")
PUBLIC_URL = env.str("WEGNOLOGY_PUBLIC_URL", "")
ALARM_DAYS = env.int("WEGNOLOGY_ALARM_DAYS", 90)

# The REST API.
API_BODY_BYTES = env.int("WEGNOLOGY_API_BODY_BYTES", 8 * 1024 * 1024)
API_PER_MINUTE = env.int("WEGNOLOGY_API_PER_MINUTE", 1_200)
API_STRANGERS_PER_MINUTE = env.int("WEGNOLOGY_API_STRANGERS_PER_MINUTE", 60)
LOGIN_TRIES = env.int("WEGNOLOGY_LOGIN_TRIES", 10)
LOGIN_TRIES_PER_ADDRESS = env.int("WEGNOLOGY_LOGIN_TRIES_PER_ADDRESS", 50)
LOGIN_SECONDS = env.int("WEGNOLOGY_LOGIN_SECONDS", 300)
USER_TOKEN_DAYS = env.int("WEGNOLOGY_USER_TOKEN_DAYS", 30)
USER_LOGIN_DAYS = env.int("WEGNOLOGY_USER_LOGIN_DAYS", 180)
BEHIND_PROXY = env.bool("BEHIND_TLS_PROXY", False)
REST_FRAMEWORK = {
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": "wegnology.lib.rest.errors.answer_error",
    "DEFAULT_SCHEMA_CLASS": "wegnology.lib.rest.openapi.ApiSchema",
}
# Lines of the log name the request during which they were written.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request": {"()": "wegnology.lib.rest.request_ids.RequestIdFilter"}},
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s%(request)s"}},
    "handlers": {"lines": {"class": "logging.StreamHandler", "filters": ["request"], "formatter": "line"}},
    "root": {"handlers": ["lines"], "level": "WARNING"},
    "loggers": {"django.request": {"level": "ERROR"}},
}
SPECTACULAR_SETTINGS = {
    "TITLE": "WEGnology Integrations",
    "DESCRIPTION": "The API of the official clients, as far as integrations and their workflows go, and what is beyond it.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api",
    "SCHEMA_PATH_PREFIX_TRIM": True,
    "SERVERS": [{"url": "/api"}],
    "APPEND_COMPONENTS": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    "POSTPROCESSING_HOOKS": [],
}

# Where processes listen, and what kind of machine they run on.
PORT = env.int("PORT", 8000)
DEMO_BROKER_PORT = env.int("DEMO_BROKER_PORT", 11883)
EPHEMERAL_HOST = bool(env.str("DYNO", ""))
ALLOW_EPHEMERAL = env.bool("WEGNOLOGY_ALLOW_EPHEMERAL", False)

# Who may read /metrics and the details of /readyz besides this machine itself: whoever sends this as a Bearer token.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")

CONTENT_SECURITY_POLICY = {  # the theme evaluates its attributes (Alpine) and sets styles in place; nothing comes from elsewhere
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
LOGGING = {  # Django's own would print nothing of a page that fails, unless DEBUG is on
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {"django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False}, "django.request": {"level": "ERROR"}},
}
UNFOLD = look.UNFOLD
LOGIN_REDIRECT_URL = "status"

if PRODUCTION:
    SESSION_COOKIE_SECURE = env.bool("SESSION_COOKIE_SECURE", True)
    CSRF_COOKIE_SECURE = env.bool("CSRF_COOKIE_SECURE", True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", False) else None
