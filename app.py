"""The router: names the pages and runs the one that was asked for."""

import streamlit as st

from pages.common.i18n import _
from vae_core.processor import prepare_for_serving

prepare_for_serving()

PAGES = [
    st.Page("pages/explorer.py", title=_("Explorer"), default=True),
    st.Page("pages/compare.py", title=_("Compare"), url_path="compare"),
    st.Page("pages/beta.py", title=_("Beta"), url_path="beta"),
    st.Page("pages/inference.py", title=_("Inference"), url_path="inference"),
    st.Page("pages/train.py", title=_("Train"), url_path="train"),
    st.Page("pages/learn.py", title=_("Learn"), url_path="learn"),
]

st.navigation(PAGES, position="top").run()
