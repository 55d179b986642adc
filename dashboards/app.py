"""The app: `arena app`, or `streamlit run dashboards/app.py`."""

from pathlib import Path

import streamlit as st

from arena.settings import Settings

SHOW_MAKERS = frozenset({"competitions", "trial", "images", "gallery", "playground"})
"""The pages on which an image is seen with its maker."""
BLIND = Settings().blind


def page(name: str, title: str, icon: str, *, default: bool = False, linked: bool = False) -> st.Page:
    """A page of the menu; `linked`: only other pages lead there."""
    hidden = linked or (BLIND and name in SHOW_MAKERS)
    return st.Page(
        f"app_pages/{name}.py",
        title=title,
        icon=f":material/{icon}:",
        default=default,
        visibility="hidden" if hidden else "visible",
    )


st.set_page_config(page_title="Arena", page_icon=Path(__file__).parent / "icon.png", layout="wide")
st.html("<style>.stMainBlockContainer { padding-top: 4.5rem; }</style>")  # a page begins below its navigation
opened = st.navigation(
    {
        "Arena": [
            page("vote", "Vote", "how_to_vote"),
            page("board", "Leaderboard", "leaderboard"),
            page("tradeoffs", "Trade-offs", "balance"),
            page("matchups", "Matchups", "compare_arrows"),
            page("competitions", "Competitions", "trophy"),
        ],
        "Measurements": [
            page("results", "Results", "speed", default=True),
            page("providers", "Providers", "dns"),
            page("watch", "Watch", "notifications"),
            page("runs", "Runs", "list"),
            page("compare", "Compare", "difference"),
            page("trial", "Trial", "timeline"),
            page("run", "Run", "play_circle", linked=True),
        ],
        "Images": [
            page("images", "Images", "grid_view"),
            page("gallery", "Gallery", "photo_library"),
            page("playground", "Playground", "palette"),
        ],
        "Help": [page("methodology", "Methodology", "menu_book")],
    },
    position="top",
)
if BLIND and opened.url_path in SHOW_MAKERS:
    st.title(opened.title)
    st.markdown("People vote blind here, so pages that show images with their makers are closed.")
else:
    opened.run()
