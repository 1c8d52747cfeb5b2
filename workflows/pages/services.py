"""Imported services: which there are, importing one, and choosing which of its operations are steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from connectors import imports, made
from connectors.manifest_rows import Source
from connectors.manifests.manifest import Service, told_apart
from connectors.models import Manifest, ManifestOperation, ManifestVersion, OperationLevel
from departments.access import Verb
from departments.models import Department
from workflows.pages.page import Request, page, words

PIECE = 50
EVERYBODY = "everybody"
LARGEST = 25 * 1024 * 1024


@page
@require_GET
def services(request: Request) -> HttpResponse:
    """Those of the person's departments, and everybody's."""
    chosen = Count(
        "versions__operations",
        filter=Q(versions__number=F("latest"), versions__operations__chosen=True),
    )
    context = {
        "rows": _visible(request).annotate(steps=chosen).order_by("title"),
        "may_import": bool(_owners(request)),
    }
    return render(request, "workflows/services/services.html", context)


@page
@require_GET
@never_cache
def service(request: Request, pk: UUID) -> HttpResponse:
    return _page(request, find(request, pk))


# ── importing ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Sheet:
    """What was told to import from; `owners` are for whom, by the word that the form sends."""

    owners: Mapping[str, Department | None] = field(default_factory=dict)
    owner: str = ""
    address: str = ""
    server: str = ""
    errors: tuple[str, ...] = ()


@page
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def import_service(request: Request) -> HttpResponse:
    owners = _owners(request)
    if not owners:
        raise PermissionDenied(_("Your role does not let you import services. A builder or manager can."))
    owner = request.POST.get("owner", "")
    owner = owner if owner in owners else next(iter(owners))
    sheet = Sheet(owners, owner, request.POST.get("address", ""), request.POST.get("server", ""))
    if request.method != "POST":
        return render(request, "workflows/services/import.html", {"sheet": sheet})
    try:
        department = owners[sheet.owner]
        manifest = imports.import_new(_source(request, department), department, actor=request.actor)
    except ValidationError as refused:
        sheet = replace(sheet, errors=tuple(refused.messages))
        return render(request, "workflows/services/import.html", {"sheet": sheet}, status=422)
    messages.success(request, _("“%(title)s” was imported. Choose what becomes a step.") % {"title": manifest.title})
    return redirect("service", manifest.pk)


@page
@require_POST
@never_cache
def renew(request: Request, pk: UUID) -> HttpResponse:
    """A newer description of the same service: the next version."""
    manifest = find(request, pk, change=True)
    try:
        version = imports.import_anew(manifest, _source(request, manifest.department), actor=request.actor)
    except ValidationError as refused:
        return _page(request, manifest, tuple(refused.messages), status=422)
    said = _("Version %(number)s is offered from now on. Published workflows keep theirs.")
    messages.success(request, said % {"number": version.number})
    return redirect("service", pk)


def _source(request: Request, department: Department | None) -> Source:
    """The file that was sent, or what lies at the address. Raises ValidationError."""
    file = request.FILES.get("document")
    if file is not None:
        if file.size is None or file.size > LARGEST:
            raise ValidationError(_("The file is too large: at most 25 MB are taken."))
        return Source(file.read(), file.name or "openapi")
    if server := request.POST.get("server", "").strip():
        token = request.POST.get("token", "").strip()
        return imports.asked_for_tools(server, token, department, actor=request.actor)
    if address := request.POST.get("address", "").strip():
        return imports.fetched(address, department, actor=request.actor)
    raise ValidationError(_("Give a file, or the address of one."))


# ── choosing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@page
@require_POST
@never_cache
def choose(request: Request, pk: UUID) -> HttpResponse:
    """Of the operations that were on the page: which are steps, and how far they go."""
    manifest = find(request, pk, change=True)
    shown, taken = set(request.POST.getlist("shown")), set(request.POST.getlist("take"))
    levels = {name: request.POST[f"level-{name}"] for name in shown if f"level-{name}" in request.POST}
    try:
        version = imports.change_levels(manifest, levels, actor=request.actor)
        imports.choose(manifest, shown & taken, shown - taken, actor=request.actor)
    except ValidationError as refused:
        return _page(request, manifest, tuple(refused.messages), status=422)
    if version is not None:
        said = _("Version %(number)s is offered from now on. Steps that there are keep theirs.")
        messages.success(request, said % {"number": version.number})
    else:
        messages.success(request, _("Saved."))
    query = request.POST.get("back", "")
    return redirect(f"{request.path.removesuffix('choose/')}{'?' + query if query else ''}")


@page
@require_POST
def remove(request: Request, pk: UUID) -> HttpResponse:
    manifest = find(request, pk, change=True)
    imports.remove(manifest, actor=request.actor)
    said = _("“%(title)s” is offered no more. Steps that were made of it go on.")
    messages.success(request, said % {"title": manifest.title})
    return redirect("services")


# ── one service ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _page(request: Request, manifest: Manifest, errors: tuple[str, ...] = (), status: int = 200) -> HttpResponse:
    version = manifest.versions.get(number=Manifest.objects.values_list("latest", flat=True).get(pk=manifest.pk))
    service = Service.model_validate(version.service)
    found = Paginator(_found(request, version), PIECE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context: dict[str, Any] = {
        "manifest": manifest,
        "version": version,
        "service": service,
        "sign_ins": told_apart(service.signs_in).values(),
        "operations": found,
        "query": query.urlencode(),
        "q": words(request, "q"),
        "level": request.GET.get("level", ""),
        "chosen": request.GET.get("chosen") == "1",
        "levels": OperationLevel.choices,
        "count": version.operations.filter(chosen=True).count(),
        "in_all": version.operations.count(),
        "may_change": _may_change(request, manifest),
        "errors": errors,
    }
    fragment = "workflows/services/_operations.html" if request.htmx else "workflows/services/service.html"
    return render(request, fragment, context, status=status)


def _found(request: Request, version: ManifestVersion) -> QuerySet[ManifestOperation]:
    rows = version.operations.defer("content")
    if request.GET.get("level") in OperationLevel.values:
        rows = rows.filter(level=request.GET["level"])
    if request.GET.get("chosen") == "1":
        rows = rows.filter(chosen=True)
    for word in words(request, "q").split():
        said = Q(title__icontains=word) | Q(path__icontains=word) | Q(name__icontains=word)
        rows = rows.filter(said | Q(tag__icontains=word) | Q(method__iexact=word))
    return rows


# ── who and what ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _owners(request: Request) -> dict[str, Department | None]:
    """For whom the person may import: departments by slug, and everybody."""
    rows = Department.objects.filter(pk__in=request.actor.departments(Verb.CONNECT)).order_by("name")
    own: dict[str, Department | None] = {each.slug: each for each in rows}
    return {**own, EVERYBODY: None} if request.actor.is_administrator else own


def _visible(request: Request) -> QuerySet[Manifest]:
    rows = Manifest.objects.filter(removed_at=None).select_related("department")
    return rows.filter(made.visible_to(request.actor.departments()))


def _may_change(request: Request, manifest: Manifest) -> bool:
    if manifest.department_id is None:
        return request.actor.is_administrator
    return request.actor.may(Verb.CONNECT, manifest.department_id)


def find(request: Request, pk: UUID, *, change: bool = False) -> Manifest:
    """404 where one may not see it, PermissionDenied where one may only see it."""
    manifest = get_object_or_404(_visible(request), pk=pk)
    if change and not _may_change(request, manifest):
        if manifest.department_id is None:
            raise PermissionDenied(_("This service is everybody's: an administrator may change it."))
        raise PermissionDenied(_("Your role does not let you change imported services. A builder or manager can."))
    return manifest
