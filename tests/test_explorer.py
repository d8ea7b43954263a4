"""The explorer without a browser: every control of it, and every state that an address can bring it into."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.common import image_sets
from pages.common.plane_state import Selection
from tests.app_pages import fine, open_page, said, words
from vae_core import registry
from vae_core.atlas import encode_images
from vae_core.data import ImageSet, load_image_set, load_images, picture_to_image
from vae_core.errors import DownloadError
from vae_core.evidence import log_evidence
from vae_core.inputs import model_input
from vae_core.objectives import elbo

BOX = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
BOX_TEXT = "~".join(f"{x:g},{y:g}" for x, y in BOX)
EMPTY = "90,90~91,90~91,91"


def explorer(**address: str) -> AppTest:
    """The explorer opened at an address, run once and free of exceptions."""
    return open_page("explorer", address)


def _shown_images(at: AppTest) -> str:
    (popover,) = at.get("popover")
    return str(popover.proto.popover.label)


def _metrics(at: AppTest) -> dict[str, float]:
    return {metric.label: float(metric.value.removesuffix(" nats").replace("−", "-")) for metric in at.metric}


def _png_of_a_digit(index: int = 0) -> bytes:
    """A digit of the test set, large and dark on white paper, as a person's scan would be."""
    image = 255 - load_images()[0][index].repeat_interleave(8, 0).repeat_interleave(8, 1)
    buffer = io.BytesIO()
    Image.fromarray(image.numpy()).save(buffer, format="PNG")
    return buffer.getvalue()


def _selected_images() -> torch.Tensor:
    """The numbers of MNIST's test images in BOX, worked out without the app."""
    images, labels = load_images()
    codes, _values = encode_images(registry.load_model("vae"), images)
    return torch.from_numpy(Selection(BOX).mask(codes.numpy(), labels.numpy())).nonzero()[:, 0]


class TestTheWholePage:
    def test_it_opens_on_ten_thousand_digits_with_nothing_unfolded(self) -> None:
        at = explorer()
        assert _shown_images(at) == "10,000 of MNIST"
        assert at.segmented_control(key="view.panel").value is None
        assert registry.read_card("vae").description in words(at)
        assert not at.query_params
        assert not at.image
        assert not at.get("plotly_chart")

    def test_every_control_says_in_a_line_what_it_does(self) -> None:
        at = explorer(panel="selection", selection=BOX_TEXT)
        for kind in (at.selectbox, at.segmented_control, at.file_uploader, at.download_button):
            for widget in kind:
                assert widget.proto.help, widget.label
                assert "\n" not in widget.proto.help

    def test_another_model_keeps_the_pins_and_forgets_the_selection(self) -> None:
        at = explorer(pins="0,0~1,1", selection=BOX_TEXT, z="0.25,-1.5")
        fine(at.selectbox(key="view.model").select("ae").run())
        assert (said(at, "model"), said(at, "pins"), said(at, "z")) == ("ae", "0,0~1,1", "0.25,-1.5")
        assert said(at, "selection") is None

    @pytest.mark.parametrize(
        ("name", "value"), [("selection", "0,0~1,1"), ("data", "imagenet"), ("digits", "7"), ("panel", "x")]
    )
    def test_an_address_that_makes_no_sense_gives_a_notice_and_the_usual_view(self, name: str, value: str) -> None:
        at = explorer(**{name: value})
        assert f"`{value}`" in at.info[0].value
        assert _shown_images(at) == "10,000 of MNIST"
        assert said(at, name) != value
        fine(at.button(key="dismiss").click().run())
        assert not at.info

    def test_the_panels_open_and_close(self) -> None:
        at = explorer()
        for panel in ("draw", "selection", "card"):
            fine(at.segmented_control(key="view.panel").set_value(panel).run())
            assert said(at, "panel") == panel
        fine(at.segmented_control(key="view.panel").set_value(None).run())
        assert said(at, "panel") is None
        assert not at.table


class TestImages:
    def test_all_seventy_thousand_are_shown_on_request(self) -> None:
        at = explorer(digits="all")
        assert _shown_images(at) == "70,000 of MNIST"
        fine(at.segmented_control(key="view.digits").set_value("test").run())
        assert _shown_images(at) == "10,000 of MNIST"
        assert said(at, "digits") != "all"

    def test_a_download_that_fails_is_told_and_mnist_is_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def offline(name: str, split: str) -> ImageSet:
            if name == "mnist":
                return load_image_set(name, split)
            raise DownloadError(f"{name} cannot be downloaded: connect to the <b>internet</b>")

        monkeypatch.setattr(image_sets, "load_image_set", offline)
        at = explorer(data="kmnist")
        assert "KMNIST cannot be shown" in at.error[0].value
        assert at.text[0].value == "kmnist cannot be downloaded: connect to the <b>internet</b>"
        assert _shown_images(at) == "10,000 of MNIST"
        assert said(at, "data") != "kmnist"

    def test_own_images_are_asked_for_until_they_are_there(self) -> None:
        at = explorer(data="own")
        assert _shown_images(at) == "10,000 of MNIST"
        assert "Upload some above" in words(at)
        assert not at.error

    def test_an_uploaded_data_set_is_encoded_and_shown(self) -> None:
        images, labels = (part[:60].numpy() for part in load_images())
        buffer = io.BytesIO()
        np.savez(buffer, images=images, labels=labels)
        at = explorer(selection=BOX_TEXT)
        fine(at.file_uploader[0].upload("mine.npz", buffer.getvalue()).run())
        assert _shown_images(at) == "60 of your own"
        assert said(at, "data") == "own"
        assert said(at, "selection") is None
        assert at.segmented_control(key="view.digits").disabled

    def test_an_upload_that_is_no_data_set_is_refused_by_its_name(self) -> None:
        at = explorer()
        fine(at.file_uploader[0].upload("holiday <b>.zip", b"not a zip").run())
        assert "cannot be shown" in at.error[0].value
        assert "holiday <b>.zip" in at.text[0].value
        assert "/" not in at.text[0].value
        assert _shown_images(at) == "10,000 of MNIST"


