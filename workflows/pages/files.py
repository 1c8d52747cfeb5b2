"""Files of a department, given out as downloads only."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from departments.access import visible
from workflows.models import StoredFile
from workflows.pages.page import Request, page
from workflows.services.files import download_file
from workflows.services.sharing import find_own_file

HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",
}
"""What people and AI hand in may be hostile: a browser neither guesses its type nor runs it (rule S14)."""


@page
@require_GET
def file(request: Request, pk: UUID) -> HttpResponse:
    rows = visible(StoredFile.objects.select_related("department"), request.actor)
    stored = rows.filter(pk=pk).first() or find_own_file(request.actor, pk)
    if stored is None:
        raise Http404
    disposition = content_disposition_header(True, stored.name) or "attachment"
    return HttpResponse(
        download_file(stored, actor=request.actor),
        content_type="application/octet-stream",
        headers={**HARMLESS, "Content-Disposition": disposition},
    )
