"""The app: `arena app`, or `streamlit run dashboards/app.py`."""

from pathlib import Path

import streamlit as st

st.set_page_config(page_title="Arena", page_icon=Path(__file__).parent / "icon.png", layout="wide")
st.navigation(
    [
        st.Page("app_pages/results.py", title="Results", icon=":material/speed:", default=True),
        st.Page("app_pages/vote.py", title="Vote", icon=":material/how_to_vote:"),
        st.Page("app_pages/board.py", title="Leaderboard", icon=":material/leaderboard:"),
        st.Page("app_pages/providers.py", title="Providers", icon=":material/dns:"),
        st.Page("app_pages/watch.py", title="Watch", icon=":material/notifications:"),
        st.Page("app_pages/images.py", title="Images", icon=":material/grid_view:"),
        st.Page("app_pages/trial.py", title="Trial", icon=":material/timeline:"),
        st.Page("app_pages/methodology.py", title="Methodology", icon=":material/menu_book:"),
    ],
    position="top",
).run()
