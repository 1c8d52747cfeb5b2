"""Files of the department: one is uploaded alone, and named by its id ever after (rule S13)."""

from __future__ import annotations

import hashlib

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.urls import reverse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from departments.access import visible
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import page
from workflows.api.parsers import ENVELOPE_BYTES, UploadParser, refuse_length
from workflows.models import StoredFile
from workflows.runtime.files import MOST_BYTES
from workflows.services.files import download_file, store_file

HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",
}
"""What people and AI hand in may be hostile: a browser neither guesses its type nor runs it."""

UPLOAD = {
    "type": "object",
    "properties": {"file": {"type": "string", "format": "binary"}},
    "required": ["file"],
    "additionalProperties": False,
}


class Files(Endpoint):
    parser_classes = [UploadParser]

    def refuse_body(self, request: Request) -> None:
        refuse_length(request, MOST_BYTES + ENVELOPE_BYTES)

    @operation("list_files", "List files", answer=answers.page_of(answers.File), question=asked.Question)
    def get(self, request: Request) -> HttpResponse:
        self.question(asked.Question)
        return page(request, visible(StoredFile.objects.all(), self.actor), answers.File, answers.File.of)

    @operation(
        "upload_file",
        "Upload a file",
        answer=answers.File,
        status=201,
        body=UPLOAD,
        body_type="multipart/form-data",
        repeats=True,
        refusals=(507,),
    )
    @answered_once
    def post(self, request: Request) -> HttpResponse:
        """Send it as the part `file`. Its id is then the value of an input of type file."""
        sent = self._sent()
        stored = store_file(self.token.department, name=sent.name or "file", content=sent.read(), actor=self.actor)
        return answer(answers.File.of(stored), 201, {"Location": reverse("api_file", args=[stored.pk])})

    def fingerprint(self) -> str:
        """Of the name and the content: the boundary of multipart differs each time."""
        sent = self._sent()
        digest = hashlib.sha256(f"{sent.name}\0".encode())
        for chunk in sent.chunks():
            digest.update(chunk)
        sent.seek(0)
        return digest.hexdigest()

    def _sent(self) -> UploadedFile:
        sent = self.request.data
        others = [name for name in sent if name != "file"]
        if others:
            raise ValidationError(dict.fromkeys(others, "There is nothing of this name here."))
        files = self.request.FILES.getlist("file")
        if len(files) != 1:
            raise ValidationError({"file": "Send one file, with its name, as the part “file” of multipart/form-data."})
        return files[0]


class One(Endpoint):
    @operation("read_file", "Read what is known of a file", answer=answers.File)
    def get(self, request: Request, id: str) -> HttpResponse:
        return answer(answers.File.of(self.find(StoredFile.objects.all(), id)))


class Content(Endpoint):
    http_method_names = ["get"]  # asking with HEAD takes nothing along

    @operation("download_file", "Download a file", answer=OpenApiTypes.BINARY, content_type="application/octet-stream")
    def get(self, request: Request, id: str) -> HttpResponse:
        """The ledger notes who took it along."""
        stored = self.find(StoredFile.objects.select_related("department"), id)
        disposition = content_disposition_header(True, stored.name) or "attachment"
        return HttpResponse(
            download_file(stored, actor=self.actor),
            content_type="application/octet-stream",
            headers={**HARMLESS, "Content-Disposition": disposition},
        )
