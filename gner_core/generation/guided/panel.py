"""A sentence in several orders of its types: rows of the cache that get the same words and labels.

A search knows one row a sentence or labeling, that of the first order. Here it stands for a row of
the cache in each order. Their prompts may differ in length, so their tokens have positions of their
own.
"""

from collections.abc import Sequence

from gner_core.generation.guided.choices import Tokens
from gner_core.generation.guided.progress import Rated, log_sum
from gner_core.generation.packed.forward import Feed, Forward


class Panel:
    """The rows of a batch. Row n of a search is `orders` neighbouring rows of the cache."""

    def __init__(self, forward: Forward) -> None:
        """Bind a model."""
        self.forward = forward
        self.temperature = 1.0
        """Of confidences."""
        self.orders = 1
        self._starts: dict[int, Sequence[Feed]] = {}

    def begin(
        self,
        prompts: Sequence[Sequence[list[int]]],
        *,
        stems: Sequence[Sequence[list[int]]],
        rows: int,
        room: int,
    ) -> list[Feed]:
        """Start a batch; return per sentence what the row of its first order must be fed first.

        Args:
            prompts: the prompts of every sentence, in as many orders each.
            stems: tokens with which each prompt begins.
            rows: of the search, at most.
            room: tokens that a row will probably write.
        """
        self.orders = len(prompts[0])
        starts = self.forward.begin(
            [prompt for sentence in prompts for prompt in sentence],
            stems=[stem for sentence in stems for stem in sentence],
            rows=rows * self.orders,
            room=room,
        )
        parts = range(0, len(starts), self.orders)
        self._starts = {n: starts[at : at + self.orders] for n, at in enumerate(parts)}
        return [one[0] for one in self._starts.values()]

    def rate(
        self, rows: Sequence[int], feeds: Sequence[Feed], options: Sequence[Sequence[Tokens]]
    ) -> list[Rated]:
        """Feed some rows; return the log probabilities of the options after each wanted token."""
        found = self.logits(rows, feeds, options)
        return [Rated.of(logits, self.temperature) for logits in found]

    def logits(
        self, rows: Sequence[int], feeds: Sequence[Feed], options: Sequence[Sequence[Tokens]]
    ) -> list[list[list[float]]]:
        """Feed some rows; return the logits after each wanted token: (wanted, orders, options).

        Args:
            rows: of the search.
            feeds: of each row, with the prompt of the first order.
            options: what is rated after each wanted token, row by row: the tokens with which an
                option may begin, whose probabilities add up.
        """
        orders = range(self.orders)
        places = [row * self.orders + order for row in rows for order in orders]
        every = [self._feed(row, f, o) for row, f in zip(rows, feeds, strict=True) for o in orders]
        hidden = self.forward.feed(places, every)
        tokens = sorted({token for row in options for begin in row for token in begin})
        column = {token: n for n, token in enumerate(tokens)}
        logits = self.forward.logits(hidden, tokens).tolist()
        found, after = [], 0
        remaining = iter(options)
        for feed in feeds:
            wanted = len(feed.wanted)
            for n in range(wanted):
                columns = [[column[token] for token in begin] for begin in next(remaining)]
                mine = (logits[after + order * wanted + n] for order in orders)
                found.append(
                    [[log_sum([row[at] for at in ats]) for ats in columns] for row in mine]
                )
            after += wanted * self.orders
        return found

    def copy(self, source: int, target: int, *, columns: int, prompt: bool) -> None:
        """Copy the first columns of a row of the search to another.

        Args:
            columns: of the first order.
            prompt: also the prompt, which differs.
        """
        starts = self._starts[source]
        for order, start in enumerate(starts):
            self.forward.copy(
                source * self.orders + order,
                target * self.orders + order,
                columns=columns + _shift(start, starts[0]),
                prompt=prompt,
            )
        if prompt:
            self._starts[target] = starts

    def _feed(self, row: int, feed: Feed, order: int) -> Feed:
        """Return what a row of the cache gets: other orders have another prompt before the answer."""
        first, own = self._starts[row][0], self._starts[row][order]
        if feed.start != first.start:
            return Feed(feed.start + _shift(own, first), feed.tokens, feed.wanted)
        more = len(own.tokens) - len(first.tokens)
        answer = feed.tokens[len(first.tokens) :]
        return Feed(own.start, [*own.tokens, *answer], [at + more for at in feed.wanted])


def _shift(own: Feed, first: Feed) -> int:
    """Return how much longer the prompt of an order is than that of the first one."""
    return own.start + len(own.tokens) - first.start - len(first.tokens)
