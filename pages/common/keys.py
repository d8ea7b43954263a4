"""Every key the app keeps in a browser session's state, in one place."""

from typing import Final

NOTICES: Final = "notices"
PAGE: Final = "page"
REMEMBERED: Final = "remembered"
REPORTED: Final = "plane.reported"
REVISION: Final = "revision"


def of_view(parameter: str) -> str:
    """Return the key under which a part of the shareable view is kept; widgets use it as their own key."""
    return f"view.{parameter}"
