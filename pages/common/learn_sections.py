"""The sections of the learn page, in the order in which they are read."""

from __future__ import annotations

from typing import Final

from pages.common.i18n import _
from pages.common.learn_distributions import density, generation
from pages.common.learn_divergence import directions, divergence
from pages.common.learn_energy import energy, expectation, likelihood
from pages.common.learn_parts import Section
from pages.common.parameters import choice

SECTIONS: Final = (
    Section("generation", lambda: _("What generation is"), generation),
    Section("density", lambda: _("Two ways to a density"), density),
    Section("divergence", lambda: _("How far two distributions are apart"), divergence),
    Section("directions", lambda: _("Which way round"), directions),
    Section("energy", lambda: _("From energy to probability"), energy),
    Section("expectation", lambda: _("An expectation, three ways"), expectation),
    Section("likelihood", lambda: _("Maximum likelihood"), likelihood),
)
BY_KEY: Final = {section.key: section for section in SECTIONS}
SECTION: Final = choice("section", tuple(BY_KEY))
VIEW: Final = (SECTION,)
