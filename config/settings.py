"""Django's settings, made from the environment alone. Composition only: no logic of the product."""

from __future__ import annotations

from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

from config import database, embedded, env, key_rings, mail, production, secret

ENV = env.read()
production.require_safe(ENV)  # before a key is made that nobody has chosen
IS_PRODUCTION = production.is_production(ENV)
BASE_DIR = env.ROOT
DATA_DIR = ENV.home

SECRET_KEY = secret.secret_key(ENV)
VAULT_KEYS = key_rings.VaultKeys(ENV)
LEDGER_KEYS = key_rings.LedgerKeys(ENV)
LEDGER_SIGNING_KEYS = key_rings.SigningKeys(ENV)
LEDGER_PUBLIC_KEYS = ENV.home / "ledger-public-keys"
LEDGER_ANCHORS = ENV.home / "ledger-anchors.jsonl"
DEBUG = ENV.debug
ALLOWED_HOSTS = list(ENV.allowed_hosts) or ["localhost", "127.0.0.1", "[::1]", "testserver"]
CSRF_TRUSTED_ORIGINS = [ENV.public_url] if ENV.public_url else []
PUBLIC_URL = ENV.public_url or f"http://127.0.0.1:{ENV.port}"

INSTALLED_APPS = [
    "config",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django_htmx",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "allauth",
    "allauth.account",
    "allauth.usersessions",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.socialaccount.providers.saml",
    "audit",
    "departments",
    "connectors",
    "workflows",
]

MIDDLEWARE = [
    "config.health.HealthMiddleware",
    "config.requests.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.policy.PolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "departments.middleware.SessionMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "departments.middleware.ActorMiddleware",
    "departments.middleware.SecondFactorMiddleware",
    "config.walling.WallMiddleware",
    "departments.refused.RefusalMiddleware",
    "config.busy.BusyMiddleware",
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
                "csp.context_processors.nonce",
                "workflows.pages.navigation.navigation",
            ],
        },
    },
]

DATABASES = {"default": database.settings_for(ENV)}
BROKER_URL = ENV.broker_url or embedded.broker_url(ENV.home)
CACHES = {
    # Counts tries to sign in across all web processes, and must not depend on the broker.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "shared_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "departments.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_ADAPTER = "departments.sign_in.ClosedSignUp"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,10/15m/key", "single_sign_on": "60/m/ip"}
# Django's own: allauth's asks the database for addresses that we do not keep, for people only.
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # mail to an address without an account would tell it apart
ACCOUNT_FORMS = {"reset_password": "departments.sign_in.NewPassword"}
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
MFA_ADAPTER = "connectors.second_factor.SealedSecrets"
MFA_FORMS = {
    "activate_totp": "departments.codes.Activate",
    "authenticate": "departments.codes.Authenticate",
    "reauthenticate": "departments.codes.Reauthenticate",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "Tandem"
MFA_TOTP_TOLERANCE = 1  # clocks of phones may be half a minute off
MFA_ALLOW_UNVERIFIED_EMAIL = True  # accounts are made by administrators
ADMIN_NEEDS_SECOND_FACTOR = production.admin_needs_second_factor(ENV)
SOCIALACCOUNT_ADAPTER = "connectors.single_sign_on.adapter.Adapter"
SOCIALACCOUNT_LOGIN_ON_GET = True  # a form may be sent nowhere but here, and a provider is elsewhere
SESSION_IDLE_S = ENV.session_idle_minutes * 60
SESSION_COOKIE_AGE = ENV.session_hours * 3600  # from the sign-in, whatever is done (departments/sessions.py)
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
if SESSION_COOKIE_SECURE := PUBLIC_URL.startswith("https://"):
    CSRF_COOKIE_SECURE = True
    # A name that browsers take from this host alone, by TLS: no neighbour under the same domain can set one.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"

MAIL = mail.server_for(ENV)
EMAIL_BACKEND = MAIL.backend
EMAIL_HOST, EMAIL_PORT = MAIL.host, MAIL.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL.user, MAIL.password
EMAIL_USE_SSL, EMAIL_USE_TLS = MAIL.scheme == "smtps", MAIL.scheme == "smtp+starttls"
EMAIL_TIMEOUT = mail.ANSWERS_WITHIN_S
DEFAULT_FROM_EMAIL = SERVER_EMAIL = MAIL.sender

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German")), ("sv", _("Swedish"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = (ENV.static or DATA_DIR) / "static"
FRONT_END_DIR = (ENV.static or DATA_DIR) / "front-end"
STATICFILES_DIRS = [BASE_DIR / "static", FRONT_END_DIR]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Names carry a digest of the content, so that browsers keep files for ever; compressed once, when collected.
    "staticfiles": {"BACKEND": "config.static_files.Storage"},
}
SILENCED_SYSTEM_CHECKS = [
    "staticfiles.W004",  # `prepare` makes FRONT_END_DIR
    "security.W021",  # a place on the browsers' own list is hard to take back: whoever owns the domain decides
]
MEDIA_ROOT = DATA_DIR / "files"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
UPLOAD_MAX_BYTES = 25_000_000

SECURE_SSL_REDIRECT = IS_PRODUCTION
SECURE_REDIRECT_EXEMPT = ["^(livez|readyz|healthz|progressz|metrics)$"]  # asked for from inside, without the proxy
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if IS_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_PRODUCTION
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["departments.tokens.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["workflows.api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "workflows.api.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
}
METRICS_TOKEN = ENV.metrics_token
API_PER_MINUTE = ENV.api_per_minute
API_FAILURES_PER_MINUTE = ENV.api_failures_per_minute
FILES_OF_A_DEPARTMENT = ENV.files_department_mb * 1_000_000
FILES_OF_A_PERSON = ENV.files_person_mb * 1_000_000
FILES_LEAVE_FREE = ENV.files_spare_mb * 1_000_000
SPECTACULAR_SETTINGS = {
    "TITLE": "Tandem",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",  # pydantic writes JSON Schema 2020-12, which 3.0 does not know
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PREPROCESSING_HOOKS": ["workflows.api.schema.without_doubles"],
    "POSTPROCESSING_HOOKS": [],
}

# Providers: what the environment names, else the practice model that `up` starts.
OPENAI_API_KEY = ENV.openai_api_key
OPENAI_BASE_URL = ENV.openai_base_url
OPENAI_MODEL = ENV.openai_model
PRACTICE_MODEL = embedded.PRACTICE_MODEL
PRACTICE_MODEL_URL = embedded.practice_url(ENV.home)
EGRESS_HOSTS = ENV.egress_hosts
FOLDERS = ENV.folders
PROGRAMS = ENV.programs

# Where step kinds are looked for; a package of your own may stand here too.
STEP_PACKAGES = ["workflows.steps", "connectors.catalog"]
TRIGGER_PACKAGES = ["workflows.triggers", "connectors.catalog"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "{asctime} {levelname:<7} {name} {message}", "style": "{"},
        "json": {"()": "config.log_lines.JsonLines"},
    },
    "filters": {
        "context": {"()": "connectors.log_context.ContextFilter"},
        "no_secrets": {"()": "connectors.scrubbing.LogFilter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": ENV.log_format,
            "filters": ["context", "no_secrets"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    # It names every call of a model; the journal knows them already.
    "loggers": {"httpx2": {"level": "WARNING"}},
}
