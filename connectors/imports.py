"""What people do with the descriptions of services: import, import anew, choose operations, say how far they go."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.text import slugify
from django.utils.translation import gettext as _

from audit.services import record
from connectors import accounts, net, vault
from connectors import manifest_rows as rows
from connectors.documents.describing import described
from connectors.manifest_rows import Source
from connectors.manifests import tools
from connectors.manifests.connector_made import goes_to
from connectors.manifests.manifest import LONGEST_NAME, Level, Service
from connectors.manifests.manifest import Manifest as Found
from connectors.manifests.mcp_session import PROGRAM, session_with
from connectors.models import Connection, Health, Manifest, ManifestVersion
from connectors.net.programs import OpenProgram
from connectors.net.requests import Request
from connectors.oauth import tokens
from connectors.sdk import Credentials, StepError
from connectors.sdk.addresses import origin
from departments.access import Actor, Verb, require, require_administrator
from departments.models import Department

MOST_TRIES = 50
MOST_CHOSEN = 100
RESERVED = frozenset({"ai", "people", "text", "data", "document", "flow", "connector"})
"""First words of step kinds that are ours, and have a colour of their own."""


def fetched(address: str, department: Department | None, *, actor: Actor) -> Source:
    """Read a document where it lies, outside of any transaction. Raises PermissionDenied, ValidationError.

    For a department its list of hosts holds. An administrator names a host by importing from it.
    """
    _require(actor, department)
    hosts = department.egress_hosts if department else [origin(address).removeprefix("https://")]
    headers = {"Accept": "application/json, application/yaml;q=0.9, */*;q=0.5"}
    request = Request("GET", address.strip(), headers, redirects=3)
    try:
        response = net.fetch(request, policy=net.for_department(hosts))
    except StepError as error:
        raise ValidationError({"address": [error.message]}) from None
    if response.status != 200:
        problem = _("The other side answered with %(status)s.") % {"status": response.status}
        raise ValidationError({"address": [problem]})
    name = address.partition("?")[0].rstrip("/").rpartition("/")[2] or "openapi"
    return Source(response.body, name, response.url)


def asked_for_tools(address: str, token: str, department: Department | None, *, actor: Actor) -> Source:
    """What an MCP server offers, as a document; outside of any transaction. The token is used this once, and not kept.

    Raises PermissionDenied, ValidationError. Hosts are let through as by `fetched`.
    """
    _require(actor, department)
    own = address if address.startswith(PROGRAM) else origin(address).removeprefix("https://")
    hosts = department.egress_hosts if department else [own]
    signed_in = Credentials({"Authorization": f"Bearer {token}"} if token else {})
    policy = net.for_department(hosts)
    door = net.Door(policy, net.Bound((origin(address),), signed_in))
    try:
        with session_with(door, OpenProgram(address.removeprefix(PROGRAM), policy), address) as session:
            offered = session.tools()
    except StepError as error:
        raise ValidationError({"address": [error.message]}) from None
    content = json.dumps(tools.written(address, session.server, offered)).encode()
    return Source(content, str(session.server.get("name") or "tools"), address)


def import_new(
    source: Source, department: Department | None, *, actor: Actor, name: str = "", choose: bool = False
) -> Manifest:
    """A new manifest in its first version. `choose` takes all of its operations as steps.

    Raises PermissionDenied, and ValidationError with the reason why the document is refused.
    """
    _require(actor, department)
    found = _read(source)
    with transaction.atomic():
        manifest = _added(
            Manifest(department=department, title=found.service.title, made_by=actor.label[:254]),
            name or _wanted_name(found.service.title, department),
        )
        chosen = {each.name for each in found.operations if not each.problem} if choose else set()
        rows.write(manifest, found, source, chosen, actor=actor)
        _record("manifest.imported", manifest, actor, operations=len(found.operations))
    return manifest


def import_anew(manifest: Manifest, source: Source, *, actor: Actor) -> ManifestVersion:
    """The next version. What was chosen stays so where it is still there, and levels that people have set stay.

    Raises PermissionDenied, ValidationError.
    """
    _require(actor, manifest.department)
    found = _read(source)
    with transaction.atomic():
        manifest, before = rows.locked(manifest)
        chosen, levels = rows.kept(before)
        kept = tuple(rows.at_level(each, levels.get((each.name, each.method))) for each in found.operations)
        found = found.model_copy(update={"operations": kept})
        version = rows.following(manifest, found, source, chosen, actor=actor)
        _forget_secrets_that_would_go_elsewhere(manifest, before, version)
        _record("manifest.imported_anew", manifest, actor, version=version.number, operations=len(kept))
    return version


def change_service(manifest: Manifest, service: Mapping[str, Any], *, actor: Actor) -> ManifestVersion:
    """Another title, other servers or ways to sign in: the next version. Raises PermissionDenied, ValidationError."""
    _require(actor, manifest.department)
    try:
        given = Service.model_validate(dict(service))
    except ValueError as error:
        raise ValidationError({"service": [str(error)]}) from None
    with transaction.atomic():
        manifest, before = rows.locked(manifest)
        version = rows.copied(manifest, before, given, {}, actor=actor)
        _forget_secrets_that_would_go_elsewhere(manifest, before, version)
        _record("manifest.changed", manifest, actor, version=version.number, what="service")
    return version


def change_levels(manifest: Manifest, levels: Mapping[str, str], *, actor: Actor) -> ManifestVersion | None:
    """How far operations go, as a person judges them; by their names. The next version, if anything is other.

    Steps that are there already keep what they were made of. Raises PermissionDenied, ValidationError.
    """
    _require(actor, manifest.department)
    if not set(levels.values()) <= set(Level):
        raise ValidationError({"level": [_("Choose one of the offered values.")]})
    with transaction.atomic():
        manifest, before = rows.locked(manifest)
        now = dict(before.operations.values_list("name", "level"))
        other = {name: Level(level) for name, level in levels.items() if name in now and now[name] != level}
        if not other:
            return None
        version = rows.copied(manifest, before, Service.model_validate(before.service), other, actor=actor)
        told = {name: level.value for name, level in other.items()}
        _record("manifest.changed", manifest, actor, version=version.number, what="levels", levels=told)
    return version


def choose(manifest: Manifest, take: Collection[str], leave: Collection[str] = (), *, actor: Actor) -> None:
    """Offer operations as steps, and others no more; the steps that there are go on.

    Raises PermissionDenied, ValidationError.
    """
    _require(actor, manifest.department)
    with transaction.atomic():
        manifest, version = rows.locked(manifest)
        there = version.operations.filter(problem="")
        # What was sent may hold anything; names that do not exist are asked of no database and written in no ledger.
        known = set(there.values_list("name", flat=True))
        take, leave = known & set(take), known & set(leave)
        there.filter(name__in=leave).update(chosen=False)
        there.filter(name__in=take).update(chosen=True)
        count = there.filter(chosen=True).count()
        if count > MOST_CHOSEN:
            problem = _("At most %(most)s operations of one service are offered as steps.") % {"most": MOST_CHOSEN}
            raise ValidationError({"choose": [problem]})
        _record("manifest.chosen", manifest, actor, taken=sorted(take)[:50], left=sorted(leave)[:50], count=count)


def remove(manifest: Manifest, *, actor: Actor) -> None:
    """It is offered no more. Steps that were made of it go on. Raises PermissionDenied."""
    _require(actor, manifest.department)
    with transaction.atomic():
        Manifest.objects.filter(pk=manifest.pk).update(removed_at=Now())
        _record("manifest.removed", manifest, actor)


# ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _require(actor: Actor, department: Department | None) -> None:
    if department is None or actor.is_administrator:
        require_administrator(actor)
    else:
        require(actor, Verb.CONNECT, department)


def _read(source: Source) -> Found:
    try:
        return described(source.content, source.name, source.address)
    except StepError as error:
        raise ValidationError({"document": [error.message]}) from None


def _forget_secrets_that_would_go_elsewhere(manifest: Manifest, before: ManifestVersion, now: ManifestVersion) -> None:
    """Whoever imports could else have the passwords of others sent to a server of their own (rule S7)."""
    knew = goes_to(Service.model_validate(before.service))
    new = sorted(goes_to(Service.model_validate(now.service)) - knew)
    if not new:
        return
    said = _("The service goes to %(hosts)s since its version %(number)s. Give the secret again.")
    for account in Connection.objects.select_related("secret", "tokens").filter(
        connector=manifest.name, removed_at=None
    ):
        vault.replace(account.secret, {})
        tokens.forget(account)
        told = said % {"hosts": ", ".join(new)[:300], "number": now.number}
        Connection.objects.filter(pk=account.pk).update(health=Health.FAILS, health_said=told)


def _wanted_name(title: str, department: Department | None) -> str:
    """That of a department begins with the department's, so that no name tells what another one has."""
    name = slugify(title).replace("_", "-") or "service"
    if department is not None:
        name = f"{department.slug[:9].strip('-')}-{name}"
    return name[:LONGEST_NAME].strip("-")


def _added(manifest: Manifest, wanted: str) -> Manifest:
    """Under a name that is free."""
    for number in range(1, MOST_TRIES):
        end = "" if number == 1 else f"-{number}"
        manifest.name = wanted[: LONGEST_NAME - len(end)].strip("-") + end
        if manifest.name in RESERVED or manifest.name in accounts.connectors():
            continue
        try:
            with transaction.atomic():
                manifest.save(force_insert=True)
            return manifest
        except IntegrityError:
            continue
    raise ValidationError({"document": [_("There are too many services of this name. Give it another title.")]})


def _record(verb: str, manifest: Manifest, actor: Actor, **detail: Any) -> None:
    slug = manifest.department.slug if manifest.department else ""
    record(verb, actor=actor, department=slug, thing=manifest, **detail)
