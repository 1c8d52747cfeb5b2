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

    assert output["text"].rstrip() == dedent("""\
        # Round-Up

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
    ("labels", "deviations", "escalations", "recommendation"),
    [
        (["accept", "accept"], 0, 0, "Sign as it is"),
        (["accept", "fallback"], 1, 0, "Negotiate the fallback positions"),
        (["fallback", "escalate"], 2, 1, "Escalate to a lawyer"),
        ([], 0, 0, "Sign as it is"),
    ],
)
def test_the_recommendation_follows_from_the_verdicts(
    labels: list[str], deviations: int, escalations: int, recommendation: str
) -> None:
    steps: dict[str, Any] = {"comparison": {"results": [{"topic": "Term", "label": label} for label in labels]}}

    steps["deviations"] = perform("nda-triage", "deviations", steps=steps)
    steps["escalations"] = perform("nda-triage", "escalations", steps=steps)

    assert (steps["deviations"]["count"], steps["escalations"]["count"]) == (deviations, escalations)
    assert perform("nda-triage", "advice", steps=steps) == {"recommendation": recommendation}


def test_the_memo_has_the_clause_table_the_deviations_and_the_decision() -> None:
    term = {
        "topic": "Term",
        "position": "Term: three years.",
        "label": "escalate",
        "clause": "Seven years,\ntrade secrets | for ever",
        "reason": "Too long.",
        "quotes": ["seven years after its end"],
    }
    law = {"topic": "Governing law", "label": "accept", "clause": "Sweden"}
    clauses = ["parties", "term", "governing_law", "intellectual_property", "non_solicitation", "return_of_information"]

    output = perform(
        "nda-triage-approved",
        "memo",
        inputs={"nda": {"name": "fernhill.docx"}},
        steps={
            "advice": {"recommendation": "Escalate to a lawyer"},
            "decision": {"decision": "rejected", "by": "Ada Berg", "reason": "Seven years are usual there."},
            "clauses": {name: f"some {name}" for name in clauses},
            "comparison": {"count": 2, "results": [term, law]},
            "deviations": {"count": 1, "items": [term]},
            "escalations": {"count": 1},
        },
    )

    assert output["text"].rstrip() == dedent("""\
        # NDA triage: fernhill.docx

        **Recommendation: Escalate to a lawyer**

        **Decision: rejected by Ada Berg** Seven years are usual there.

        Deviations from the playbook: 1 of 2 clauses. For a lawyer: 1.

        ## At a glance

        | Clause | In the agreement |
        |---|---|
        | Parties | some parties |
        | Term | some term |
        | Governing law | some governing_law |
        | Intellectual property | some intellectual_property |
        | Non-solicitation | some non_solicitation |
        | Return of information | some return_of_information |

        ## Clause by clause

        | Topic | Verdict | What the agreement says |
        |---|---|---|
        | Term | escalate | Seven years, trade secrets \\| for ever |
        | Governing law | accept | Sweden |

        ## Deviations

        ### Term: escalate

        Playbook: Term: three years.

        Why: Too long.

        > seven years after its end""")


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
            [{"title": "Cards fail", "outlet": "The Post", "message": "Cards\nfailed."}],
            "Could not be judged, please read them yourself: 1.\n\n"
            "## To answer today\n\n- **Cards fail** (The Post): Cards failed.",
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
    assert [part for part in output["text"].split("\n\n") if part.strip()] == "\n\n".join(lines).split("\n\n")
