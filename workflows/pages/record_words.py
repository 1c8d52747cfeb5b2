"""What a record says in words, the same on the page and in the PDF."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.models import Entry
from audit.sentences import facts, sentence
from workflows.models import TaskStatus, Verdict, Why
from workflows.pages.question import decision_word, happened_words
from workflows.pages.showing import took
from workflows.services.records import AskedOne, RecordedQuestion, Voice


def exact(moment: datetime | None) -> str:
    """A moment as evidence names it: to the second, with its zone."""
    if moment is None:
        return "\N{EN DASH}"
    local = timezone.localtime(moment)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def voice_heading(voice: Voice) -> str:
    """“Ada Wolf approved, in place of Carla Counsel”."""
    said = f"{voice.by or _('Nobody')}: {decision_word(voice.decision)}"
    if voice.in_place_of:
        said += ", " + _("in place of %(who)s") % {"who": voice.in_place_of}
    return said


def voice_facts(voice: Voice) -> list[tuple[str, str]]:
    """How it was decided: when, by which way, how long it was open and looked at, on what."""
    told = [
        (_("when"), exact(voice.at)),
        (_("how"), way(voice.via)),
        (_("open for"), took(timedelta(seconds=voice.open_s))),
        (_("looked at for"), _looked(voice)),
    ]
    if voice.verdict:
        told.append((_("the draft was"), verdict(voice)))
    if voice.seen_sha256:
        told.append((_("digest of what was shown"), f"SHA-256 {voice.seen_sha256}"))
    return told


def verdict(voice: Voice) -> str:
    said = str(Verdict(voice.verdict).label) if voice.verdict in Verdict.values else voice.verdict
    if not voice.words_changed:
        return said
    text = ngettext(
        "%(verdict)s: %(changed)s word changed in a draft of %(words)s",
        "%(verdict)s: %(changed)s words changed in a draft of %(words)s",
        voice.words_changed,
    )
    return text % {"verdict": said, "changed": f"{voice.words_changed:,}", "words": f"{voice.words:,}"}


def way(via: str) -> str:
    words = {
        "page": _("on the page of the task"),
        "many": _("together with others alike, by one confirmation"),
        "mail": _("by a link in a mail"),
        "api": _("by another program"),
        "time": _("by the clock"),
    }
    return words.get(via, via)


def asked_words(one: AskedOne) -> str:
    """“Dora Deputy, handed over by a colleague (Astrid Berg), 2027-01-31 09:00:00 UTC: You know it better”."""
    said = one.whom
    if one.why != Why.ASKED:
        said += f", {Why(one.why).label}" if one.why in Why.values else f", {one.why}"
        said += f" ({one.by})" if one.by else ""
    said += f", {exact(one.since)}"
    return f"{said}: {one.reason}" if one.reason else said


def why_words(asked: RecordedQuestion) -> str:
    """Why a person carried on for a step; nothing for the other kinds of questions."""
    if not asked.why:
        return ""
    _word, sentence = happened_words(str(asked.why.get("code", "")))
    return f"{sentence} {asked.why.get('message', '')}".strip()


def outcome(asked: RecordedQuestion) -> str:
    """What became of the question."""
    if asked.status == TaskStatus.OPEN:
        return _("Not answered yet")
    if asked.status == TaskStatus.CANCELLED:
        return _("The run ended before this was answered")
    if asked.status == TaskStatus.EXPIRED:
        return _("Nobody answered in time")
    word = decision_word(str((asked.answer or {}).get("decision", "")))
    by = _("by hand: %(what)s by %(who)s") if asked.is_by_hand else _("%(what)s by %(who)s")
    return by % {"what": word, "who": asked.decided_by}


def drafted_words(asked: RecordedQuestion) -> str:
    """Whose draft it was."""
    if asked.drafted_by_hand:
        return _("The draft was written by hand by %(who)s, in the place of the step “%(step)s”") % {
            "who": asked.drafted_by_hand,
            "step": asked.drafted_title,
        }
    if asked.drafted_by:
        said = {"step": asked.drafted_title, "model": asked.model or _("an AI model")}
        return _("The draft was written by %(model)s, in the step “%(step)s”") % said
    return ""


def kept_words(kept: int, of: int) -> str:
    text = ngettext("%(kept)s of %(of)s word of the draft kept", "%(kept)s of %(of)s words of the draft kept", of)
    return text % {"kept": f"{kept:,}", "of": f"{of:,}"}


def deed_words(entry: Entry) -> str:
    """A line of the ledger with what its sentence leaves unsaid below it."""
    unsaid = "; ".join(f"{name}: {said}" for name, said in facts(entry).items())
    return f"{sentence(entry)}\n{unsaid}" if unsaid else sentence(entry)


def _looked(voice: Voice) -> str:
    if voice.look_s is not None:
        return took(timedelta(seconds=voice.look_s))
    return _("not known: it was not opened on a page") if voice.by_kind == "person" else _("not looked at on a page")
