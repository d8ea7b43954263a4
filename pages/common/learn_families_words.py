"""What the map of the families says of each of them."""

from __future__ import annotations

from pages.common.i18n import _


def names() -> dict[str, str]:
    """Return what each family is called."""
    return {
        "autoregressive": _("Autoregressive"),
        "flow": _("Normalising flow"),
        "vae": "VAE",
        "vector-quantised": _("Vector-quantised"),
        "diffusion": _("Diffusion"),
        "latent-diffusion": _("Latent diffusion"),
        "energy": _("Energy-based"),
        "gan": "GAN",
    }


def paragraphs() -> dict[str, str]:
    """Return how each family answers the question."""
    return {
        "autoregressive": _(
            r"**One piece after the other.** Any distribution is a product of conditionals, $p(x) = \prod_i p(x_i | "
            "x_{<i})$, and each of them is a small table that is easily normalised. The likelihood is exact. Drawing "
            "takes one step for each piece, 784 for a digit; that is how text is written token by token. Here the "
            "pieces are binary digits of the mark."
        ),
        "flow": _(
            "**A map that can be undone.** Noise is stretched and bent by layers that have an inverse, and the density "
            r"follows by the change of variables, $p(x) = p(z)\,|\det \partial z / \partial x|$. Exact, and one pass "
            "either way; but $z$ must be as large as $x$, and nothing may be torn: what lies side by side stays so."
        ),
        "vae": _(
            r"**A latent variable and a bound.** $p(x) = \int p(z)\,p(x|z)\,dz$ is normalised by itself but cannot be "
            "computed; an encoder makes the ELBO of it. One pass draws: $z$ from the prior, then $x$. The latent space "
            "is small and orderly, which is what this app shows; the price is blur."
        ),
        "vector-quantised": _(
            "**A VAE with a vocabulary.** The code is not a point but an entry of a learned codebook; under a uniform "
            "prior its KL is a constant, so it cannot collapse. Images become short strings of numbers, and a second "
            "model, usually an autoregressive one, learns which strings there are. Here a mark is one code."
        ),
        "diffusion": _(
            "**Undo noise in small steps.** Data are turned into noise little by little, which takes no learning; a "
            "network learns each small step back. It is a VAE with many latent layers as large as $x$ and a fixed "
            "encoder, trained by a bound of the same kind. Drawing takes many steps, and few of them spoil it."
        ),
        "latent-diffusion": _(
            "**Diffusion of codes.** A VAE first makes the image small; diffusion learns the distribution of its "
            "codes, which a plain prior never quite matches; the decoder adds the detail. It shares the labour: coarse "
            "structure to the diffusion, texture to the decoder."
        ),
        "energy": _(
            "**Never mind the sum.** A network gives an energy and $p(x) = e^{-E(x)}/Z$, with $Z$ unknown. Ratios and "
            "slopes do not need it, so one can draw by walking downhill with noise, and train by pushing the energy of "
            "data down and that of draws up. Free in form; slow to draw, since the walk must find every valley."
        ),
        "gan": _(
            "**No density at all.** A generator maps noise to $x$ in one pass, and a discriminator learns to tell its "
            "draws from data; each trains the other. No likelihood makes it average, so samples are sharp. But nothing "
            "notices what is never drawn, and no likelihood tells how good it is. The map may fold, as here."
        ),
    }


def step_name(family: str) -> str:
    """Return what the steps of a family are."""
    return {
        "autoregressive": _("Binary digits"),
        "flow": _("Layers"),
        "vector-quantised": _("Codes"),
        "diffusion": _("Denoising steps"),
        "latent-diffusion": _("Denoising steps"),
        "energy": _("Langevin steps"),
    }[family]


def known(likelihood: str) -> str:
    """Return what is known of log p(x)."""
    return {
        "exact": _("exact"),
        "bound": _("a lower bound"),
        "unnormalised": _("up to log Z"),
        "none": _("nothing"),
    }[likelihood]


def latent(family: str) -> str:
    """Return what latent variable a family has."""
    return {
        "autoregressive": _("none"),
        "flow": _("as large as x"),
        "vae": _("small, continuous"),
        "vector-quantised": _("small, discrete"),
        "diffusion": _("as large as x"),
        "latent-diffusion": _("small, continuous"),
        "energy": _("none"),
        "gan": _("small, continuous"),
    }[family]
