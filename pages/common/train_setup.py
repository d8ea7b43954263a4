"""What a new run is to be: presets first, the rest folded away."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import streamlit as st

from pages.common import keys, state
from pages.common.i18n import _
from pages.common.image_sets import title as data_title
from pages.common.layout import problem
from pages.common.parameters import RUN
from pages.common.setting_names import likelihood_title, schedule_title
from pages.common.train_view import folder
from pages.common.upload import KINDS, MAX_MEGABYTES, read_upload
from vae_core import run_archive, run_queue, runs
from vae_core.config import ACTIVATIONS, BETA_SCHEDULES, LEARNING_RATE_SCHEDULES, LIKELIHOODS, PRESETS, RunConfig
from vae_core.data import NAMES
from vae_core.errors import ConfigError, DataError, LatentExplorerError

UPLOAD: Final = "upload"
UPLOADS: Final = ".data"
PREFIX: Final = "new."
LARGEST_LATENT: Final = 64
PRESET_ORDER: Final = ("quick", "classic", "good", "gaussian")


def setup() -> None:
    """Draw the choices of a new run and its Start button."""
    st.markdown(_("### A new run"))
    left, right = st.columns(2, gap="large")
    with left:
        preset = st.segmented_control(
            _("Preset"), PRESET_ORDER, default="classic", key=f"{PREFIX}preset", required=True,
            format_func=_preset_title, help=_("Where to start from; everything below can be changed"),
        )  # fmt: skip
        base = PRESETS[preset or "classic"]
        st.caption(_preset_text(preset or "classic"))
        data = _choose_data()
    with right:
        kind = st.segmented_control(
            _("Kind"), ("vae", "ae"), default="vae", key=f"{PREFIX}kind", required=True,
            format_func=lambda kind: _("Variational autoencoder") if kind == "vae" else _("Autoencoder"),
            help=_("An autoencoder is trained without the KL term"),
        )  # fmt: skip
        beta = st.number_input(
            _("β"), 0.0, 1000.0, base.train.beta, format="%g", key=f"{PREFIX}beta", disabled=kind == "ae",
            help=_("Weight of the KL divergence; it can be turned while the run trains"),
        )  # fmt: skip
        epochs = st.number_input(
            _("Epochs"), 1, 10_000, base.train.epochs, key=f"{PREFIX}epochs.{preset}",
            help=_("Passes over the images; a run can be stopped at any moment"),
        )  # fmt: skip
    model, train = _details(base, preset or "classic")
    model["kind"] = kind
    train |= {"beta": float(beta), "epochs": int(epochs)}
    name = st.text_input(
        _("Name"), key=f"{PREFIX}name", max_chars=80, placeholder=_("optional"), help=_("What the run is called here")
    )
    st.button(
        _("Start"),
        type="primary",
        icon=":material/play_arrow:",
        disabled=data is None,
        on_click=go,
        help=_("Train in the background; closing this page disturbs nothing"),
    )
    # Remembered rather than returned: a run of the page that is started again would forget a button.
    if st.session_state.pop(keys.TRAIN_GO, False) and data:
        start(model, {**train, "data": data}, base, name)


def take_in() -> None:
    """Draw where a run that was saved as a zip is taken in, and show it once it has been."""
    with st.expander(_("Take in a run that was saved")):
        file = st.file_uploader(
            _("A run's zip file"), ("zip",), key=f"{PREFIX}zip", max_upload_size=MAX_MEGABYTES,
            help=_("As “Save as zip” makes it. It is checked first, and nothing in it is ever executed."),
        )  # fmt: skip
        if file is None or st.session_state.get(keys.TRAIN_TAKEN) == file.file_id:
            return
        try:
            run = run_archive.import_run(file.getvalue(), folder())
        except LatentExplorerError as error:
            problem(_("This file cannot be taken in."), str(error))
            return
        st.session_state[keys.TRAIN_TAKEN] = file.file_id
        state.put(RUN, run.name)
        st.rerun()


def go() -> None:
    """Remember that the button was pressed which starts a run."""
    st.session_state[keys.TRAIN_GO] = True


def _preset_title(name: str) -> str:
    return {"quick": _("Quick"), "classic": _("Classic"), "good": _("Good"), "gaussian": _("Gaussian")}[name]


def _preset_text(name: str) -> str:
    return {
        "quick": _("A small network and ten epochs, for a first look."),
        "classic": _("The textbook: 784-400-2-400-784 with ReLU, on grey pixels."),
        "good": _("The network of the bundled model and its 250 epochs: the one that takes longest."),
        "gaussian": _("A mean and a standard deviation learned for every pixel."),
    }[name]


def _choose_data() -> str | None:
    """Return the name of the images or the path of those uploaded; None while there is none."""
    name = st.selectbox(
        _("Images"), (*NAMES, UPLOAD), key=f"{PREFIX}data",
        format_func=lambda name: _("Your own images") if name == UPLOAD else data_title(name),
        help=_("Sets other than MNIST are downloaded when they are first used"),
    )  # fmt: skip
    if name != UPLOAD:
        return str(name)
    files = st.file_uploader(
        _("Your own images"), KINDS, accept_multiple_files=True, key=f"{PREFIX}files", max_upload_size=MAX_MEGABYTES,
        help=_("Pictures, a zip of them (subfolders are classes), or an .npz with images N × H × W and perhaps labels"),
    )  # fmt: skip
    if not files:
        return None
    try:
        found = read_upload(files)
    except DataError as error:
        problem(_("These files cannot be used."), str(error))
        return None
    if len(found.images) < 2:
        problem(_("One image is too few to train on: upload at least two."))
        return None
    return str(_keep(found.images.numpy(), found.labels.numpy()))


def _keep(images: Any, labels: Any) -> Path:
    """Write uploaded images where a trainer finds them, under a name that follows from what they are."""
    path = folder() / UPLOADS / f"{hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()[:16]}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part.npz")
        np.savez_compressed(temporary, images=images, labels=labels)
        temporary.replace(path)
    return path


def _details(base: RunConfig, preset: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw what a beginner does not need; return the settings of the model and of the training."""
    key = f"{PREFIX}{preset}."
    with st.expander(_("The network")):
        columns = st.columns(3)
        model: dict[str, Any] = {
            "encoder_widths": _widths(columns[0], _("Encoder"), base.model.encoder_widths, f"{key}encoder"),
            "decoder_widths": _widths(columns[1], _("Decoder"), base.model.decoder_widths, f"{key}decoder"),
            "latent_dim": int(
                columns[2].number_input(
                    _("Latent dimensions"), 1, LARGEST_LATENT, base.model.latent_dim, key=f"{key}latent",
                    help=_("Only a latent space of 2 dimensions can be watched as a plane"),
                )
            ),
            "activation": columns[0].selectbox(
                _("Activation"), ACTIVATIONS, ACTIVATIONS.index(base.model.activation), key=f"{key}activation",
                help=_("After every hidden layer"),
            ),
            "likelihood": columns[1].selectbox(
                _("Likelihood"), LIKELIHOODS, LIKELIHOODS.index(base.model.likelihood), key=f"{key}likelihood",
                format_func=likelihood_title, help=_("p(x|z) of a pixel"),
            ),
            "variance": columns[2].number_input(
                _("Variance c"), 1e-4, 100.0, base.model.variance, format="%g", key=f"{key}variance",
                help=_("Of the Gaussian of fixed variance alone"),
            ),
        }  # fmt: skip
    with st.expander(_("The training")):
        return model, _training(base, key)


