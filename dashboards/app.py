"""The app: `arena app`, or `streamlit run dashboards/app.py`."""

from pathlib import Path

import streamlit as st

st.set_page_config(page_title="Arena", page_icon=Path(__file__).parent / "icon.png", layout="wide")
st.html("<style>.stMainBlockContainer { padding-top: 4.5rem; }</style>")  # a page begins below its navigation
st.navigation(
    {
        "Arena": [
            st.Page("app_pages/vote.py", title="Vote", icon=":material/how_to_vote:"),
            st.Page("app_pages/board.py", title="Leaderboard", icon=":material/leaderboard:"),
            st.Page("app_pages/tradeoffs.py", title="Trade-offs", icon=":material/balance:"),
            st.Page("app_pages/matchups.py", title="Matchups", icon=":material/compare_arrows:"),
            st.Page("app_pages/competitions.py", title="Competitions", icon=":material/trophy:"),
        ],
        "Measurements": [
            st.Page("app_pages/results.py", title="Results", icon=":material/speed:", default=True),
            st.Page("app_pages/providers.py", title="Providers", icon=":material/dns:"),
            st.Page("app_pages/watch.py", title="Watch", icon=":material/notifications:"),
            st.Page("app_pages/runs.py", title="Runs", icon=":material/list:"),
            st.Page("app_pages/compare.py", title="Compare", icon=":material/difference:"),
            st.Page("app_pages/trial.py", title="Trial", icon=":material/timeline:"),
            st.Page("app_pages/run.py", title="Run", icon=":material/play_circle:", visibility="hidden"),
        ],
        "Images": [
            st.Page("app_pages/images.py", title="Images", icon=":material/grid_view:"),
            st.Page("app_pages/gallery.py", title="Gallery", icon=":material/photo_library:"),
            st.Page("app_pages/playground.py", title="Playground", icon=":material/palette:"),
        ],
        "Help": [
            st.Page("app_pages/methodology.py", title="Methodology", icon=":material/menu_book:"),
        ],
    },
    position="top",
).run()
