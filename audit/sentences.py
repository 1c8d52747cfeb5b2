"""Each line of the ledger as a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.models import Entry
from audit.people import ERASED

SENTENCES: Mapping[str, Any] = {
    "absence.ended": _("{actor} ended the absence of {object}"),
    "absence.planned": _("{actor} planned the absence of {object} from {starts} to {ends}"),
    "allowance.given": _("{actor} let the department use models of {object}"),
    "allowance.taken": _("{actor} no longer lets the department use models of {object}"),
    "breaker.closed": _("{actor} had {object} asked again, which had failed again and again"),
    "budget.answered": _("{actor} answered what is to become of the AI budget of {object}"),
    "budget.asked": _("{actor} asked whoever owns the AI budget of {object} whether it may go on"),
    "budget.let_go_on": _("{actor} let what {object} spends on AI go on"),
    "budget.reminded": _("{actor} reminded whoever owns the AI budget of {object}"),
    "budget.removed": _("{actor} removed the AI budget of {object}"),
    "budget.set": _("{actor} set the AI budget of {object}"),
    "budget.stopped": _("{actor} stopped what {object} spends on AI"),
    "series.gone_on": _("{actor} had {rows} rows of {object} done again"),
    "series.results_taken": _("{actor} took the results of {object} along"),
    "series.started": _("{actor} handed in {object} with {rows} rows, for a run each"),
    "series.stopped": _("{actor} stopped {object}"),
    "connection.changed": _("{actor} changed a connection to {object}"),
    "connection.connected": _("{actor} connected an account of {object}"),
    "connection.removed": _("{actor} removed a connection to {object}"),
    "connection.signed_in": _("{actor} signed in for a connection to {object}"),
    "access.refused": _("{actor} asked for {method} {address} and was not allowed"),
    "administration.table_taken": _("{actor} took a table of the administration along ({of}, {rows} rows)"),
    "costs.taken_along": _("{actor} took the AI costs of {object} along as a table"),
    "delivery.sent_again": _("{actor} had an event sent again to another system"),
    "department.created": _("{actor} created the department {object}"),
    "department.deciding_by_mail_changed": _("{actor} changed how {object} decides from a mail"),
    "department.hours_changed": _("{actor} changed when {object} works"),
    "file.downloaded": _("{actor} downloaded the file {object}"),
    "file.stored": _("{actor} stored the file {object}"),
    "group_role.added": _("{actor} had the group “{group}” of {provider} give the role {role}"),
    "group_role.removed": _("{actor} had the group “{group}” of {provider} no longer give the role {role}"),
    "group.changed": _("{actor} changed the group {object}"),
    "group.deleted": _("{actor} deleted the group {object}"),
    "group.made": _("{actor} made the group {object}"),
    "hold.lifted": _("{actor} lifted the legal hold on {object}"),
    "hold.set": _("{actor} put a legal hold on {object}"),
    "ledger.exported": _("{actor} took {entries} entries of the ledger along"),
    "ledger.history_replaced": _("The database was set back: the ledger had come to batch {old_batch} before"),
    "ledger.key_changed": _("{actor} gave the ledger a new key for its {purpose}"),
    "ledger.run_taken": _("{actor} took the sealed entries of {object} along"),
    "manifest.changed": _("{actor} changed what is known of the service {object}, now in version {version}"),
    "manifest.chosen": _("{actor} chose which operations of {object} are offered as steps"),
    "manifest.imported": _("{actor} imported the service {object} with {operations} operations"),
    "manifest.imported_anew": _("{actor} imported the service {object} anew, as version {version}"),
    "manifest.removed": _("{actor} removed the imported service {object}"),
    "member.added": _("{actor} gave {object} the role {role}"),
    "member.removed": _("{actor} took the role {role} from {object}"),
    "model.made_usual": _("{actor} made {object} the model that steps use when they name none"),
    "model_call.settled": _("{actor} settled a call of an AI model at {usd} US dollars: {object}"),
    "notice.sent_again": _("{actor} had a notice sent again: {object} for {to}"),
    "person.created": _("{actor} created an account for {object}"),
    "person.deactivated": _("{actor} deactivated {object}"),
    "person.email_changed": _("{actor} changed the e-mail address of {object}"),
    "person.erased": _("{actor} erased a person"),
    "person.erasure_refused": _("{actor} asked to erase {object}, which a legal hold forbids"),
    "manual_mode.handed_back": _("{actor} handed tasks of manual mode back to the AI: {object}"),
    "manual_mode.off": _("{actor} switched manual mode off for {object}"),
    "manual_mode.on": _("{actor} switched manual mode on for {object}"),
    "person.identity_linked": _("{object} signed in by {actor} for the first time"),
    "person.left_department": _("{actor} let {object} leave the department and hand all over to {to}"),
    "person.mail_chosen": _("{actor} chose mail about tasks: {choice}"),
    "person.password_changed": _("{actor} changed the password"),
    "person.password_reset": _("{actor} set a new password with a link sent by mail"),
    "person.password_set": _("{actor} chose a password"),
    "person.reactivated": _("{actor} activated {object} again"),
    "person.rights_changed": _("{actor} changed what {object} may do on this server"),
    "person.recovery_code_used": _("{actor} used a recovery code"),
    "person.recovery_codes_made": _("{actor} made new recovery codes"),
    "person.second_factor_added": _("{actor} set up a second factor: {kind}"),
    "person.second_factor_failed": _("Somebody failed to give the second factor of {object}"),
    "person.second_factor_removed": _("{actor} removed a second factor: {kind}"),
    "person.second_factors_forgotten": _("{actor} took away the second factors of {object}"),
    "person.session_ended": _("{actor} ended a session of {object}"),
    "person.sign_in_failed": _("Somebody failed to sign in as {object}"),
    "person.single_sign_on_refused": _("Somebody whom {object} sent was not let in"),
    "person.signed_in": _("{actor} signed in"),
    "person.signed_out": _("{actor} signed out"),
    "provider.added": _("{actor} added the provider of models {object}"),
    "provider.changed": _("{actor} changed the provider of models {object}"),
    "provider.key_forgotten": _("{actor} had the sealed key for {object} forgotten"),
    "provider.key_sealed": _("{actor} sealed a key for {object} in the vault"),
    "route.changed": _("{actor} set the order of models of the route {object}"),
    "run.cancelled": _("{actor} cancelled {object}"),
    "run.contents_erased": _("{actor} erased the contents of {object}"),
    "run.looked_into": _("{actor} looked into {object}"),
    "run.record_taken": _("{actor} took the record of {object} along as a PDF"),
    "run.resumed": _("{actor} resumed {object} with the newest version"),
    "run.retried": _("{actor} tried {object} again"),
    "run.started": _("{actor} started {object}"),
    "run.tested": _("{actor} tested {object}"),
    "sample.removed": _("{actor} removed the sample of the step {step} of {object}"),
    "sample.written": _("{actor} wrote a sample for the step {step} of {object}"),
    "saved_step.archived": _("{actor} archived {object} in the library"),
    "saved_step.brought_back": _("{actor} brought {object} back into the library"),
    "saved_step.changed": _("{actor} saved version {version} of {object} in the library"),
    "saved_step.created": _("{actor} saved {object} to the library"),
    "saved_step.described": _("{actor} changed the title or purpose of {object} in the library"),
    "saved_step.updated_in_drafts": _("{actor} updated {object} to version {version} in {drafts} drafts"),
    "sign_in_link.created": _("{actor} made a sign-in link for {object}"),
    "subscription.changed": _("{actor} changed which events another system is told"),
    "subscription.removed": _("{actor} ended that another system is told events"),
    "subscription.secret_renewed": _("{actor} renewed the secret with which events are signed"),
    "subscription.set_up": _("{actor} set up that another system is told events"),
    "subscription.switched_off": _("{actor} stopped telling another system events"),
    "subscription.switched_on": _("{actor} began to tell another system events again"),
    "subscription.tested": _("{actor} sent a test event to another system"),
    "task.claimed": _("{actor} took the task of {object}"),
    "task.decided": _("{actor} decided “{decision}” for {object}"),
    "task.delegated": _("{actor} handed the task of {object} over to {to}"),
    "task.escalated": _("{actor} asked {to} as well, as nobody had answered: {object}"),
    "task.expired": _("Nobody answered {object} in time, and {then}"),
    "task.handed_on": _("{actor} handed {object} on to {to}, as nobody had answered in time"),
    "task.released": _("{actor} gave the task of {object} back to all who are asked"),
    "template.copied": _("{actor} made {object} from the template “{template}”"),
    "token.created": _("{actor} created the API token {object} with the role {role}"),
    "token.renewed": _("{actor} renewed the secret of the API token {object}"),
    "token.revoked": _("{actor} revoked the API token {object}"),
    "vault.rotated": _("{actor} brought {secrets} secrets under the key {key} of the vault"),
    "trigger.changed": _("{actor} changed a trigger of “{workflow}”"),
    "trigger.removed": _("{actor} removed a trigger of “{workflow}”"),
    "trigger.secret_renewed": _("{actor} renewed the secret of a trigger of “{workflow}”"),
    "trigger.set_up": _("{actor} set up a trigger of “{workflow}”"),
    "trigger.switched_off": _("{actor} switched off a trigger of “{workflow}”"),
    "trigger.switched_on": _("{actor} switched on a trigger of “{workflow}”"),
    "workflow.share_ended": _("{actor} ended the sharing of {object} with {whom}"),
    "workflow.shared": _("{actor} shared {object} with {whom}, for use alone"),
    "workflow.archived": _("{actor} archived {object}"),
    "workflow.created": _("{actor} created the workflow {object}"),
    "workflow.draft_saved": _("{actor} saved the draft of {object}"),
    "workflow.imported": _("{actor} made {object} from a file"),
    "workflow.offered_as_tool": _("{actor} offered {object} as a tool of other AI"),
    "workflow.published": _("{actor} published version {version} of {object}"),
    "workflow.publishing_asked": _("{actor} asked for somebody to approve the publication of {object}"),
    "workflow.publishing_refused": _("{actor} refused to publish {object}"),
    "workflow.publishing_withdrawn": _("{actor} withdrew the request to publish {object}"),
    "workflow.retention_changed": _("{actor} changed how long contents of runs of {object} are kept"),
    "workflow.restored": _("{actor} made version {version} of {object} the draft again"),
    "workflow.withdrawn_as_tool": _("{actor} no longer offers {object} as a tool of other AI"),
}
IN_ADMINISTRATION: Mapping[str, Any] = {
    "added_in_admin": _("{actor} added {object} in the administration"),
    "changed_in_admin": _("{actor} changed {object} in the administration"),
    "removed_in_admin": _("{actor} removed {object} in the administration"),
}


def sentence(entry: Entry) -> str:
    """Plain text in the reader's language. A verb without a sentence of its own is read out as it is written."""
    lists = {name: _written(value) for name, value in entry.detail.items() if isinstance(value, list)}
    words = {**entry.detail, **lists, "actor": entry.actor_label, "object": _object(entry)}
    template = _template(entry.verb)
    try:
        return _begun(str(template).format_map(words)) if template else _read_out(entry)
    except (KeyError, IndexError, ValueError):  # an entry of another version lacks a word that the sentence says
        return _read_out(entry)


