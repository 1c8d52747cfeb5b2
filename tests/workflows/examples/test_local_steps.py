"""What the examples decide and compose without an AI, from given results of the AI steps."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from workflows.engine import conditions, params
from workflows.engine import definition as definitions
from workflows.examples.catalogue import EXAMPLES, load_definition
from workflows.runtime.kinds import kinds


class Around:
    """What a local step sees of its run."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope

    def holds(self, condition: Any, **names: Any) -> bool:
        return conditions.holds(condition, {**self.scope, **names})


def perform(slug: str, step: str, **scope: Any) -> dict[str, Any]:
    """The output of one local step of an example."""
    example = next(example for example in EXAMPLES if example.slug == slug)
    node = next(node for node in definitions.load(load_definition(example)).nodes() if node.id == step)
    kind = kinds()[node.kind]
    given = {
        name: value if name in kind.unrendered else params.render(value, scope) for name, value in node.given.items()
    }
    output = kind().run(kind.Params.model_validate(given), Around(scope)).output
    return dict(output)


def without_gaps(text: str) -> list[str]:
    """The blocks of a Markdown text; how many blank lines stand between them means nothing."""
    return [block.strip() for block in dedent(text).split("\n\n") if block.strip()]


@pytest.mark.parametrize(
    ("copy", "found"),
    [
        ("Save with every coffee.", []),
        ("A GUARANTEED win, and no catch!", ["guaranteed", "no catch"]),
        ("", []),
    ],
)
def test_the_plain_search_finds_every_forbidden_claim_in_a_text(copy: str, found: list[str]) -> None:
    inputs = {"forbidden": ["guaranteed", "risk-free", "no catch"]}

    output = perform("campaign-copy", "banned", inputs=inputs, steps={"copy": {"text": copy}})

    assert output == {"items": found, "count": len(found)}


def test_a_text_is_risky_when_the_ai_says_so_or_a_forbidden_word_stands_in_it() -> None:
    fine = {"channel": "Ad", "verdict": "fine", "banned": []}
    called_risky = {"channel": "E-mail", "verdict": "risky claim", "banned": []}
    has_word = {"channel": "LinkedIn", "verdict": "fine", "banned": ["best bank"]}
    steps = {"copies": {"results": [fine, called_risky, has_word]}}

    output = perform("campaign-copy", "risky", steps=steps)

    assert output == {"items": [called_risky, has_word], "count": 2}


def test_the_pack_holds_every_text_with_its_check() -> None:
    mail = {"channel": "E-mail", "text": "Save.\n\nNow.", "verdict": "fine", "reason": "No promise.", "banned": []}
    ad = {"channel": "Ad", "text": "No catch!", "verdict": "risky claim", "reason": "Promise.", "banned": ["no catch"]}
    facts = {"product": "Round-Up", "audience": "20 to 35", "offer": "5 euros", "deadline": "30 April"}

    output = perform(
        "campaign-copy",
        "pack",
        steps={"facts": facts, "risky": {"count": 1}, "copies": {"count": 2, "results": [mail, ad]}},
    )

    assert without_gaps(output["text"]) == without_gaps("""\
        # Campaign pack: Round-Up

        - **Audience:** 20 to 35
        - **Offer:** 5 euros
        - **Ends:** 30 April

        Texts that need a second look: 1 of 2.

        ## E-mail

        Save.

        Now.

        Claims check: **fine**. No promise.

        ## Ad

        No catch!

        Claims check: **risky claim**. Promise.

        **Forbidden words found: no catch**""")


def test_the_playbook_becomes_one_position_per_line_and_each_names_its_topic() -> None:
    playbook = "Term: accept three years: no more.\n\n Governing law : accept Sweden.\n"

    positions = perform("nda-triage", "positions", inputs={"playbook": playbook})["items"]
    topics = [perform("nda-triage", "topic", position=position) for position in positions]

    assert positions == ["Term: accept three years: no more.", "Governing law : accept Sweden."]
    assert topics == [{"name": "Term"}, {"name": "Governing law"}]


