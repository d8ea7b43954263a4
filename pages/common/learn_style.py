"""The look of the learn page where Streamlit's theme has no setting for it: the contents, and rows that wrap."""

from __future__ import annotations

import streamlit as st


def style(is_dark: bool) -> None:
    """Set the page's own style, with the accent of the theme. Classes are those of the containers' keys."""
    if is_dark:
        st.html("<style>:root { --learn-accent: #6db3ec; --learn-rule: rgb(128 128 128 / 30%); }</style>")
    else:
        st.html("<style>:root { --learn-accent: #1769aa; --learn-rule: rgb(128 128 128 / 30%); }</style>")
    st.html(
        """
        <style>
        /* The contents are a list of links, of which one is where the reader is. */
        .st-key-learn-contents [role=radiogroup] { gap: 0; }
        .st-key-learn-contents label { margin: 0; padding: 0.25rem 0.75rem; border-left: 2px solid var(--learn-rule); }
        .st-key-learn-contents label > div > div:first-child { display: none; }
        .st-key-learn-contents label p { font-size: 0.875rem; line-height: 1.35; }
        .st-key-learn-contents label:hover p { color: var(--learn-accent); }
        .st-key-learn-contents label:has(input:checked) { border-color: var(--learn-accent); }
        .st-key-learn-contents label:has(input:checked) p { color: var(--learn-accent); font-weight: 600; }
        .st-key-learn-contents label:has(input:focus-visible) {
          outline: 2px solid var(--learn-accent); outline-offset: -2px;
        }
        [class*=st-key-learn-row-] { gap: 0.5rem 2rem; }
        [class*=st-key-learn-formula-] { align-items: baseline; gap: 0 2.5rem; }
        .st-key-learn-formula-True { column-gap: 0.375rem; }
        .st-key-learn-neighbours { margin-top: 1rem; }
        [class*=st-key-learn-section-] [data-testid=stPageLink] a :is(span, p) { white-space: normal; }
        @media (min-width: 641px) {
          /* As long as the text is, the contents stay where they can be reached. */
          .stColumn:has(.st-key-learn-contents) { position: sticky; top: 3.75rem; align-self: start; }
        }
        @media (max-width: 640px) {
          .stHorizontalBlock:has(> .stColumn .st-key-learn-contents) { gap: 0.75rem; }
          /* A strip that scrolls sideways, so that the text begins on the first screen. */
          .st-key-learn-contents .stElementContainer, .st-key-learn-contents .stRadio { width: 100% !important; }
          .st-key-learn-contents [role=radiogroup] {
            flex-flow: row nowrap; overflow-x: auto; scrollbar-width: thin; border-bottom: 1px solid var(--learn-rule);
          }
          .st-key-learn-contents [role=radiogroup] > * { flex: none; }
          .st-key-learn-contents label {
            border-left: none; border-bottom: 2px solid transparent; white-space: nowrap; padding: 0.5rem 0.625rem;
          }
          .st-key-learn-contents label:has(input:checked) { scroll-initial-target: nearest; }
          .st-key-learn-neighbours { flex-wrap: wrap; }
        }
        </style>
        """
    )