def facts(entry: Entry) -> dict[str, str]:
    """What the sentence leaves unsaid, by name: {"reason": "Too early", "edited": "yes"}; what is empty is left out."""
    said = f"{_template(entry.verb)}"
    return {
        _spaced(name): _written(value)
        for name, value in entry.detail.items()
        if value not in (None, "", [], {}, False) and f"{{{name}}}" not in said
    }


def verb_title(verb: str) -> str:
    """A verb in the list of a filter: "workflow.draft_saved" → "Workflow: draft saved"."""
    thing, _dot, deed = verb.partition(".")
    return f"{_spaced(thing).capitalize()}: {_spaced(deed)}"


def _begun(said: str) -> str:
    """Names begin as their owners write them."""
    return said[:1].upper() + said[1:] if said.startswith(str(ERASED)) else said


def _template(verb: str) -> Any:
    return SENTENCES.get(verb) or IN_ADMINISTRATION.get(verb.rpartition(".")[2])


def _written(value: Any) -> str:
    if value is True:
        return gettext("yes")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _read_out(entry: Entry) -> str:
    """ "workflow.draft_saved" → "Clara Vogel: workflow draft saved, Press triage"."""
    deed = f"{entry.actor_label}: {_spaced(entry.verb)}"
    return f"{deed}, {entry.object_label}" if entry.object_label else deed


def _spaced(words: str) -> str:
    return words.replace("_", " ").replace(".", " ")


def _object(entry: Entry) -> str:
    if entry.object_label:
        return entry.object_label
    return gettext("an unknown address") if entry.verb == "person.sign_in_failed" else gettext("something")
