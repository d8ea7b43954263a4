"""The training page as a person uses it: a real run started, watched, steered, left and come back to, forked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import NARROW, OpenPage
from tests.e2e.explorer import bring, place, said, until_said
from tests.e2e.page import settled
from tests.e2e.server import App, running_app
from tests.factories import make_config, write_data_set
from tests.trainers import until
from vae_core import run_folder, run_keyframes, run_queue, runs
from vae_core.run_folder import read_state
from vae_core.run_records import read_events, read_metrics

PLANE = "[data-testid=latent-plane][data-ready=true]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the app's runs go."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(autouse=True)
def stopped(folder: Path) -> Iterator[None]:
    """Whatever still trains at the end of a test is stopped: only so many train at once."""
    yield
    for run in run_folder.list_runs(folder):
        if read_state(run).status in ("queued", "running", "paused"):
            run_queue.stop(run, 20.0)


@pytest.fixture(scope="module")
def trainer_app(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app with a folder of runs of its own."""
    log = tmp_path_factory.mktemp("train-app") / "log.txt"
    with running_app(log, LATENT_EXPLORER_RUNS=str(folder), OMP_NUM_THREADS="1") as app:
        yield app
    assert "Traceback" not in app.said(), app.said()


@pytest.fixture
def url(trainer_app: App, complaints: list[str]) -> Iterator[str]:
    """Where the page is. Below the root Streamlit's frontend first asks whether the app itself is served from there."""
    yield f"{trainer_app.url}/train"
    complaints[:] = [each for each in complaints if "404 (Not Found)" not in each]


def start_run(page: Page, url: str) -> Locator:
    """Start a quick run that lasts longer than any test, and return its plane once the first snapshot is there."""
    page.goto(url)
    page.get_by_role("radio", name="Quick").click()
    expect(page.get_by_text("A small network")).to_be_visible()
    _give(page, "Epochs", 500)
    page.get_by_role("button", name="Start").click()
    plane = page.locator(PLANE)
    expect(plane).to_be_visible()
    return plane


def _give(page: Page, name: str, value: int) -> None:
    """Type a number into a field, which the page takes when the field is left."""
    field = page.get_by_role("spinbutton", name=name)
    field.fill(str(value))
    field.press("Tab")


def run_of(page: Page, folder: Path) -> Path:
    """The run that the address names."""
    return folder / until_said(page, "run")


def frame(plane: Locator) -> float:
    return float(plane.get_attribute("data-frame") or "nan")


def test_a_run_is_started_watched_turned_paused_stepped_and_stopped(page: Page, url: str, folder: Path) -> None:
    plane = start_run(page, url)
    run = run_of(page, folder)
    assert plane.get_attribute("data-points") == "2000"
    first = frame(plane)
    until(lambda: frame(plane) > first + 3)
    # The pointer is followed while the plane moves, with the newest decoder.
    page.mouse.move(*place(plane, 0.4, 0.4))
    expect(page.get_by_test_id("decoded")).to_be_visible()

    slider = page.locator(".st-key-" + f"train-beta-{run.name}".replace(".", "-")).get_by_role("slider")
    slider.focus()
    slider.press("End")
    until(lambda: any(event["beta"] == 200.0 for event in read_events(run)))
    until(lambda: read_metrics(run)[-1]["beta"] == 200.0)

    page.get_by_role("button", name="Pause").click()
    until(lambda: read_state(run).status == "paused")
    expect(page.get_by_role("button", name="Resume")).to_be_enabled()
    # The report at which it paused may have come too soon after the last line of metrics for one of its own.
    step = read_state(run).step
    settled(page)
    page.get_by_role("button", name="Step", exact=True).click()
    until(lambda: read_metrics(run)[-1]["step"] > step)
    assert read_metrics(run)[-1]["step"] == step + 1

    page.get_by_role("button", name="Stop", exact=True).click()
    until(lambda: read_state(run).status == "stopped")
    expect(page.get_by_text("stopped ·")).to_be_visible()


