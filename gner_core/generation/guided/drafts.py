"""What a pass feeds: the tokens up to each sentence's next decision, and drafts beyond it.

A draft guesses a decision and feeds the tokens that follow: `I` after `B`, else `O`; for a type,
that of the sentence's last entity. If the model decides otherwise, they are overwritten. Drafts
change the number of passes, never the answer. The most probable ones are fed as long as each makes
the tokens that will be of use cheaper.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gner_core.generation.guided.choices import Node
from gner_core.generation.guided.progress import SentenceProgress, follow

Guess = Literal["inside", "outside", "type"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A position in a feed after which a token is to be decided."""

    at: int
    """Index of the token before it."""
    word: int
    node: Node
    drafted: int | None = None
    """Key of the child whose tokens were fed as a draft; None where none were."""
    guess: Guess = "outside"
    """Why that child."""


@dataclass(slots=True)
class Record:
    """How often guesses were right in a batch, begun with what is usual."""

    right: dict[Guess, float] = field(
        default_factory=lambda: {"inside": 3.0, "outside": 9.0, "type": 2.0}
    )
    tried: dict[Guess, float] = field(
        default_factory=lambda: {"inside": 6.0, "outside": 10.0, "type": 6.0}
    )

    def note(self, guess: Guess, *, right: bool) -> None:
        """Count a guess."""
        self.tried[guess] += 1
        self.right[guess] += right

    def probability(self, guess: Guess) -> float:
        """Return the share of such guesses that were right."""
        return self.right[guess] / self.tried[guess]


@dataclass(slots=True)
class Plan:
    """What one sentence is fed in a pass."""

    sentence: SentenceProgress
    tokens: list[int]
    decisions: list[Decision]
    word: int
    node: Node
    before: str
    """The tag before the word that is decided."""
    begun: str
    """The beginning of the sentence's last entity; "O" where there is none."""
    probability: float = 1.0
    """That all drafts are right."""

    @classmethod
    def of(cls, sentence: SentenceProgress) -> "Plan":
        """Plan up to the next decision, without any draft."""
        tags = sentence.tags
        begun = next((tag for tag in reversed(tags) if tag.startswith("B-")), "O")
        tokens, word, node = list(sentence.pending), sentence.word, sentence.node
        decisions = [Decision(len(tokens) - 1, word, node)]
        return cls(sentence, tokens, decisions, word, node, tags[-1] if tags else "O", begun)

    def draft(self, record: Record) -> "Draft | None":
        """Return the likeliest draft of the last decision; None where there is none to feed."""
        guessed = self._guess()
        if guessed is None:
            return None
        key, guess = guessed
        tokens, tags, node = follow(self.sentence.choices, key, word=self.word, node=self.node)
        if node is None:
            return None
        probability = self.probability * record.probability(guess)
        return Draft(key, guess, probability, tokens, tags, node)

    def _guess(self) -> tuple[int, Guess] | None:
        """Return the likeliest child of the last decision, and why it is."""
        tries: list[tuple[str, Guess]] = [("O", "outside"), (self.begun, "type")]
        if self.before.startswith("B-"):
            tries.insert(0, (f"I-{self.before[2:]}", "inside"))
        leads = self.node.leads
        return next(((leads[tag], guess) for tag, guess in tries if tag in leads), None)

    def take(self, draft: "Draft") -> None:
        """Feed a draft, up to the decision after it."""
        last = self.decisions.pop()
        self.decisions.append(Decision(last.at, last.word, last.node, draft.key, draft.guess))
        self.tokens += draft.tokens
        self.word += len(draft.tags)
        self.node, self.probability = draft.node, draft.probability
        self.before = draft.tags[-1] if draft.tags else self.before
        self.decisions.append(Decision(len(self.tokens) - 1, self.word, self.node))


@dataclass(frozen=True, slots=True)
class Draft:
    """A guessed decision of a plan and what follows from it."""

    key: int
    guess: Guess
    probability: float
    """That it and all before it are right."""
    tokens: list[int]
    tags: list[str]
    node: Node


def plan_pass(
    sentences: Sequence[SentenceProgress], record: Record, cost: Callable[[int], float]
) -> list[Plan]:
    """Return what each sentence is fed in the next pass."""
    plans = [Plan.of(sentence) for sentence in sentences]
    tokens = sum(len(plan.tokens) for plan in plans)
    useful = float(tokens)
    queue: list[tuple[float, int, Draft]] = []

    def offer(row: int) -> None:
        draft = plans[row].draft(record)
        while draft and not draft.tokens:  # decided at the same token: it costs nothing
            plans[row].take(draft)
            draft = plans[row].draft(record)
        if draft:
            heapq.heappush(queue, (-draft.probability, row, draft))

    for row in range(len(plans)):
        offer(row)
    while queue:
        _, row, draft = heapq.heappop(queue)
        more = len(draft.tokens)
        now, then = cost(tokens), cost(tokens + more)
        if draft.probability * more * now <= useful * (then - now):
            break
        plans[row].take(draft)
        tokens += more
        useful += draft.probability * more
        offer(row)
    return plans
