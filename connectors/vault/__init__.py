"""The one door to secrets: kept sealed, opened where they are used, known to the scrubber from then on, never shown."""

from connectors.vault.keeping import keep, opened, replace, rewrap_some, under_old_keys
from connectors.vault.sealing import CannotOpen

__all__ = ["CannotOpen", "keep", "opened", "replace", "rewrap_some", "under_old_keys"]
