"""The explorer: a model's latent plane, and any point of it decoded under the pointer."""

from pages.common import state
from pages.common.i18n import _
from pages.common.layout import open_page
from pages.common.parameters import Z

VIEW = (Z,)

state.restore("explorer", VIEW)
open_page(_("Explorer"))
state.publish(VIEW)
