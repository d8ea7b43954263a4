"""Every word the plane shows or speaks, in the session's language."""

from __future__ import annotations

from pages.common.i18n import _


def words() -> dict[str, str]:
    """Return the plane's words by the name its JavaScript knows them by; {names} are filled in there."""
    above = {**_stage(), **_toolbar(), **_overlays(), **_legend(), **_inspector()}
    beside = {**_dial(), **_row(), **_curves(), **_rates(), **_path(), **_pad(), **_brush()}
    return {**above, **beside, **_chosen(), **_spoken()}


def _stage() -> dict[str, str]:
    return {
        "plane": _("Latent plane"),
        "plane_keys": _(
            "Arrow keys move the cursor, with Shift in fine steps. Enter pins a point, Escape clears, plus and minus "
            "zoom, 0 shows everything."
        ),
        "loading": _("Loading the map…"),
        "unreadable": _("This map cannot be read: {reason}. Build the model again, or choose another."),
        "selected": _("{count} selected"),
        "layers": _("What lies over the points"),
        "layer_regions": _("The smallest regions that hold 50, 90 and 99 % of it"),
        "layer_play": _("Play its course"),
        "layer_magnitude": _("From all but the lowest to all but the highest hundredth"),
    }


def _toolbar() -> dict[str, str]:
    return {
        "tools": _("What a drag does"),
        "tool_pan": _("Pan: drag to move the plane"),
        "tool_box": _("Box: drag to select a rectangle (or Shift and drag)"),
        "tool_lasso": _("Lasso: drag around points to select them"),
        "zoom": _("Zoom"),
        "zoom_in": _("Zoom in (+)"),
        "zoom_out": _("Zoom out (−)"),
        "zoom_reset": _("Show everything (0)"),
        "zoom_regions": _("Zoom to the posterior (F)"),
        "colour": _("Colour"),
        "colour_help": _("What the colour of a point means"),
        "colour_digit": _("Digit"),
        "colour_reconstruction": _("Reconstruction error"),
        "colour_kl": _("KL divergence"),
        "overlays": _("Overlays"),
    }


def _overlays() -> dict[str, str]:
    return {
        "overlay_labels": _("Digit names"),
        "overlay_labels_help": _("Each digit's name where most of its codes are"),
        "overlay_prior": _("Prior"),
        "overlay_prior_help": _("Circles at 1, 2 and 3 σ of N(0, I), which samples are drawn from"),
        "overlay_density": _("Density of the codes"),
        "overlay_density_help": _("Lines around the densest 10, 50 and 90 % of them"),
        "overlay_holes": _("Holes"),
        "overlay_holes_help": _("Hatched where the prior has mass and the codes do not: ten times less"),
        "overlay_tiles": _("Decoded digits"),
        "overlay_tiles_help": _("What every spot decodes to, sharpening as the view rests"),
        "overlay_regions": _("Recognised regions"),
        "overlay_regions_help": _("The digit each spot looks like, paler where that is less sure"),
    }


def _legend() -> dict[str, str]:
    return {
        "legend": _("Show and hide digits"),
        "legend_reset": _("Show all"),
        "chip_help": _("{name}: {count} points. Click to hide or show, double-click or Alt-click to show it alone"),
        "no_label": _("none"),
        "other_labels": _("others"),
    }


