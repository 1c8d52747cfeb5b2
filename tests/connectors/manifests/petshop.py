"""A small service with a bit of everything, as its description and as a server."""

from __future__ import annotations

import json
from typing import Any

PET = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": "string", "maxLength": 40, "description": "What it is called."},
        "kind": {"type": "string", "enum": ["cat", "dog"]},
        "vaccinated": {"type": "boolean"},
        "mother": {"$ref": "#/components/schemas/Pet"},
        "home": {"type": "object", "properties": {"street": {"type": "string"}, "floor": {"type": "integer"}}},
        "tags": {"type": "array", "items": {"type": "string"}},
        "visits": {"type": "array", "items": {"type": "object"}},
    },
}


def described(address: str, **more: Any) -> bytes:
    """The description, of a shop that begins there."""
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}
    pets = {"type": "object", "properties": {"pets": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}}}
    pets["properties"]["next_cursor"] = {"type": "string"}  # type: ignore[index]
    number = {"name": "petId", "in": "path", "required": True, "schema": {"type": "string"}}
    whole = {
        "openapi": "3.0.3",
        "info": {"title": "Pet shop", "version": "1", "description": "Pets, and who has them."},
        "servers": [{"url": address}] if address else [],
        "components": {
            "schemas": {"Pet": PET},
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Shop-Key"}},
        },
        "paths": {
            "/me": {"get": {"operationId": "me", "summary": "Who I am", "responses": {"200": answer}}},
            "/pets": {
                "get": {
                    "operationId": "listPets",
                    "summary": "List pets",
                    "parameters": [
                        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
                        {"name": "cursor", "in": "query", "schema": {"type": "string"}},
                        {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
                    ],
                    "responses": {"200": {"content": {"application/json": {"schema": pets}}}},
                },
                "post": {
                    "operationId": "addPet",
                    "summary": "Add a pet",
                    "parameters": [{"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}],
                    "requestBody": {"required": True, **answer},
                    "responses": {"201": answer},
                },
            },
            "/pets/{petId}": {
                "parameters": [number],
                "put": {"summary": "Change a pet", "requestBody": answer, "responses": {"200": answer}},
                "delete": {"operationId": "removePet", "summary": "Remove a pet", "responses": {"204": {}}},
            },
        },
        **more,
    }
    return json.dumps(whole).encode()
