"""The plane's code comes once a page, before or after what is mounted with it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from pages.common.plane_module import read_modules

MODULES = read_modules()
CODE = """
const latentPlane = ({ parentElement, data }) => {
  said.push(`${parentElement.id} shows ${data}`);
  return () => said.push(`${parentElement.id} goes`);
};
"""
RUN = """
async ([loader, code, steps]) => {
  delete globalThis[Symbol.for("latent-explorer.plane")];
  window.said = [];
  const load = (source) => import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const { default: mount } = await load(loader);
  const places = { a: { id: "a" }, b: { id: "b" } };
  const leave = {};
  for (const [what, id, data] of steps) {
    if (what === "code") await load(code);
    if (what === "mount") leave[id] = mount({ parentElement: places[id], data });
    if (what === "leave") leave[id]();
  }
  return said;
}
"""
CODE_COMES = ("code", "", 0)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([CODE_COMES, ("mount", "a", 1), ("leave", "a", 0)], ["a shows 1", "a goes"]),
        ([("mount", "a", 1), CODE_COMES, ("leave", "a", 0)], ["a shows 1", "a goes"]),
        ([("mount", "a", 1), ("mount", "a", 2), ("mount", "b", 3), CODE_COMES], ["a shows 2", "b shows 3"]),
        ([("mount", "a", 1), ("leave", "a", 0), CODE_COMES], []),
        ([CODE_COMES, ("mount", "a", 1), CODE_COMES, ("mount", "a", 2)], ["a shows 1", "a shows 2"]),
    ],
)
def test_each_part_is_shown_as_it_last_was_once_the_code_is_there(js: Page, steps: list[Any], said: list[str]) -> None:
    assert js.evaluate(RUN, [MODULES["loader.js"], CODE + MODULES["announce.js"], steps]) == said
