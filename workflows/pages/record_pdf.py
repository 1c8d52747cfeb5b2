"""The record of a run as a PDF: the same facts as on the page, with what the steps were given and gave, and what
models were asked and answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from connectors.documents.paper import Paper
from workflows.models import Attempt, RunStatus
from workflows.pages.record_facts import call_words, inner_words, question_facts, spoken, step_facts
from workflows.pages.record_words import (
    deed_words,
    drafted_words,
    exact,
    kept_words,
    voice_facts,
    voice_heading,
)
from workflows.pages.showing import money, named
from workflows.runtime.journey import tree_of
from workflows.services.recorded_questions import step_output
from workflows.services.records import Record, RecordedQuestion, Some
from workflows.services.step_titles import title_of

MOST_CHARACTERS = 500_000
"""Of what steps were given and gave and models were asked and answered, in all; what is beyond is counted and named."""

_one_at_a_time = Lock()
"""A long record takes a core for seconds: several at once would make every page of this process slow."""


def pdf_of(record: Record, inputs: Sequence[tuple[str, Any]]) -> bytes:
    """`inputs`: title and value of each."""
    with _one_at_a_time:
        return _RecordPaper(record).written(inputs)


class _RecordPaper:
    def __init__(self, record: Record) -> None:
        self.record, self.run = record, record.run
        title = _("Record of %(run)s") % {"run": self.run}
        self.paper = Paper(title, settings.FRONT_END_DIR / "vendor" / "dejavu")
        self.room, self.left_out = MOST_CHARACTERS, 0

    def written(self, inputs: Sequence[tuple[str, Any]]) -> bytes:
        self._in_short()
        self.paper.heading(_("What went in"), 2)
        for title, value in inputs:
            self._value(title, value)
        if not inputs:
            self.paper.text(_("Erased.") if self.run.erased_at else _("Nothing was given to it."))
        self._questions(self.record.questions)
        self.paper.heading(_("What came out"), 2)
        self._output()
        self._steps(self.record.steps)
        self._inner(self.record.inner)
        self._models()
        self._deeds()
        self._about()
        return self.paper.pdf()

    # ── the run ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _in_short(self) -> None:
        run, paper = self.run, self.paper
        paper.heading(_("Record of %(run)s") % {"run": run}, 1)
        if not self.record.is_over:
            paper.text(_("This run has not ended. The record shows what is known now; more may come."))
        if run.erased_at:
            paper.text(
                _("The contents were erased on %(at)s. What happened is still told.") % {"at": exact(run.erased_at)}
            )
        if run.is_test:
            paper.text(_("This was a test of a draft: %(mode)s.") % {"mode": run.get_mode_display()})
        if run.error:
            paper.text(_("The run failed: %(message)s") % {"message": run.error.get("message", "")})
        paper.facts(self._facts())

    def _facts(self) -> Iterator[tuple[str, str]]:
        run, version = self.run, self.run.version
        yield _("run"), str(run.pk)
        if run.parent_id:
            yield _("inside the run"), str(run.parent_id)
        yield _("status"), str(RunStatus(run.status).label)
        yield _("department"), run.department.name
        yield _("workflow"), run.workflow.name
        published = {"number": version.number, "who": version.published_by, "at": exact(version.published_at)}
        yield _("version"), _("%(number)s, published by %(who)s, %(at)s") % published
        if version.note:
            yield _("what was new in it"), version.note
        yield _("started by"), run.started_by or "Tandem"
        yield _("started"), exact(run.started_at)
        yield _("ended"), exact(run.finished_at) if self.record.is_over else _("not yet")
        yield _("cost"), _("%(money)s, %(tokens)s tokens") % {"money": money(run.cost_usd), "tokens": f"{run.tokens:,}"}
        yield _("decided by"), ", ".join(self.record.people) or _("nobody")
        yield _("this record"), exact(self.record.gathered_at)

    def _output(self) -> None:
        if isinstance(self.run.output, Mapping) and self.run.output:
            for name, value in self.run.output.items():
                self._value(named(name), value)
        elif self.run.erased_at:
            self.paper.text(_("Erased."))
        else:
            self.paper.text("\n".join(spoken(self.run.output)) if self.run.output else _("Nothing."))

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _questions(self, questions: Some) -> None:
        self.paper.heading(_("What people were asked, and what they made of it"), 2)
        if not questions.rows:
            self.paper.text(_("Nobody was asked anything in this run."))
        for number, asked in enumerate(questions.rows, 1):
            self._question(number, asked)

    def _question(self, number: int, asked: RecordedQuestion) -> None:
        paper = self.paper
        paper.heading(f"{number}. {asked.question}", 3)
        paper.facts(question_facts(asked))
        for name, value in asked.shown.items():
            self._value(_("Shown: %(name)s") % {"name": name}, value)
        for place, option in enumerate(asked.options, 1):
            self._value(_("Draft %(number)s") % {"number": place}, option)
        self._draft(asked)
        for each in asked.sources:
            self._value(_("Source of the draft: %(document)s") % {"document": each.document}, each.passage)
        if asked.remarks:
            self._value(_("Sent back with these remarks"), asked.remarks)
        if asked.values:
            self._value(_("The result, given by hand") if asked.is_by_hand else _("What was answered"), asked.values)
        if asked.leaving:
            self._leaving(asked.leaving, asked.leaving_sha256)
        for voice in asked.voices:
            paper.heading(voice_heading(voice), 4)
            if voice.reason and not asked.remarks:
                paper.text(voice.reason)
            paper.facts(voice_facts(voice))

    def _draft(self, asked: RecordedQuestion) -> None:
        if not (asked.draft or asked.changes):
            return
        self.paper.heading(_("The draft, and what became of it"), 4)
        if said := drafted_words(asked):
            self.paper.note(f"{said}.")
        if asked.changes is None:
            self.paper.text(asked.draft)
            return
        self.paper.redline((part.kind, part.text) for part in asked.changes.parts)
        self.paper.note(kept_words(asked.changes.kept, asked.changes.of))

    def _leaving(self, leaving: Mapping[str, Any], sha256: str) -> None:
        self.paper.heading(_("What was approved to be sent, to the letter"), 4)
        attached = [
            f"{each['name']}, {each['size']:,} bytes, SHA-256 {each['sha256']}" for each in leaving["attachments"]
        ]
        self.paper.facts(
            [
                (_("by"), leaving["by"]),
                (_("to"), "\n".join(leaving["to"])),
                *leaving["headings"].items(),
                *((_("attached"), each) for each in attached),
                (_("digest"), f"SHA-256 {sha256}"),
            ]
        )
        self.paper.text(leaving["body"])

    # ── the machine ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _steps(self, steps: Some) -> None:
        self.paper.heading(_("Steps, in the order in which they came up"), 2)
        tree = tree_of(self.run.version_id)
        for number, step in enumerate(steps.rows, 1):
            self.paper.heading(f"{number}. {title_of(step.step_id, step.kind, tree)}", 3)
            self.paper.facts(step_facts(step))
            self._long(_("What it gave"), step_output(step))
            for each in step.tries.all():
                self._try(each)

    def _try(self, tried: Attempt) -> None:
        self.paper.note(
            _("Try %(number)s, %(begun)s to %(ended)s")
            % {"number": tried.number, "begun": exact(tried.started_at), "ended": exact(tried.finished_at)}
        )
        if tried.error:
            self.paper.text(str(tried.error.get("message", "")))
        self._long(_("What it was given"), tried.given)
        for call in tried.calls:
            self._call(call)

    def _call(self, call: Mapping[str, Any]) -> None:
        if call.get("kind") != "model":
            self._long(_("Asked of another system"), call)
            return
        model = call.get("model_answered") or call.get("model_asked") or ""
        for said in call.get("prompt", ()):
            self._long(_("Asked of %(model)s (%(role)s)") % {"model": model, "role": said["role"]}, said["content"])
        self._long(_("%(model)s answered") % {"model": model}, call.get("answer") or call.get("partial"))
        self.paper.note(" · ".join(call_words(call)))

    def _inner(self, inner: Some) -> None:
        if not inner.rows:
            return
        self.paper.heading(_("Runs inside, each with a record of its own"), 2)
        for each in inner.rows:
            self.paper.note(inner_words(each))

    def _models(self) -> None:
        self.paper.heading(_("AI models that were asked"), 2)
        heads = [_("Provider"), _("Model"), _("Calls"), _("Failed"), _("Tokens sent"), _("Received"), _("Cost")]
        rows = [
            [
                used.provider,
                used.model,
                *(f"{n:,}" for n in (used.calls, used.failed, used.tokens_in, used.tokens_out)),
                money(used.cost_usd),
            ]
            for used in self.record.models
        ]
        if rows:
            self.paper.table(heads, rows, (22, 28, 9, 9, 13, 13, 12))
        else:
            self.paper.text(_("No AI model was asked."))

    def _deeds(self) -> None:
        self.paper.heading(_("Ledger: who did what"), 2)
        rows = [[exact(entry.at), deed_words(entry), str(entry.pk)] for entry in self.record.deeds.rows]
        if rows:
            self.paper.table([_("When"), _("What"), _("Position")], rows, (26, 46, 34))
        else:
            self.paper.text(_("The ledger has no entry about this run."))

    def _about(self) -> None:
        self.paper.heading(_("About this document"), 2)
        if self.left_out:
            said = _(
                "%(count)s characters of what steps and models were given and gave are left out, as the document would "
                "be too long; the record in the API holds them."
            )
            self.paper.text(said % {"count": f"{self.left_out:,}"})
        else:
            self.paper.text(
                _("Nothing of the run is left out. The steps of the version stand under Versions, and in the API.")
            )
        if missing := self.paper.missing_names():
            said = _(
                "A white square stands for a character that this document cannot show, or that is hidden: %(names)s."
            )
            self.paper.text(said % {"names": "; ".join(missing)})

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _value(self, title: str, value: Any) -> None:
        self.paper.heading(title, 4)
        self.paper.text("\n".join(spoken(value)))

    def _long(self, title: str, value: Any) -> None:
        """What is long and many: as much of it as there is room for."""
        if value in (None, "", {}, []):
            return
        text = "\n".join(spoken(value))
        shown = text[: self.room]
        self.room -= len(shown)
        self.left_out += len(text) - len(shown)
        if shown:
            self.paper.heading(title, 4)
            self.paper.text(shown)
