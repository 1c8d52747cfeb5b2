"""What docs/events.md tells other programmers to do works word by word."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from config.env import ROOT
from workflows.models import Delivery
from workflows.models.subscription import TEST
from workflows.services import messages
from workflows.services.triggers import new_secret


def test_the_check_of_a_signature_takes_ours_and_nothing_else() -> None:
    known: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", (ROOT / "docs/events.md").read_text(), re.DOTALL)[0], known)
    is_from_tandem = known["is_from_tandem"]
    old, new, now = new_secret(), new_secret(), datetime.now(UTC)
    delivery = Delivery(type=TEST, at=now, data={"name": "Brötchen"})
    body = messages.body_of(delivery)
    headers = messages.headers_of(delivery, body, [new, old], now)

    assert is_from_tandem(body, headers, new)
    assert is_from_tandem(body, headers, old)
    assert not is_from_tandem(body, headers, new_secret())
    assert not is_from_tandem(body + b" ", headers, new)
    late = messages.headers_of(delivery, body, [new], now - timedelta(minutes=6))
    assert not is_from_tandem(body, late, new)
