from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


class ConnectorsConfig(AppConfig):
    name = "connectors"
    verbose_name = "Connectors and models"

    def ready(self) -> None:
        from connectors import scrubbing, second_factor  # noqa: F401  connects a receiver
        from departments.models import Department

        scrubbing.learn(given_at_the_start())
        # How a host is written is known up here; the column, and every form over it, belongs to the floor below.
        Department._meta.get_field("egress_hosts").validators.append(readable_hosts)


def given_at_the_start() -> list[str]:
    """The secrets that the server itself is started with; a password that is also the user's name is none."""
    databases = [each for each in settings.DATABASES.values() if each.get("PASSWORD") != each.get("USER")]
    passwords = [str(each.get("PASSWORD") or "") for each in databases]
    passwords += [urlsplit(settings.BROKER_URL).password or "", settings.METRICS_TOKEN]
    return [settings.SECRET_KEY, settings.OPENAI_API_KEY, settings.EMAIL_HOST_PASSWORD, *passwords]


def readable_hosts(hosts: list[str]) -> None:
    """Raises ValidationError naming the entries that would allow nothing."""
    from connectors.net.egress import Egress

    policy = Egress(tuple(map(str, hosts))) if isinstance(hosts, list) else Egress()
    if closed := policy.closed:
        problem = _("This lies in your own network: %(hosts)s. Write “private:” before it to let workflows go there.")
        raise ValidationError(problem % {"hosts": ", ".join(closed)})
    if unreadable := policy.unreadable:
        problem = _(
            "Not written as a host: %(hosts)s. Write api.example.com, *.example.com or api.example.com:8443; for other "
            "servers smtp://, imap://, postgresql://, mysql:// or sftp:// before the name; folder:///srv/exchange."
        )
        raise ValidationError(problem % {"hosts": ", ".join(unreadable)})
