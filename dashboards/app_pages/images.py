"""What came back for one prompt, side by side."""

import pandas as pd
import streamlit as st

from arena.units import format_ms, format_usd
from dashboards import data, parts
from dashboards import format as fmt
from dashboards.guard import guarded

MAX_COLUMNS, MAX_IMAGES = 8, 24
EVERY = "all"


def choose_prompt(run_id: str) -> str:
    """A category, then a prompt of it."""
    prompts = data.prompts(run_id)
    categories = sorted({prompt.category for prompt in prompts.values()})
    category = st.selectbox("Category", [EVERY, *categories], key="category", bind="query-params", width=240)
    names = sorted(name for name, p in prompts.items() if category in {EVERY, None, p.category})
    chosen = st.selectbox("Prompt", names, key="prompt", bind="query-params", width=320)
    return chosen if chosen in names else names[0]


def cell(row: pd.Series, side_px: int) -> None:
    """One attempt: the image or why there is none, and what it took."""
    st.markdown(f":small[**{fmt.markdown(row['endpoint'])}**]")
    known = row.notna()
    if known["image_sha256"]:
        alt = f"Image from {row['endpoint']} for prompt {row['prompt_id']}, repetition {row['repetition'] + 1}"
        parts.picture(row["image_sha256"], side_px, alt)
    if known["failure_kind"]:
        st.markdown(f":small[:red[Failed: {fmt.markdown(fmt.kind(row['failure_kind']))}]]")
        st.text(row["failure_message"] if known["failure_message"] else "no message")
    elif row["status"] == "unknown":
        st.caption("Unknown: the process ended before the answer was recorded.")
    time = format_ms(float(row["time_to_image_ms"])) if known["time_to_image_ms"] else fmt.DASH
    cost = format_usd(float(row["cost_usd"]) if known["cost_usd"] else None)
    lines = [fmt.markdown(f"{time} · {cost}")]
    lines += [image_facts(row)] if known["image_sha256"] else []
    lines += [":orange[simulated]"] if row["simulated"] else []
    st.caption("  \n".join(lines))
    st.page_link(
        parts.TRIAL,
        label=f":small[Trial {row['trial']}]",
        query_params={"run": row["run_id"], "trial": str(row["trial"])},
    )


def image_facts(row: pd.Series) -> str:
    """`512×512 png, 304 kB`."""
    more = f", first of {row['image_count']}" if row["image_count"] > 1 else ""
    pixels = f"{row['image_width_px']}×{row['image_height_px']} {row['image_format']}"
    return fmt.markdown(f"{pixels}, {fmt.size(float(row['image_bytes']))}{more}")


def grid(rows: pd.DataFrame, endpoints: list[str]) -> None:
    """One row a repetition, one column an endpoint, never more images than can be loaded at once."""
    repetitions = sorted(int(r) for r in rows["repetition"].unique())
    per_page = max(1, MAX_IMAGES // len(endpoints))
    pages = -(-len(repetitions) // per_page)
    page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    side_px = data.MAX_SIDE_PX if len(endpoints) <= 3 else data.MAX_SIDE_PX // 2
    for repetition in repetitions[(page - 1) * per_page : page * per_page]:
        st.markdown(f"### Repetition {repetition + 1}")
        here = rows[rows["repetition"] == repetition]
        for column, endpoint in zip(st.columns(len(endpoints)), endpoints, strict=True):
            with column:
                attempts = here[here["endpoint"] == endpoint]
                if attempts.empty:
                    st.caption(f"**{fmt.markdown(endpoint)}**  \nnot attempted yet")
                else:
                    cell(attempts.iloc[-1], side_px)


with guarded():
    st.title("Images")
    with st.container(horizontal=True):
        run_id = parts.choose_run()
        prompt_id = choose_prompt(run_id)
    parts.facts(data.run(run_id), parts.overview_row(run_id))
    prompt = data.prompts(run_id)[prompt_id]
    st.markdown("### Prompt")
    st.text(prompt.text, width="stretch")
    counted = data.run(run_id).plan.purpose.counts  # nobody counted the tokens of what is typed into the playground
    tokens = f"{prompt.clip_tokens} CLIP tokens · " if counted else ""
    st.caption(fmt.markdown(f"{prompt.category} · {tokens}sent unchanged to every endpoint"))
    outcomes = data.prompt_outcomes(run_id, prompt_id)
    mine = outcomes[outcomes["phase"] == "measure"]
    known = sorted(mine["endpoint"].unique().tolist())
    if known:
        shown = st.pills(
            "Endpoints",
            known,
            selection_mode="multi",
            default=known[:MAX_COLUMNS],
            key="endpoints",
            bind="query-params",
            help=f"Fewer endpoints make larger images; at most {MAX_COLUMNS} are shown at once.",
        )
        if len(shown) > MAX_COLUMNS:
            st.caption(f"The first {MAX_COLUMNS} of {len(shown)} chosen endpoints are shown.")
        shown = shown[:MAX_COLUMNS]
        if shown:
            grid(mine[mine["endpoint"].isin(shown)], shown)
        else:
            st.caption("No endpoint is chosen.")
    else:
        st.caption("No measured trial of this prompt has ended yet.")
