"""What was looked at, what was found, and what cannot be known, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .checking import Report


def told(report: Report) -> Iterator[str]:
    """The whole report, line by line."""
    before = f", {report.from_before:,} of them from before the first seal" if report.from_before else ""
    yield f"Entries: {report.entries:,}{before}. Sealed: {report.sealed:,} in {report.batches:,} batches."
    if report.words or report.erased:
        yield f"Words of people: {report.words:,} are there, sealed; {report.erased:,} were ERASED with who wrote them."
    yield from _anchored(report)
    yield ""
    yield from _findings(report)
    yield ""
    yield "What this proves:"
    yield from (f"  - {line}" for line in proved(report))
    yield "What it cannot prove:"
    yield from (f"  - {line}" for line in not_proved(report))


def proved(report: Report) -> Iterator[str]:
    if report.findings.count:
        yield "Nothing about what is named above; the rest agrees."
        return
    yield "No sealed entry was changed, taken out, put in or moved by anybody without the sealer's private key."
    if report.anchored_at:
        yield (
            f"Not even with that key, and not by going back to an earlier state: for the first {report.anchored:,} "
            f"entries, those up to {report.anchored_at:%Y-%m-%d %H:%M:%S} UTC, the last anchor."
        )
    if report.codes_checked:
        yield "Every entry, sealed or not, was written by who has the key of the codes, which is not in the database."
    yield "The numbers of every run and department have no gaps."
    if report.erased:
        yield f"{report.erased:,} times words are gone because who wrote them was erased, as an entry says each time."
    if report.compared:
        yield f"{report.compared:,} times the words that people wrote are those that they wrote then."
    if report.reconciled:
        yield "Runs, answers of people, ends by people and published versions agree with the ledger, each with each."


def not_proved(report: Report) -> Iterator[str]:
    later = report.entries - report.anchored
    if not report.anchors:
        yield "Whether the ledger was cut back to an earlier state: no anchors were given."
    elif later:
        yield (
            f"Of the {later:,} entries after the last anchor: that none was removed by somebody who also set back the "
            "counters, the queue and the rows they tell of. For that the next anchor is needed."
        )
    if report.from_before:
        yield "What happened to the entries from before the first seal until then."
    if not report.codes_checked:
        yield "Which entry was changed where a batch does not agree, nor that unsealed ones are real: no keys of codes."
    if report.erased:
        yield "What the erased words were: neither can anybody else."
    if not report.payloads_read:
        yield "Whether words of people were taken away without an erasure: their table was not there to be read."
    elif report.compared < report.words:
        yield f"That {report.words - report.compared:,} words of people are as they were written: no keys to open them."
    if not report.reconciled:
        yield "That every deed has its entry: the tables of the business were not there to be read."
    yield "What the machine did step by step: that is the journal, which is not sealed."
    yield "That what Tandem was told is true, nor that nobody with all keys and all anchors made another ledger."


def _anchored(report: Report) -> Iterator[str]:
    if report.set_back:
        yield f"{report.set_back:,} anchors belong to a history that was replaced, as the ledger itself says."
    if report.anchored_at:
        yield f"Anchors: {report.anchors:,}; the last that agrees is of {report.anchored_at:%Y-%m-%d %H:%M:%S} UTC."


def _findings(report: Report) -> Iterator[str]:
    findings = report.findings
    if not findings.count:
        yield "NOTHING WAS FOUND: all that was looked at agrees."
        return
    yield f"FOUND: {findings.count:,} things that do not agree."
    yield from (f"  [{kind}] {sentence}" for kind, sentence in findings.told)
    if findings.count > len(findings.told):
        kinds = Counter(kind for kind, _ in findings.told)
        yield f"  … and {findings.count - len(findings.told):,} more. Those told: {dict(kinds)}."
