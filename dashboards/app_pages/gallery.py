"""Every image that came, newest first, by prompt, contender and run; one of them close up with all that is known."""

from functools import partial

import streamlit as st

from arena.store.gallery import Shot, Wanted
from arena.units import format_ms, format_usd
from dashboards import data, downloads, gallery, parts
from dashboards import format as fmt
from dashboards.guard import guarded

ALL, REAL, SIMULATED, COLUMNS = "all", "real", "simulated", 4
PLACES = ("after", "before", "image")


def begin_again() -> None:
    """Another choice begins on its first page."""
    turn()


def turn(**to: str) -> None:
    """Go to another page, or close up an image; the address says which."""
    for name in PLACES:
        st.query_params.pop(name, None)
    st.query_params.update(to)


def pick(label: str, options: list[str], key: str) -> str | None:
    """A filter that the address holds, under a name of no other page, or a choice made there came along; None: all."""
    known = [ALL, *options]
    wanted = st.query_params.get(key)
    if wanted is not None and wanted not in known:
        known.append(wanted)  # such as a run that is older than those listed
    chosen = st.selectbox(label, known, key=key, bind="query-params", width=240, on_change=begin_again)
    return None if chosen in {ALL, None} else chosen


def choose() -> Wanted:
    """Which images the filters name; real and simulated ones are never shown together."""
    kinds = [SIMULATED if simulated else REAL for simulated in gallery.kinds()] or [REAL]
    with st.container(horizontal=True):
        kind = st.selectbox("Kind", kinds, key="kind", bind="query-params", width=140, on_change=begin_again)
        simulated = kind == SIMULATED
        prompts = gallery.prompts()
        category = pick("Category", sorted({category for _, category in prompts}), "subject")
        prompt = pick("Prompt", [p for p, c in prompts if category in {None, c}], "about")
        endpoint = pick("Contender", gallery.endpoints(simulated=simulated), "maker")
        run = pick("Run", [c.id for c in data.choices()], "made_in")
    return Wanted(simulated, prompt, endpoint, run, None if prompt else category)


def alt(shot: Shot) -> str:
    """What the image is, for those who do not see it."""
    return f"{'Simulated image' if shot.simulated else 'Image'} from {shot.endpoint} for prompt {shot.prompt_id}"


def card(shot: Shot) -> None:
    """An image of a page with the least that must be said of it."""
    parts.picture(shot.sha256, gallery.THUMBNAIL_PX, alt(shot))
    lines = [
        f"**{fmt.markdown(shot.endpoint)}**" + (" · :orange[simulated]" if shot.simulated else ""),
        fmt.markdown(shot.prompt_id),
        fmt.markdown(f"{shot.width_px}×{shot.height_px} {shot.image_format}, {fmt.size(shot.size_bytes)}"),
        fmt.markdown(f"{format_ms(shot.time_to_image_ms)} · {format_usd(shot.cost_usd)}"),
    ]
    standing = gallery.standing(shot)
    lines += [f":red[{fmt.markdown(fmt.capitalized(standing))}]"] if not standing.startswith("may meet") else []
    st.caption("  \n".join(lines))
    key = f"close-{gallery.address(shot)}"
    st.button("Close up", key=key, icon=":material/zoom_in:", type="tertiary", on_click=turn, kwargs={"image": key[6:]})


def close_up(shot: Shot) -> None:
    """One image as large as it can be shown, the original, and everything that is known of it."""
    st.button("All images", key="back", icon=":material/arrow_back:", type="tertiary", on_click=turn)
    left, right = st.columns([3, 2], gap="large")
    with left:
        parts.picture(shot.sha256, gallery.WHOLE_PX, alt(shot), exact=True)
        if max(shot.width_px, shot.height_px) > gallery.WHOLE_PX:
            st.caption(f"Shown with at most {gallery.WHOLE_PX} pixels a side; the original has all of them.")
    with right:
        st.markdown(f"## {fmt.markdown(shot.endpoint)}")
        if shot.simulated:
            parts.simulated_badge()
        st.text(gallery.prompt_text(shot.prompt_id, shot.prompt_sha256) or "", width="stretch")
        name = gallery.file_name(shot)
        said = "The bytes as they were delivered, with their metadata"
        bytes_of = partial(gallery.original, shot.sha256)
        st.download_button("Original", bytes_of, name, on_click="ignore", key="original", help=said)
        known = gallery.facts(shot, data.run(shot.run_id))
        st.table(known.map(fmt.markdown), border="horizontal", hide_index=True, alt="Everything known of this image")
        st.caption("SHA-256 of the original")
        st.code(shot.sha256, language=None, wrap_lines=True)
        at = {"run": shot.run_id}
        with st.container(horizontal=True):
            st.page_link(parts.TRIAL, label="Trial", query_params={**at, "trial": str(shot.trial)})
            st.page_link(parts.IMAGES, label="Side by side", query_params={**at, "prompt": shot.prompt_id})
            st.page_link(parts.RUN, label="Run", query_params=at)


def listing() -> None:
    """A page of images, and the way to the next."""
    wanted = choose()
    if wanted.simulated:
        parts.simulated_badge()
    after, before = (gallery.place(st.query_params.get(name)) for name in ("after", "before"))
    shown, newer, older = gallery.page(wanted, after, before)
    if not shown:
        st.caption("No image came of this choice.")
        return
    st.caption(f"{fmt.count(len(shown), 'image')}, newest first")
    for begin in range(0, len(shown), COLUMNS):
        for column, shot in zip(st.columns(COLUMNS), shown[begin : begin + COLUMNS], strict=False):
            with column:
                card(shot)
    first, last = gallery.words(shown[0].place), gallery.words(shown[-1].place)
    with st.container(horizontal=True, horizontal_alignment="center"):
        st.button("Newest", key="newest", disabled=not newer, on_click=turn)
        st.button("Newer", key="newer", disabled=not newer, on_click=turn, kwargs={"before": first})
        st.button("Older", key="older", disabled=not older, on_click=turn, kwargs={"after": last})
    downloads.download(gallery.frame(shown), "gallery", "gallery")


with guarded():
    st.title("Gallery")
    if not data.available() or not data.choices():
        parts.nothing_yet()
    wanted_image = st.query_params.get("image")
    found = gallery.one(wanted_image) if wanted_image else None
    if wanted_image and found is None:
        st.caption("There is no such image here; these are all.")
    if found is None:
        listing()
    else:
        close_up(found)