def test_a_refresh_and_a_second_browser_find_the_run_again(
    page: Page, open_page: OpenPage, url: str, folder: Path
) -> None:
    start_run(page, url)
    run = run_of(page, folder)
    process = read_state(run).pid
    page.reload()
    expect(page.locator(PLANE)).to_be_visible()
    other = open_page()
    other.goto(page.url)
    plane = other.locator(PLANE)
    expect(plane).to_be_visible()
    seen = frame(plane)
    until(lambda: frame(plane) > seen + 1)
    assert read_state(run).pid == process
    other.get_by_role("button", name="Stop", exact=True).click()
    until(lambda: read_state(run).status == "stopped")
    expect(page.get_by_text("stopped ·")).to_be_visible()


@pytest.fixture(scope="module")
def recorded(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is finished, with a few frames, on a small data set."""
    data = write_data_set(tmp_path_factory.mktemp("data") / "data.npz")
    run = folder / "recorded"
    config = make_config(data, epochs=4)
    for number, _ in enumerate(runs.train(run, runs.create(run, config, "Recorded"), report_every=1)):
        assert number < 100
    return run


def test_a_finished_run_is_scrubbed_and_stands_where_it_was_left(page: Page, url: str, recorded: Path) -> None:
    page.goto(f"{url}?run=recorded")
    plane = page.locator(PLANE)
    expect(plane).to_be_visible()
    last = frame(plane)
    dial = page.get_by_test_id("dial")
    dial.focus()
    dial.press("Home")
    expect(plane).to_have_attribute("data-frame", "0")
    expect(page.get_by_test_id("dial-value")).to_have_text("0")
    dial.press("End")
    expect(plane).to_have_attribute("data-frame", str(int(last)))


def test_a_fork_begins_where_its_parent_was(page: Page, url: str, folder: Path, recorded: Path) -> None:
    page.goto(f"{url}?run=recorded&panel=fork")
    expect(page.get_by_role("button", name="Fork and start")).to_be_visible()
    _give(page, "β", 7)
    page.get_by_role("button", name="Fork and start").click()
    page.wait_for_function("!location.search.includes('run=recorded')")
    fork = folder / said(page, "run")
    until(lambda: read_state(fork).status == "finished")
    about = run_folder.read_about(fork)
    assert about.parent == "recorded"
    assert run_folder.read_config(fork).train.beta == 7.0
    assert json.loads((fork / "metrics.jsonl").read_text().splitlines()[0])["step"] == 0


def test_a_run_that_is_saved_as_a_zip_is_taken_in_as_another(
    page: Page, url: str, folder: Path, recorded: Path, tmp_path: Path
) -> None:
    page.goto(f"{url}?run=recorded&panel=manage")
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save as zip").click()
    saved = tmp_path / saving.value.suggested_filename
    saving.value.save_as(saved)
    page.goto(url)
    page.get_by_text("Take in a run that was saved").click()
    page.get_by_label("A run's zip file").locator("input[type=file]").set_input_files(saved)
    other = run_of(page, folder)
    expect(page.locator(PLANE)).to_be_visible()
    assert other != recorded
    assert (other / "metrics.jsonl").read_bytes() == (recorded / "metrics.jsonl").read_bytes()
    assert read_state(other).status == "finished"


def test_one_step_is_taken_under_the_microscope(page: Page, url: str, folder: Path) -> None:
    start_run(page, url)
    run = run_of(page, folder)
    bring(page.get_by_role("radio", name="Microscope")).click()
    step = page.get_by_role("button", name="Next batch")
    expect(step).to_be_enabled()
    bring(step).click()
    expect(page.get_by_text("Small figures: the change since step")).to_be_visible()
    assert read_state(run).status == "paused"
    before, after = run_keyframes.steps(run)[-2:]
    assert after == before + 1
    expect(page.get_by_text(f"Weights after step {after:,}")).to_be_visible()


def test_on_a_phone_the_page_is_as_wide_as_the_screen(open_page: OpenPage, url: str, recorded: Path) -> None:
    page = open_page(viewport=NARROW, touch=True)
    page.goto(f"{url}?run=recorded")
    expect(page.locator(PLANE)).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= NARROW["width"]