def _training(base: RunConfig, key: str) -> dict[str, Any]:
    columns = st.columns(3)
    train = base.train
    return {
        "learning_rate": columns[0].number_input(
            _("Learning rate"), 1e-6, 1.0, train.learning_rate, format="%g", key=f"{key}rate",
            help=_("The largest of its schedule"),
        ),
        "learning_rate_schedule": columns[1].selectbox(
            _("Its schedule"), LEARNING_RATE_SCHEDULES,
            LEARNING_RATE_SCHEDULES.index(train.learning_rate_schedule), key=f"{key}rates",
            format_func=schedule_title, help=_("How the learning rate changes over the run"),
        ),
        "batch_size": int(
            columns[2].number_input(
                _("Batch size"), 1, 10_000, train.batch_size, key=f"{key}batch", help=_("Images in one step")
            )
        ),
        "beta_schedule": columns[0].selectbox(
            _("Schedule of β"), BETA_SCHEDULES, BETA_SCHEDULES.index(train.beta_schedule), key=f"{key}betas",
            format_func=schedule_title, help=_("How β gets to its value"),
        ),
        "seed": int(
            columns[1].number_input(
                _("Seed"), 0, 2**31, train.seed, key=f"{key}seed", help=_("The same seed gives the same model")
            )
        ),
        "precision": columns[2].selectbox(
            _("Precision"), ("fp32", "bf16"), ("fp32", "bf16").index(train.precision), key=f"{key}precision",
            help=_("Of the matrix products"),
        ),
    }  # fmt: skip


def _widths(column: Any, name: str, widths: tuple[int, ...], key: str) -> str:
    text: str = column.text_input(
        name, ",".join(map(str, widths)), key=key, help=_("Widths of the hidden layers, with commas between")
    )
    return text


def _parsed(model: dict[str, Any]) -> dict[str, Any]:
    parsed = dict(model)
    for name in ("encoder_widths", "decoder_widths"):
        try:
            parsed[name] = tuple(int(part) for part in str(model[name]).split(",") if part.strip())
        except ValueError:
            sentence = _("'{text}' is no list of layer widths: write them as 512,512")
            raise ConfigError(sentence.format(text=model[name])) from None
    return parsed


def start(model: dict[str, Any], train: dict[str, Any], base: RunConfig, name: str) -> None:
    """Make the run's directory, put it in the queue and show it; say what is wrong where that cannot be."""
    try:
        config = RunConfig(dataclasses.replace(base.model, **_parsed(model)), dataclasses.replace(base.train, **train))
        run = runs.new_folder(folder())
        with st.spinner(_("Getting the images ready…")):
            runs.prepare(run, config, name.strip())
        run_queue.enqueue(run, time.time())
    except LatentExplorerError as error:
        problem(_("This run cannot be started."), str(error))
        return
    state.put(RUN, run.name)
    st.rerun()
