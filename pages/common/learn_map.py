"""The map of the families of generative models, as a graph."""

from __future__ import annotations

from collections.abc import Mapping

from pages.common.learn_families_words import known
from vae_core.families import FAMILIES
from vae_core.palette import Palette

RELATED = (
    ("vae", "vector-quantised"),
    ("vae", "latent-diffusion"),
    ("diffusion", "latent-diffusion"),
)
"""Who is made of whom."""


def family_map(chosen: str, names: Mapping[str, str], colours: Palette, dark: bool) -> str:
    """Return the graph in Graphviz's language: the question, what is known of p(x), the families; one is marked."""
    ink, quiet = ("#e4e7eb", "#333b45") if dark else ("#1c2127", "#d9dde3")
    paper = "#101317" if dark else "#ffffff"
    node = f'shape=box style="rounded" color="{quiet}" fontcolor="{ink}" fontname="sans-serif" fontsize=13 height=0.35'
    lines = [
        'digraph { rankdir=LR bgcolor="transparent" nodesep=0.14 ranksep=0.4',
        f"node [{node}]",
        f'edge [color="{colours.unknown}" arrowsize=0.6]',
        'question [label="p(x)?" shape=circle]',
    ]
    for kind in dict.fromkeys(family.likelihood for family in FAMILIES.values()):
        lines.append(f'{kind} [label="{known(kind)}" shape=plaintext fontcolor="{colours.unknown}"]')
        lines.append(f"question -> {kind}")
    for key, family in FAMILIES.items():
        mark = f' style="rounded,filled" fillcolor="{colours.accent}" fontcolor="{paper}"' if key == chosen else ""
        lines.append(f'"{key}" [label="{names[key]}"{mark}]')
        lines.append(f'{family.likelihood} -> "{key}"')
    lines += [f'"{first}" -> "{second}" [style=dashed constraint=false]' for first, second in RELATED]
    return "\n".join([*lines, "}"])
