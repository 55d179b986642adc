"""What every figure means and how it comes about."""

import pandas as pd
import streamlit as st

from dashboards import format as fmt
from dashboards import tables
from dashboards.guard import guarded

MARKS = {
    "sent": "the request leaves; every other mark counts from here",
    "lateness": "how much later than planned it left, under a timed load: our own delay, never the provider's",
    "slot wait": "how long it waited before for the endpoint's own limits; not part of any latency",
    "connected": "the connection stands; missing when a warm one was used",
    "accepted": "first byte of the answer to the submitting call",
    "result": "first byte of the answer that carries the image or its address: TTFB",
    "result end": "last byte of that answer: generation",
    "first image byte": "first byte of the image itself, inside the answer or of its download",
    "last image byte": "last byte of the image itself: time to image",
    "last pending, first done": "the last poll that found the job at work, the first that found it done",
    "ended": "the attempt is over, whatever became of it",
}

with guarded():
    st.title("Methodology")
    st.caption(
        "Every prompt goes unchanged to every endpoint of a plan; all times are UTC and all latencies monotonic."
    )
    st.markdown("## Figures")
    st.markdown(
        "Figures are of the measured phase of one run; warm-up is stored and left out. Latencies are of successes"
        " only, with the success rate beside them. Intervals are two-sided and hold with 95 % confidence: order "
        "statistics for quantiles, Wilson's score for rates, both clustered by prompt where prompts repeat. A dash "
        "means unknown or withheld because there are too few values, never zero. Endpoints whose intervals overlap "
        "are not told apart."
    )
    st.table(tables.definitions(), border="horizontal", hide_index=True, alt="Figures and their definitions")
    st.markdown("## Marks of time")
    st.table(
        pd.DataFrame({"Mark": [f"**{m}**" for m in MARKS], "When": [fmt.markdown(w) for w in MARKS.values()]}),
        border="horizontal",
        hide_index=True,
        alt="Marks of time",
    )
    st.markdown("## Failures")
    st.markdown(
        "A failure is named after what was observed. Its blame says whether it counts: the provider's failures "
        "lower the success rate; refusals by moderation and failures that our side caused are left out of it and "
        "counted apart."
    )
    st.table(tables.failure_kinds(), border="horizontal", hide_index=True, alt="Failure kinds and their blame")
    st.markdown("## Ratings, trade-offs and limits")
    st.markdown(
        "Ratings are Bradley–Terry with ties and a side term, on the Elo scale, from all votes that count; tiers tell "
        "apart what a comparison of all pairs at once tells apart. Price, time and success beside them are of one mode "
        "and one requested size in the window that is named. The probability of being on the frontier is the share of "
        "4,000 joint draws of ratings and medians, with a fixed seed, in which nobody is at least as good in both and "
        "better in one; cost is taken as known. The best within limits is the highest rated whose figures keep every "
        "limit; where an interval reaches across a limit, that is said. A surprise among matchups lies further off "
        "what the model expects than chance would put any one of so many pairs in 95 % of boards."
    )
    st.markdown("## Simulated")
    st.markdown(
        "A simulated endpoint is a server on the same machine that speaks a provider's protocol, draws its delays"
        " and failures from known laws and answers with pictures it made itself, at prices that are made up. It "
        "shows that Arena measures what it says it measures, and nothing about any provider. Simulated results "
        "are marked wherever they appear, and the simulated and real results of one endpoint are two rows, never "
        "one."
    )
