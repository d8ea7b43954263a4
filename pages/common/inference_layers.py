"""What inference lays over the plane: the posterior, the encoder's q, the modes, and q refined."""

from __future__ import annotations

from pages.common.i18n import _
from pages.common.inference_view import Look
from pages.common.plane_layers import Course, Ellipse, Field, Layer, Marks
from vae_core.figures_inference import shown_steps
from vae_core.gaps import Gaps
from vae_core.modes import Modes


def percent(share: float) -> str:
    """Return a share in whole percent, and below one as such."""
    return _("{share} %").format(share=f"{100 * share:.0f}") if share >= 0.01 else _("< 1 %")


def mode_marks(modes: Modes) -> Marks:
    """Return the modes with their shares."""
    labels = [percent(share) for share in modes.share.tolist()]
    return Marks(_("modes"), modes.z.numpy(), labels if len(labels) > 1 else (), tone="plain")


def layers(look: Look, gaps: Gaps | None) -> list[Layer]:
    """Return the layers of one image; the refined q where its course is known."""
    if look.raster is None:
        return []
    found: list[Layer] = [Field(_("posterior p(z|x)"), look.raster.values, look.raster.box)]
    if look.q is not None:
        found.append(Ellipse(_("encoder's q(z|x)"), look.q.mean[0].numpy(), look.q.covariance[0].numpy(), "warm"))
    if gaps is not None:
        course, steps = gaps.refined, shown_steps(gaps.refined)
        if len(steps) > 1:
            covariances = course.factor[steps, 0] @ course.factor[steps, 0].mT
            found.append(Course(_("q refined"), course.mean[steps, 0].numpy(), covariances.numpy()))
        best = gaps.best_q
        found.append(Ellipse(_("best Gaussian"), best.mean[0].numpy(), best.covariance[0].numpy(), "cool", dashed=True))
    found.append(mode_marks(look.modes))
    return found
