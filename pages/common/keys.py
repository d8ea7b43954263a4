"""Every key the app keeps in a browser session's state, in one place."""

from typing import Final

BRUSHED: Final = "plane.brushed"
COURSE: Final = "inference.course"
DRAWN: Final = "plane.drawn"
EVIDENCE: Final = "digit.evidence"
GALLERY_PAGE: Final = "gallery.page"
MEASURED: Final = "sides.measured"
NOTICES: Final = "notices"
OWN_IMAGES: Final = "images.own"
PAGE: Final = "page"
PICTURE: Final = "digit.picture"
PICTURE_FILE: Final = "digit.picture.file"
PICTURE_REFUSED: Final = "digit.picture.refused"
REMEMBERED: Final = "remembered"
REVISION: Final = "revision"
TRAIN_BASE: Final = "train.base"
TRAIN_BEHIND: Final = "train.behind"
TRAIN_KEYFRAME: Final = "train.keyframe"
TRAIN_PICK: Final = "train.pick"
TRAIN_PLACE: Final = "train.place"
TRAIN_GO: Final = "train.go"
TRAIN_PROBLEM: Final = "train.problem"
TRAIN_TAKEN: Final = "train.taken"


def of_view(parameter: str) -> str:
    """Return the key under which a part of the shareable view is kept; widgets use it as their own key."""
    return f"view.{parameter}"
