"""What the choices of a run's settings are called on the pages; commands know them by shorter names."""

from __future__ import annotations

from pages.common.i18n import _


def likelihood_title(name: str) -> str:
    """Return what a likelihood is called."""
    return {
        "bernoulli": _("Bernoulli, binary pixels"),
        "bernoulli-grey": _("Bernoulli, grey pixels"),
        "continuous-bernoulli": _("continuous Bernoulli"),
        "gaussian": _("Gaussian, fixed variance"),
        "gaussian-learned": _("Gaussian, learned deviation"),
    }[name]


def schedule_title(name: str) -> str:
    """Return what a schedule of the learning rate or of beta is called."""
    return {
        "constant": _("constant"),
        "linear": _("linear"),
        "cyclical": _("cyclical"),
        "one-cycle": _("one cycle"),
    }[name]
