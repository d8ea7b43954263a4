"""The plane's part of the view: what the browser reports is in the session before the page runs again."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

BOX = [[0.1234567, 0.0], [1.0, 0.0], [1.0, 1.0]]
REPORT: dict[str, Any] = {
    "z": [0.25, -1.5],
    "pins": [[0.0, 1.0], [2.0, 3.0]],
    "interpolation": "spherical",
    "frame": 0,
    "color": "kl",
    "overlays": ["prior", "tiles"],
    "hidden": [3, 7],
    "mode": "std",
    "selection": {"polygon": BOX, "frame": 0, "hidden": [3, 7], "count": 17},
    "drawn": [0] * 783 + [255],
}


def _page() -> None:
    import streamlit as st

    from pages.common import plane_view, state

    state.restore("test", plane_view.PARAMETERS)
    if "report" in st.session_state:
        st.session_state["component"] = {"view": st.session_state["report"]}
        plane_view._take_over("component", lambda before, now: st.text(f"{before.mode} to {now.mode}"))
    shown = plane_view.plane_state()
    st.json({"z": shown.z, "hidden": shown.hidden, "drawn": shown.drawn is not None})
    st.text(repr(shown.selection))
    state.publish(plane_view.PARAMETERS)


def _after(report: object, **address: str) -> AppTest:
    at = AppTest.from_function(_page)
    for name, value in address.items():
        at.query_params[name] = value
    at.run()
    at.session_state["report"] = report
    at.run()
    assert not at.exception
    return at


def _address(at: AppTest) -> dict[str, str]:
    return {name: values[-1] if isinstance(values, list) else values for name, values in at.query_params.items()}


def test_a_report_is_in_the_session_and_in_the_address() -> None:
    at = _after(REPORT)
    assert _address(at) == {
        "z": "0.25,-1.5",
        "pins": "0,1~2,3",
        "colour": "kl",
        "overlays": "prior,tiles",
        "hidden": "3,7",
        "mode": "std",
        "path": "spherical",
        "selection": "0.1235,0~1,0~1,1",
    }
    assert at.text[0].value == "mean to std"
    assert "0.1234567" in at.text[1].value  # finer than the address
    assert '"drawn": true' in at.json[0].value


def test_what_was_reported_before_can_be_taken_back() -> None:
    at = _after(REPORT)
    at.session_state["report"] = {**REPORT, "selection": None, "pins": [], "drawn": None}
    at.run()
    assert not at.exception
    assert not {"selection", "pins"} & set(_address(at))
    assert '"drawn": false' in at.json[0].value


@pytest.mark.parametrize("report", [None, "view", {}, {"z": "here", "selection": 1, "drawn": [256], "hidden": [99]}])
def test_a_report_that_makes_no_sense_changes_nothing(report: object) -> None:
    said = {"z": "0.25,-1.5", "hidden": "3", "selection": "0,0~1,0~1,1"}
    assert _address(_after(report, **said)) == said