class TestSelection:
    def test_without_a_selection_the_panel_says_how_to_make_one(self) -> None:
        at = explorer(panel="selection")
        assert "Nothing is selected yet" in words(at)
        assert not at.image

    def test_a_selection_without_images_says_so(self) -> None:
        at = explorer(panel="selection", selection=EMPTY)
        assert "No image lies in this selection" in words(at)
        assert not at.image

    def test_the_selection_of_an_address_opens_as_a_gallery(self) -> None:
        at = explorer(panel="selection", selection=BOX_TEXT)
        count = f"{len(_selected_images()):,}"
        assert f"Showing 1 to 24 of **{count} images**" in words(at)
        assert f"Selection ({count})" in at.segmented_control(key="view.panel").options
        assert len(at.image) == 1
        assert len(at.get("plotly_chart")) == 1
        assert not at.error

    def test_hidden_digits_are_not_in_it(self) -> None:
        labels = load_images()[1][_selected_images()]
        at = explorer(panel="selection", selection=BOX_TEXT, hidden="3,8")
        assert f"**{int(((labels != 3) & (labels != 8)).sum()):,} images**" in words(at)

    def test_it_is_paged_to_its_end(self) -> None:
        at = explorer(panel="selection", selection=BOX_TEXT)
        count = len(_selected_images())
        last = -(-count // 24)
        fine(at.pagination[0].set_value(last).run())
        assert f"Showing {24 * (last - 1) + 1:,} to {count:,} of" in words(at)

    def test_the_worst_reconstructions_come_first_on_request(self) -> None:
        at = explorer(panel="selection", selection=BOX_TEXT)
        fine(at.selectbox(key="view.order").select("worst").run())
        errors = encode_images(registry.load_model("vae"), load_images()[0][_selected_images()])[1]["reconstruction"]
        worst = errors.sort(descending=True).values[:24]
        assert f"Reconstruction error {worst[-1]:.1f} to {worst[0]:.1f} nats per image" in words(at)
        assert said(at, "order") == "worst"


class TestOwnDigit:
    def test_an_empty_pad_says_what_to_do(self) -> None:
        at = explorer(panel="draw")
        assert "Draw on the pad or upload a picture" in words(at)
        assert not at.metric

    def test_an_uploaded_picture_is_measured_in_nats(self) -> None:
        at = explorer(panel="draw")
        picture = _png_of_a_digit()
        fine(at.file_uploader(key="digit.picture.file").upload("seven.png", picture).run())
        model = registry.load_model("vae")
        x = model_input(model, picture_to_image(picture)[None])
        terms = elbo(model, x, 200, torch.Generator().manual_seed(0))
        shown = _metrics(at)
        assert shown["KL divergence"] == pytest.approx(terms.kl.item(), abs=0.006)
        assert shown["ELBO"] == pytest.approx(terms.elbo.item(), abs=0.006)
        assert shown["ELBO"] == pytest.approx(-shown["Reconstruction"] - shown["KL divergence"], abs=0.011)
        assert "drawn once" in words(at)

        fine(at.button(key="evidence").click().run())
        exact = _metrics(at)["log p(x), exact"]
        assert exact == pytest.approx(log_evidence(model, x).item(), abs=0.006)
        assert exact > shown["ELBO"]

    def test_an_autoencoder_has_a_reconstruction_and_no_bound(self) -> None:
        at = explorer(panel="draw", model="ae")
        fine(at.file_uploader(key="digit.picture.file").upload("seven.png", _png_of_a_digit()).run())
        assert set(_metrics(at)) == {"Reconstruction"}
        assert "has no prior" in words(at)

    def test_what_is_no_picture_is_refused_with_the_reason(self) -> None:
        at = explorer(panel="draw")
        fine(at.file_uploader(key="digit.picture.file").upload("seven.png", b"<svg onload=alert(1)>").run())
        assert "cannot be used" in at.error[0].value
        assert "is not a picture" in at.text[0].value
        assert not at.metric
        fine(at.file_uploader(key="digit.picture.file").set_value(("seven.png", _png_of_a_digit(), "image/png")).run())
        assert not at.error
        assert at.metric


class TestCard:
    @pytest.mark.parametrize("name", registry.BUNDLED)
    def test_it_tells_what_is_known_about_the_model(self, name: str) -> None:
        at = explorer(model=name, panel="card")
        card = registry.read_card(name)
        tables = [dict(table.value.iloc[:, 0]) for table in at.table]
        assert len(tables) == 3
        assert tables[0]["File"] == f"{card.size / 1e6:.1f} MB, float16"
        assert tables[1]["Epochs"].startswith(str(card.config.train.epochs))
        measured = f"{card.figures['reconstruction']:.2f}".replace("-", "−")
        assert tables[2]["Reconstruction"] == f"{measured} ± {card.figures['reconstruction_error']:.2f}"
        assert ("ELBO" in tables[2]) == (card.kind == "vae")
        assert at.code[0].value == card.command