def test_the_passages_that_name_a_topic_are_found_whatever_their_case() -> None:
    law = {"place": "paragraph 13", "text": "12. GOVERNING LAW. This Agreement is subject to the law of England."}
    other = {"place": "paragraph 2", "text": "1. Purpose. The parties want to find out."}
    steps = {"agreement": {"passages": [other, law]}, "topic": {"name": "Governing law"}}

    assert perform("nda-triage", "mentions", steps=steps) == {"items": [law], "count": 1}


@pytest.mark.parametrize(
    ("passages", "answer", "clause"),
    [
        (["5. Term. Two years."], None, "5. Term. Two years."),
        (["5. Term. Two years.", "In the Term no party"], None, "5. Term. Two years. […] In the Term no party"),
        ([], "It runs for two years.", "It runs for two years."),
    ],
)
def test_a_clause_is_what_the_passages_say_and_an_answer_only_where_there_are_none(
    passages: list[str], answer: str | None, clause: str
) -> None:
    nearest = {"items": [{"place": "page 1", "text": text} for text in passages], "count": len(passages)}

    output = perform("nda-triage", "clause", steps={"nearest": nearest, "answer": {"answer": answer}})

    assert output == {"text": clause}


@pytest.mark.parametrize(
    ("verdicts", "deviations", "escalations", "recommendation"),
    [
        ([("accept", 0.9), ("accept", 0.5)], 0, 0, "Sign as it is"),
        ([("accept", 0.9), ("fallback", 0.9)], 1, 0, "Check and negotiate the deviations"),
        ([("accept", 0.49)], 1, 0, "Check and negotiate the deviations"),
        ([("fallback", 0.9), ("escalate", 0.1)], 2, 1, "Escalate to a lawyer"),
        ([], 0, 0, "Sign as it is"),
    ],
)
def test_the_recommendation_follows_from_the_verdicts_and_an_unsure_one_is_a_deviation(
    verdicts: list[tuple[str, float]], deviations: int, escalations: int, recommendation: str
) -> None:
    results = [{"topic": "Term", "label": label, "confidence": confidence} for label, confidence in verdicts]
    steps: dict[str, Any] = {"comparison": {"results": results}}

    steps["deviations"] = perform("nda-triage", "deviations", steps=steps)
    steps["escalations"] = perform("nda-triage", "escalations", steps=steps)

    assert (steps["deviations"]["count"], steps["escalations"]["count"]) == (deviations, escalations)
    assert perform("nda-triage", "advice", steps=steps) == {"recommendation": recommendation}


