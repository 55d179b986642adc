"""Who takes part, what was voted and what was ruled, as tables of an export: each a literal with its query."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from arena.domain.battle import Purpose, Rule, Verdict, VoterKind
from arena.domain.check import Ruler
from arena.domain.request import Mode
from arena.store.battles import BATTLE, CONTENDER, RENDITION, VOTE, VOTER
from arena.store.exchange.columns import Changes, Column, Kind, Scope, Spec, boolean, integer, moment, real, text, voter
from arena.store.runs import PROMPT
from arena.store.schema import METADATA

GOLD_PAIR, RULING = METADATA.tables["gold_pair"], METADATA.tables["ruling"]
WINNER = {
    Verdict.LEFT: "model_a",
    Verdict.RIGHT: "model_b",
    Verdict.TIE: "tie",
    Verdict.BOTH_GOOD: "both_good",
    Verdict.BOTH_BAD: "both_bad",
    Verdict.SKIP: "skip",
}


def _contenders(scope: Scope) -> sa.Select[Any]:
    names = ("endpoint_id", "simulated", "provider", "model", "family", "added_at", "retired_at")
    query = sa.select(*(CONTENDER.c[name] for name in names)).order_by(CONTENDER.c.id)
    if scope.endpoint is not None:
        query = query.where(CONTENDER.c.endpoint_id == scope.endpoint)
    return query if scope.simulated is None else query.where(CONTENDER.c.simulated == scope.simulated)


CONTENDERS = Spec(
    name="contenders",
    version=1,
    about="One row an endpoint that takes part in battles; its simulated and its real images are two contenders.",
    columns=(
        text("endpoint", "The endpoint.", required=True),
        boolean("simulated", "Whether its images are simulated."),
        text("provider", "Who serves it.", required=True),
        text("model", "The model's name at the provider.", required=True),
        text("weights", "The weights, whoever serves them.", required=True),
        moment("added_at", "Since when it takes part.", required=True),
        moment("retired_at", "Since when it takes part no longer."),
    ),
    key=("endpoint", "simulated"),
    query=_contenders,
    of_votes=True,
)


# -- votes -------------------------------------------------------------------------------------------------------------


def _votes_changed(changes: Changes) -> sa.ColumnElement[bool]:
    return (VOTE.c.changed_epoch >= changes.since) & (VOTE.c.changed_epoch < changes.until)


def _votes(scope: Scope) -> sa.Select[Any]:
    a, b = CONTENDER.alias("a"), CONTENDER.alias("b")
    nth = sa.func.row_number().over(partition_by=VOTE.c.voter_id, order_by=VOTE.c.id)
    order = sa.select(VOTE.c.id, nth.label("nth")).subquery("placed")
    source: dict[str, sa.ColumnElement[Any]] = {
        "id": sa.cast(VOTE.c.id, sa.String),
        "model_a": a.c.endpoint_id,
        "model_b": b.c.endpoint_id,
        "winner": sa.case({k.value: v for k, v in WINNER.items()}, value=VOTE.c.verdict),
        "evaluation_session_id": VOTE.c.voter_id,
        "evaluation_order": order.c.nth,
        "tstamp": VOTE.c.cast_at,
        "provider_a": a.c.provider,
        "provider_b": b.c.provider,
        "weights_a": a.c.family,
        "weights_b": b.c.family,
        "prompt": PROMPT.c.text,
        "image_a_sha256": BATTLE.c.left_sha256,
        "image_b_sha256": BATTLE.c.right_sha256,
        "side_a": sa.literal("left"),
        "voter_kind": VOTE.c.kind,
        "voter_label": VOTER.c.label,
        "battle": BATTLE.c.token_sha256,
    }
    columns = [_column(source, c.name) for c in VOTES.columns]
    query = (
        sa.select(*(column.label(c.name) for c, column in zip(VOTES.columns, columns, strict=True)))
        .select_from(VOTE)
        .join(order, order.c.id == VOTE.c.id)
        .join(VOTER, VOTER.c.id == VOTE.c.voter_id)
        .join(BATTLE, BATTLE.c.id == VOTE.c.battle_id)
        .join(a, a.c.id == BATTLE.c.left_contender)
        .join(b, b.c.id == BATTLE.c.right_contender)
        .join(PROMPT, (PROMPT.c.id == BATTLE.c.prompt_id) & (PROMPT.c.sha256 == BATTLE.c.prompt_sha256))
    )
    conditions = [*scope.within(VOTE.c.cast_at), *scope.on_days(VOTE.c.cast_at)]
    if scope.endpoint is not None:
        conditions.append((a.c.endpoint_id == scope.endpoint) | (b.c.endpoint_id == scope.endpoint))
    if scope.simulated is not None:
        conditions.append(VOTE.c.simulated == scope.simulated)
    if scope.changes is not None:
        conditions.append(_votes_changed(scope.changes))
    return query.where(*conditions).order_by(VOTE.c.id)


def _column(source: dict[str, sa.ColumnElement[Any]], name: str) -> sa.ColumnElement[Any]:
    if name in source:
        return source[name]
    found: sa.ColumnElement[Any] = (VOTE if name in VOTE.c else BATTLE).c[name]
    return found


VOTES = Spec(
    name="votes",
    version=2,
    about="One row a vote, in the column names of LMArena's public preference data where it has such a column; `a` is"
    " the left one. Votes that were taken back or set apart are marked, never left out.",
    columns=(
        text("id", "The vote, by number here.", required=True),
        text("model_a", "The endpoint on the left.", required=True),
        text("model_b", "The endpoint on the right.", required=True),
        text("winner", "What was said.", required=True, choices=tuple(WINNER.values())),
        voter("evaluation_session_id", "The voter, as a salted hash.", required=True),
        integer("evaluation_order", "Which vote of this voter, from 1.", required=True),
        moment("tstamp", "When it was cast.", required=True),
        text("provider_a", "Who serves the left one.", required=True),
        text("provider_b", "Who serves the right one.", required=True),
        text("weights_a", "The weights on the left, whoever serves them.", required=True),
        text("weights_b", "The weights on the right.", required=True),
        text("prompt_id", "The prompt of both images.", required=True),
        text("prompt_sha256", "SHA-256 of all that was sent of it.", required=True),
        text("prompt", "Its text.", required=True),
        text("mode", "Text to image, or edit.", required=True, choices=tuple(Mode)),
        text("category", "The prompt's category when the vote was cast.", required=True),
        text("image_a_sha256", "SHA-256 of the left image, as it was delivered."),
        text("image_b_sha256", "SHA-256 of the right image."),
        text("side_a", "On which side `a` was shown.", required=True, choices=("left", "right")),
        text("rule", "Which part of the pairing drew the pair.", required=True, choices=tuple(Rule)),
        real("propensity", "With which probability this pair was drawn.", required=True),
        text("purpose", "To rate, or to check the voter.", required=True, choices=tuple(Purpose)),
        integer("dwell_ms", "How long the voter looked, in milliseconds.", required=True),
        text("voter_kind", "A person, or an automatic judge; never pool the two.", required=True,
             choices=tuple(VoterKind)),
        boolean("simulated", "Whether the images are simulated; never pool these votes with others."),
        moment("undone_at", "When the voter took it back."),
        Column("quarantine", Kind.TEXT, "Why it is set apart and not counted.", brief=True),
        text("voter_label", "The name of an automatic judge."),
        text("battle", "The pair that was shown, wherever the vote is read.", private=True),
    ),
    key=("battle", "tstamp"),
    query=_votes,
    day=VOTE.c.cast_at,
    changed=_votes_changed,
    first=VOTE.c.first_epoch,
    of_votes=True,
)  # fmt: skip


# -- gold pairs, rulings, images that are kept out ---------------------------------------------------------------------


def _gold_pairs(scope: Scope) -> sa.Select[Any]:
    return sa.select(*(GOLD_PAIR.c[c.name] for c in GOLD_PAIRS.columns)).order_by(GOLD_PAIR.c.id)


GOLD_PAIRS = Spec(
    name="gold_pairs",
    version=1,
    about="One row a pair of images whose answer the operator declared to be known.",
    columns=(
        text("prompt_id", "The prompt of both images.", required=True),
        text("prompt_sha256", "SHA-256 of all that was sent of it.", required=True),
        text("better_sha256", "SHA-256 of the better image.", required=True),
        text("worse_sha256", "SHA-256 of the worse one.", required=True),
        text("reason", "Why everybody must see it.", required=True),
        moment("declared_at", "When it was declared.", required=True),
        moment("withdrawn_at", "When it was given up."),
    ),
    key=("better_sha256", "worse_sha256", "declared_at"),
    query=_gold_pairs,
    of_votes=True,
)


def _rulings(scope: Scope) -> sa.Select[Any]:
    return (
        sa.select(
            RULING.c.voter_id, BATTLE.c.token_sha256, VOTE.c.cast_at, RULING.c.image_sha256,
            RULING.c.apart, RULING.c.reason, RULING.c.by, RULING.c.at,
        )
        .outerjoin(VOTE, VOTE.c.id == RULING.c.vote_id)
        .outerjoin(BATTLE, BATTLE.c.id == VOTE.c.battle_id)
        .order_by(RULING.c.id)
    )  # fmt: skip


RULINGS = Spec(
    name="rulings",
    version=1,
    about="One row a word on a voter, a vote or an image: set apart, or taken back in. The latest counts, the"
    " operator's before the house's.",
    columns=(
        voter("evaluation_session_id", "The voter it is about, as a salted hash."),
        text("battle", "The pair whose vote it is about."),
        moment("tstamp", "When that vote was cast."),
        text("image_sha256", "The image it is about."),
        boolean("apart", "Set apart, or taken back in."),
        text("reason", "Why.", required=True),
        text("by", "Whose word it is.", required=True, choices=tuple(Ruler)),
        moment("at", "When it was said.", required=True),
    ),
    key=("evaluation_session_id", "battle", "tstamp", "image_sha256", "at"),
    query=_rulings,
    of_votes=True,
)


def _kept_out(scope: Scope) -> sa.Select[Any]:
    columns = (RENDITION.c.source_sha256, RENDITION.c.kept_out, RENDITION.c.made_at)
    return sa.select(*columns).where(RENDITION.c.kept_out.is_not(None)).order_by(RENDITION.c.source_sha256)


KEPT_OUT = Spec(
    name="kept_out",
    version=1,
    about="One row an image that is kept out of battles.",
    columns=(
        text("sha256", "SHA-256 of the image, as it was delivered.", required=True),
        Column("reason", Kind.TEXT, "Why it is kept out.", required=True, brief=True),
        moment("at", "Since when.", required=True),
    ),
    key=("sha256",),
    query=_kept_out,
    of_votes=True,
)