def _inspector() -> dict[str, str]:
    return {
        "inspector": _("The decoded point"),
        "decoded_image": _("Decoded image"),
        "mode": _("What of p(x|z) is shown"),
        "mode_mean": _("Mean"),
        "mode_mean_help": _("The mean of p(x|z): what is usually shown as the decoded image"),
        "mode_sample": _("Sample"),
        "mode_sample_help": _("An image drawn from p(x|z), every pixel for itself"),
        "mode_std": _("Deviation"),
        "mode_std_help": _("The standard deviation of p(x|z): where the decoder is unsure"),
        "draw_again": _("Draw another sample"),
        "looks_like": _("Looks like"),
        "support": _("Support"),
        "support_help": _(
            "A spot is on the data's support where the density of the codes is at least that around the loneliest 2 % "
            "of them. Elsewhere the decoder has learned from no image."
        ),
        "on_support": _("on the data's support"),
        "off_support": _("off the data's support"),
        "nearest": _("Nearest code"),
        "nearest_help": _("The digit of the encoded image whose code is nearest, and how far away it is in the plane"),
        "distance": _("at {distance}"),
        "nearest_original": _("The encoded image whose code is nearest"),
        "nearest_reconstruction": _("What the model makes of its code"),
        "original": _("Original"),
        "reconstruction": _("Decoded"),
    }


def _dial() -> dict[str, str]:
    return {
        "dial_beta": _("β"),
        "dial_beta_help": _("The weight of the KL term: small for exact images, large for an orderly latent space"),
        "dial_model": _("Morph"),
        "dial_model_help": _("Every point moves from its place in one latent space to its place in the other"),
        "dial_step": _("Training step"),
        "dial_step_help": _("The model as it was at this step of its training"),
        "dial_newest": _("Newest"),
        "dial_newest_help": _("Keep to the newest state of the model while it trains; turning the dial leaves it"),
        "dial_play": _("Play the dial"),
        "dial_stop": _("Stop the dial"),
        "dial_beta_now": _("beta {value}"),
        "dial_step_now": _("step {value}"),
        "dial_model_now": _("{percent} percent of the way from {first} to {last}"),
        "dial_figures": _("ELBO {elbo} · D {distortion} · R {rate} nats"),
        "dial_figure_distortion": _("D {distortion} nats"),
        "dial_figure_beta": _("β {beta}"),
        "dial_collapse": _("collapse"),
        "dial_collapse_help": _("From β = {value} on, fewer than two latent dimensions are active"),
    }


def _row() -> dict[str, str]:
    return {
        "row": _("Chosen digits and their reconstructions"),
        "row_original": _("Original {label}"),
        "row_reconstruction": _("Reconstruction of {label}"),
    }


def _curves() -> dict[str, str]:
    return {
        "samples": _("Samples"),
        "samples_help": _("Decoded from the same twelve draws of N(0, I) at every step: what the model makes up"),
        "samples_go": _("Go to z {x}, {y}"),
        "curves": _("Curves of the run"),
        "curves_drawing": _("Curves over the training steps, with the dial's place as a line to be drawn along them"),
        "curves_names": _("Show and hide curves"),
        "curves_test": _("Test"),
        "curves_test_help": _("On the test set, as a full line"),
        "curves_train": _("Training"),
        "curves_train_help": _("On the training set, as a broken line"),
        "curves_both": _("{test} test, {train} training"),
    }


def _rates() -> dict[str, str]:
    return {
        "rates": _("Rate and distortion"),
        "rates_distortion": _("Distortion D"),
        "rates_distortion_help": _("What reconstructing an image costs: −log p(x|z), on average over q(z|x)"),
        "rates_rate": _("Rate R"),
        "rates_rate_help": _("What the code tells of the image: KL(q(z|x) ‖ p(z))"),
        "rates_elbo": _("ELBO"),
        "rates_elbo_help": _("−(D + R): a lower bound of log p(x), largest where β is 1"),
        "rates_objective": _("D + βR"),
        "rates_objective_help": _("What training at this β makes small"),
        "rates_active": _("Active dimensions"),
        "rates_active_help": _("Those whose mean varies over the images by more than 0.01 (variance)"),
        "rates_none_active": _("none"),
        "nats": _("nats"),
        "chart": _("Distortion against rate, with the dial's place on the curve"),
        "chart_x": _("Rate (nats)"),
        "chart_y": _("Distortion (nats)"),
        "chart_elbo": _("ELBO {value}"),
        "chart_runs": _("Other runs on the chart"),
        "chart_mark": _("{name}: β {beta}, rate {rate}, distortion {distortion} nats"),
    }


