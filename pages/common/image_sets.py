"""The images a plane shows: MNIST or a relative, its test part or all of it, or a person's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import streamlit as st
import torch
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.common import keys, state
from pages.common.i18n import _
from pages.common.parameters import choice
from pages.common.upload import KINDS, MAX_MEGABYTES, read_upload
from vae_core.data import NAMES, ImageSet, load_image_set

OWN: Final = "own"
DATA_CHOICES: Final = (*NAMES, OWN)
DATA: Final = choice("data", DATA_CHOICES)
DIGITS: Final = choice("digits", ("test", "all"))


@dataclass(frozen=True)
class Shown:
    """Images to be shown, and the name under which caches know them."""

    key: str
    images: ImageSet
    name: str
    """Which they are, one of DATA's choices."""

    @property
    def summary(self) -> str:
        """So many of which images, in a few words."""
        count = f"{len(self.images.images):,}"
        if self.name == OWN:
            return _("{count} of your own").format(count=count)
        return _("{count} of {name}").format(count=count, name=title(self.name))


def wanted() -> Shown:
    """Return the images this session asks for; MNIST's test images until its own are uploaded.

    Raises:
        DataError: they are missing or broken, or cannot be downloaded; the message says what to do.
    """
    name, part = state.get(DATA), state.get(DIGITS)
    if name != OWN:
        return published(name, part)
    files = uploaded()
    if not files:
        return published("mnist", "test")
    identity = ",".join(file.file_id for file in files)
    return Shown(f"own/{identity}", _read_own(identity, files), OWN)


def published(name: str, part: str) -> Shown:
    """Return MNIST or a relative: `test` or `all`, the training images after those of the test.

    Raises:
        DataError: as `wanted`.
    """
    return Shown(f"{name}/{part}", _read_published(name, part), name)


def uploaded() -> list[UploadedFile]:
    """Return the files this session has uploaded as its images."""
    files: list[UploadedFile] = st.session_state.get(keys.OWN_IMAGES) or []
    return files


@st.cache_resource(max_entries=3, show_spinner=False)
def _read_published(name: str, part: str) -> ImageSet:
    sets = [load_image_set(name, split) for split in (("test",) if part == "test" else ("test", "train"))]
    if len(sets) == 1:
        return sets[0]
    images, labels = (torch.cat(parts) for parts in zip(*((s.images, s.labels) for s in sets), strict=True))
    return ImageSet(images, labels, sets[0].classes)


# An upload has an identity of its own; its bytes stay with the session that brought them.
@st.cache_resource(max_entries=3, show_spinner=False)
def _read_own(identity: str, _files: Sequence[UploadedFile]) -> ImageSet:
    return read_upload(_files)


def title(name: str) -> str:
    """Return what a data set is called."""
    return {
        "mnist": "MNIST",
        "fashion-mnist": "FashionMNIST",
        "kmnist": "KMNIST",
        OWN: _("Your own images"),
    }[name]


def controls(on_change: Callable[[], None]) -> None:
    """Draw what is chosen of the images; ``on_change`` is called when something else is chosen."""
    st.selectbox(
        _("Images"),
        DATA_CHOICES,
        key=DATA.key,
        format_func=title,
        on_change=on_change,
        help=_("What the model encodes. All bundled models were trained on MNIST; others show what it makes of them."),
    )
    st.segmented_control(
        _("How many"),
        ("test", "all"),
        key=DIGITS.key,
        required=True,
        format_func=lambda part: _("10,000 of the test set") if part == "test" else _("All 70,000"),
        on_change=on_change,
        disabled=state.get(DATA) == OWN,
        help=_("The training images are shown after those of the test set. Your own images are always all shown."),
    )
    st.file_uploader(
        _("Your own images"),
        KINDS,
        accept_multiple_files=True,
        key=keys.OWN_IMAGES,
        max_upload_size=MAX_MEGABYTES,
        on_change=partial(_take_upload, on_change),
        help=_(
            "Pictures, a zip of them (subfolders are classes), or an .npz with images N × H × W and perhaps labels. "
            "They become 28 × 28 grey; the model expects light strokes on black."
        ),
    )
    if state.get(DATA) == OWN and not uploaded():
        st.caption(_("Upload some above. Until then MNIST is shown."))


def _take_upload(on_change: Callable[[], None]) -> None:
    if uploaded():
        state.put(DATA, OWN)
    elif state.get(DATA) == OWN:
        state.put(DATA, "mnist")
    on_change()
