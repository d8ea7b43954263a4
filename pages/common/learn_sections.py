"""The sections of the learn page, in the order in which they are read."""

from __future__ import annotations

from typing import Final

from pages.common.i18n import _
from pages.common.learn_codes import autoencoder, encoder
from pages.common.learn_decoders import blur, decoder, knob
from pages.common.learn_distributions import density, generation
from pages.common.learn_divergence import directions, divergence
from pages.common.learn_energy import energy, expectation, likelihood
from pages.common.learn_evidence import elbo
from pages.common.learn_families import families
from pages.common.learn_loss import balance, loss, reparameterisation
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
    Section("encoder", lambda: _("A function or a distribution"), encoder),
    Section("autoencoder", lambda: _("Why an autoencoder cannot generate"), autoencoder),
    Section("loss", lambda: _("The loss, term by term"), loss),
    Section("balance", lambda: _("What balances it"), balance),
    Section("reparameterisation", lambda: _("Reparameterisation"), reparameterisation),
    Section("elbo", lambda: _("The evidence and its lower bound"), elbo),
    Section("decoder", lambda: _("Bernoulli or Gaussian"), decoder),
    Section("knob", lambda: _("Why c and β are one knob"), knob),
    Section("blur", lambda: _("Why samples blur"), blur),
    Section("families", lambda: _("A map of the families"), families),
)
BY_KEY: Final = {section.key: section for section in SECTIONS}
SECTION: Final = choice("section", tuple(BY_KEY))
VIEW: Final = (SECTION,)