def test_the_memo_has_the_clause_table_the_deviations_the_facts_and_the_decision() -> None:
    term = {
        "topic": "Term",
        "position": "Term: three years.",
        "label": "accept",
        "confidence": 0.2,
        "place": "paragraph 7",
        "clause": "Seven years,\ntrade secrets | for ever",
        "reason": "Too long.",
        "quotes": None,
    }
    breach = {
        "topic": "Data breach",
        "position": "Data breach: 48 hours.",
        "label": "escalate",
        "confidence": 0.9,
        "place": "whole agreement",
        "clause": "At once.",
        "reason": "No hours are named.",
        "quotes": [{"document": "fernhill.docx", "passage": "tells the other\nat once"}],
    }
    law = {"topic": "Governing law", "label": "accept", "confidence": 0.9, "place": "page 2", "clause": "Sweden"}
    facts = {
        "parties": "Acme Bank AB | Fernhill",
        "term_years": 7,
        "governing_law": None,
        "intellectual_property": "rights are transferred",
        "non_solicitation_months": 0,
        "return_days": None,
    }

    output = perform(
        "nda-triage-approved",
        "memo",
        inputs={"nda": {"name": "fernhill.docx"}},
        steps={
            "advice": {"recommendation": "Escalate to a lawyer"},
            "decision": {"decision": "rejected", "by": "Ada Berg", "reason": "Seven years are usual there."},
            "facts": facts,
            "comparison": {"count": 3, "results": [term, breach, law]},
            "deviations": {"count": 2, "items": [term, breach]},
            "escalations": {"count": 1},
        },
    )

    assert without_gaps(output["text"]) == without_gaps("""\
        # NDA triage: fernhill.docx

        **Recommendation: Escalate to a lawyer**

        **Decision: rejected by Ada Berg.** Seven years are usual there.

        Deviations from the playbook: 2 of 3 clauses. For a lawyer: 1.

        ## Clause by clause

        | Topic | Verdict | Where | What the agreement says |
        |---|---|---|---|
        | Term | accept | paragraph 7 | Seven years, trade secrets \\| for ever |
        | Data breach | escalate | whole agreement | At once. |
        | Governing law | accept | page 2 | Sweden |

        ## Deviations

        ### Term: accept, not sure

        Playbook: Term: three years.

        Why: Too long.

        ### Data breach: escalate

        Playbook: Data breach: 48 hours.

        Why: No hours are named.

        > tells the other at once

        ## For the contract register

        Taken from the agreement by an AI: hold it against the clauses above.

        | Fact | Value |
        |---|---|
        | Parties | Acme Bank AB \\| Fernhill |
        | Duty of confidence, in years | 7 |
        | Governing law | – |
        | Intellectual property | rights are transferred |
        | Non-solicitation, in months | 0 |
        | Return of information, in days | – |""")


def test_articles_are_sorted_and_counted_and_the_one_that_failed_is_left_out() -> None:
    old = {"title": "Old", "date": "2026-02-01", "urgency": "high", "tone": "neutral"}
    new = {"title": "New", "date": "2026-02-03", "urgency": "low", "tone": "negative"}
    steps: dict[str, Any] = {"articles": {"results": [old, None, new]}}

    for step in ("judged", "latest", "urgent", "negative"):
        steps[step] = perform("press-digest", step, steps=steps)

    assert {step: steps[step]["items"] for step in ("judged", "latest", "urgent", "negative")} == {
        "judged": [old, new],
        "latest": [new, old],
        "urgent": [old],
        "negative": [new],
    }


@pytest.mark.parametrize(
    ("failed", "urgent", "middle"),
    [
        (0, [], "## To answer today\n\nNothing."),
        (
            1,
            [{"title": "Cards fail", "outlet": "The Post", "tone": "negative", "reason": "Cards\nfailed."}],
            "Could not be judged, please read them yourself: 1.\n\n"
            "## To answer today\n\n- **Cards fail** (The Post), negative: Cards failed.",
        ),
    ],
)
def test_the_digest_tells_what_is_urgent_and_what_could_not_be_judged(
    failed: int, urgent: list[dict[str, str]], middle: str
) -> None:
    article = {"title": "Cards fail", "outlet": "A|B", "date": "2026-02-03", "tone": "negative"}
    output = perform(
        "press-digest",
        "digest",
        inputs={"company": "Acme Bank"},
        run={"date": "2026-02-04"},
        steps={
            "overview": {"text": "Cards failed."},
            "articles": {"failed": failed},
            "judged": {"count": 1},
            "negative": {"count": 1},
            "urgent": {"count": len(urgent), "items": urgent},
            "latest": {"items": [{**article, "topic": "service", "urgency": "high"}]},
        },
    )

    lines = [
        "# Acme Bank in the press, 2026-02-04\n\nCards failed.",
        f"Articles: 1. Negative: 1. To answer today: {len(urgent)}.",
        middle,
        "## All articles\n\n| Date | Outlet | Article | Tone | Topic | Urgency |\n|---|---|---|---|---|---|\n"
        "| 2026-02-03 | A\\|B | Cards fail | negative | service | high |",
    ]
    assert without_gaps(output["text"]) == without_gaps("\n\n".join(lines))
