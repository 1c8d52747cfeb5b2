"""What the daily summary says. Pure: lines in, a subject and a text out."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def summary_of(lines: Sequence[str]) -> tuple[str, str]:
    """Subject and text of one mail about several tasks, in the order in which they were asked."""
    subject = ngettext("%(count)d task for you", "%(count)d tasks for you", len(lines)) % {"count": len(lines)}
    text = "\n".join(
        [
            _("Since the last summary you were asked:"),
            "",
            *(f"- {line}" for line in lines),
            "",
            _("Everything that waits for you: %(address)s") % {"address": settings.PUBLIC_URL + reverse("tasks")},
            "",
            _("You get this summary at 8 in the morning because you chose it. Choose anew: %(address)s")
            % {"address": settings.PUBLIC_URL + reverse("mail_choice")},
        ]
    )
    return subject, text
