"""The shareable view of the explorer: every parameter that its address may have."""

from __future__ import annotations

from typing import Any, Final

from pages.common.gallery import ORDER
from pages.common.geometry_panel import GEOMETRY
from pages.common.image_sets import DATA, DIGITS
from pages.common.own_models import model_parameter
from pages.common.parameters import Parameter, optional
from pages.common.plane_view import PARAMETERS
from vae_core.registry import BUNDLED

PANELS: Final = ("draw", "selection", "geometry", "card")
MODEL: Final = model_parameter("model", BUNDLED[0])
PANEL: Final = optional("panel", PANELS)
VIEW: Final[tuple[Parameter[Any], ...]] = (MODEL, DATA, DIGITS, *PARAMETERS, PANEL, ORDER, GEOMETRY)
