"""The router: names the pages and runs the one that was asked for."""

import streamlit as st

PAGES = [
    st.Page("pages/explorer.py", title="Explorer", default=True),
]

st.navigation(PAGES, position="top" if len(PAGES) > 1 else "hidden").run()
