"""What every figure means and how it comes about."""

import pandas as pd
import streamlit as st

from arena.battles.house import House
from arena.reports.methodology import sections
from arena.settings import Settings
from dashboards import format as fmt
from dashboards.guard import guarded

with guarded():
    st.title("Methodology")
    for section in sections(House.of(Settings())):
        st.markdown(f"## {fmt.markdown(section.title)}")
        st.markdown(fmt.markdown(section.text))
        if section.rows:
            first = next(iter(section.rows[0]))
            written = [{k: f"**{fmt.markdown(v)}**" if k == first else fmt.markdown(v) for k, v in row.items()}
                       for row in section.rows]  # fmt: skip
            st.table(pd.DataFrame(written), border="horizontal", hide_index=True, alt=section.title)