def _path() -> dict[str, str]:
    return {
        "path": _("Path"),
        "path_hint": _("Click the plane to pin points. Two or more make a path; click a pin to remove it."),
        "path_hint_one": _("One pin. Click elsewhere on the plane for a path from it; click the pin to remove it."),
        "play": _("Play"),
        "pause": _("Pause"),
        "interpolation": _("How the path runs from pin to pin"),
        "interpolation_help": _("Straight lines, or arcs about the origin that keep to where the prior has its mass"),
        "interpolation_linear": _("Linear"),
        "interpolation_spherical": _("Spherical"),
        "remove_last_pin": _("Remove the last pin"),
        "undo": _("Undo"),
        "clear_pins": _("Remove all pins"),
        "film": _("Frames along the path"),
        "film_frame": _("Frame {number} of {count}"),
    }


def _pad() -> dict[str, str]:
    return {
        "pad": _("Draw a digit"),
        "pad_surface": _("Pad to draw a digit on with mouse, pen or finger"),
        "pad_hint": _(
            "What you draw is centred and scaled like MNIST and encoded as you go. The plane shows where it "
            "lands, with 1 and 2 σ of q(z|x)."
        ),
        "pad_input": _("As the model sees it"),
        "pad_output": _("Reconstruction"),
        "pad_mean": _("Mean of q(z|x)"),
        "pad_spread": _("Deviation"),
        "pad_undo": _("Undo the last stroke"),
        "pad_clear": _("Clear the pad"),
    }


def _brush() -> dict[str, str]:
    return {
        "brush_surface": _("An image whose pixels are revealed, hidden or painted with a brush"),
        "brush_keys": _(
            "Arrow keys move the brush, with Shift they draw. Space draws one spot. R reveals, H hides, P paints; plus "
            "and minus change the size; Ctrl+Z takes back."
        ),
        "brush_hint": _(
            "The plane shows which z explain the pixels that are seen; hidden pixels say nothing. It follows the brush."
        ),
        "brush_impossible": _(
            "This needs a model with a prior and two latent dimensions: without them there is no posterior on a plane."
        ),
        "brush_tools": _("What the brush does"),
        "brush_reveal": _("Reveal"),
        "brush_reveal_help": _("Show pixels of the image to the model (R)"),
        "brush_hide": _("Hide"),
        "brush_hide_help": _("Hide pixels from the model, as if nobody had looked at them (H)"),
        "brush_paint": _("Paint"),
        "brush_paint_help": _("Paint pixels white; where you begin on white, black (P)"),
        "brush_size": _("Size of the brush"),
        "brush_undo": _("Undo (Ctrl+Z)"),
        "brush_hide_all": _("Hide all"),
        "brush_reveal_all": _("Reveal all"),
        "brush_posterior": _("p(z | seen pixels)"),
        "brush_preparing": _("Decoding the plane: {percent} %"),
        "brush_none": _("Nothing is seen: the posterior is the prior."),
        "brush_seen": _("{count} of 784 pixels are seen. Modes of the posterior: {modes}."),
        "completions": _("Completions"),
        "completions_help": _("Each decodes a draw from p(z | seen pixels); what it fills in is tinted"),
        "completions_again": _("Draw other completions"),
    }


def _chosen() -> dict[str, str]:
    return {
        "chosen_posterior": _("posterior p(z|x)"),
        "chosen_q": _("encoder's q(z|x)"),
        "chosen_modes": _("modes"),
    }


def _spoken() -> dict[str, str]:
    return {
        "spoken_place": _("z {x}, {y}."),
        "spoken_digit": _("Looks like {digit}, {percent} percent."),
        "spoken_on": _("On the data's support."),
        "spoken_off": _("Off the data's support."),
    }
