"""The sections of the learn page, in the order in which they are read."""

from __future__ import annotations

from typing import Final

from pages.common.i18n import _
from pages.common.learn_distributions import generation
from pages.common.learn_divergence import divergence
from pages.common.learn_parts import Section
from pages.common.parameters import choice

SECTIONS: Final = (
    Section("generation", lambda: _("What generation is"), generation),
    Section("divergence", lambda: _("How far two distributions are apart"), divergence),
)
BY_KEY: Final = {section.key: section for section in SECTIONS}
SECTION: Final = choice("section", tuple(BY_KEY))
VIEW: Final = (SECTION,)
