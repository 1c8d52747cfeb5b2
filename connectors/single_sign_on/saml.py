"""Metadata of a SAML identity provider, as allauth wants it. Pure."""

from __future__ import annotations

from typing import Any

from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser


class BadMetadata(Exception):
    """What is missing in it, in a sentence."""


def settings_of(metadata: str) -> dict[str, Any]:
    """Whatever it says must be signed, and only who has begun here comes back here. Raises BadMetadata."""
    found = _parsed(metadata)
    certificate = found.get("x509cert") or next(iter(found.get("x509certMulti", {}).get("signing", [])), "")
    address = found.get("singleSignOnService", {}).get("url", "")
    if not (found.get("entityId") and certificate and address):
        raise BadMetadata("It names no entity ID, no address for signing in by redirect, or no certificate.")
    return {
        "idp": {"entity_id": found["entityId"], "sso_url": address, "x509cert": certificate},
        "advanced": {
            "strict": True,
            "want_assertion_signed": True,
            "reject_idp_initiated_sso": True,
            "allow_single_label_domains": True,  # names in a network of one's own
        },
    }


def _parsed(metadata: str) -> dict[str, Any]:
    try:
        return OneLogin_Saml2_IdPMetadataParser.parse(metadata).get("idp", {})
    except Exception as problem:  # the parser lets through what lxml raises, and refusals of its own
        raise BadMetadata("It is no metadata of SAML: XML with an EntityDescriptor is expected.") from problem
