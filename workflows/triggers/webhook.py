"""Another system calls an address that only it knows."""

from __future__ import annotations

from typing import Any, Literal

from connectors.sdk import Field, Model, hint
from connectors.sdk.triggers import Told


class Webhook(Told):
    """Starts when another system calls."""

    kind = "web.hook"
    title = "When another system calls"
    about = "A webhook: an address of its own, to which another system sends what has happened."
    reads_as = "When another system calls"
    icon = "webhook"

    class Settings(Model):
        proof: Literal["standard", "hmac", "none"] = Field(
            default="standard",
            title="How it proves itself",
            description="What the other system can do. Without a proof, whoever learns the address can start runs.",
            json_schema_extra=hint(
                "choice",
                labels={
                    "standard": "Standard Webhooks: signed, with id and time",
                    "hmac": "A signature in a header (HMAC-SHA256)",
                    "none": "The secret address alone",
                },
            ),
        )
        header: str = Field(
            default="X-Hub-Signature-256",
            pattern=r"^[A-Za-z0-9-]{1,80}$",
            title="Header with the signature",
            description="The HMAC-SHA256 of the body in hexadecimal or base64, perhaps with “sha256=” before it.",
            json_schema_extra=hint("text", example="X-Hub-Signature-256", when={"proof": ["hmac"]}),
        )
        id_header: str = Field(
            default="",
            pattern=r"^[A-Za-z0-9-]{0,80}$",
            title="Header with the id of a message",
            description="If the other system sends one: the same message twice starts one run.",
            json_schema_extra=hint("text", example="X-GitHub-Delivery", when={"proof": ["hmac", "none"]}),
        )
        waits_s: int = Field(
            default=0,
            ge=0,
            le=25,
            title="Seconds to wait for the result",
            description="With 0 it is answered at once with a link; else with the result, if it is there by then.",
            json_schema_extra=hint("number", example="10", advanced=True),
        )
        per_minute: int = Field(
            default=600,
            ge=1,
            le=100_000,
            title="Calls a minute at most",
            description="Beyond that it is answered with 429, and the other system tries again later.",
            json_schema_extra=hint("number", example="600", advanced=True),
        )

    class Gives(Model):
        body: Any = Field(title="Body", description="The JSON that was sent, or its text.")
        headers: dict[str, str] = Field(title="Headers", description="Names in lower case, without credentials.")
        query: dict[str, str] = Field(title="Query", description="What stood after the question mark.")
