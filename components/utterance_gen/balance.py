"""Balanced assignment of items with two attributes: every part is balanced in both.

Think of the utterances of a split as edges between systems and speakers, and of the shards as
colours. An edge colouring of a bipartite graph in which every vertex sees each colour floor(d/K)
or ceil(d/K) times (d its degree, K the number of colours) always exists (de Werra, 1971). It is
built here by splitting every vertex into pieces of at most K edges, and colouring those edges
properly with K colours, which König's theorem (1916) allows and alternating paths achieve.
"""

from collections.abc import Hashable, Sequence


def balanced_colours(edges: Sequence[tuple[Hashable, Hashable]], num_colours: int) -> list[int]:
    """Gives each edge of a bipartite multigraph one of `num_colours` colours, evenly.

    Guarantees, for K colours:
      - each left vertex of d edges has floor(d/K) or ceil(d/K) of them in every colour;
      - the same for each right vertex;
      - the same for the graph as a whole: colour sizes differ by one at most.
    The result depends on the order of the edges and on nothing else.

    Args:
        edges: (left, right) pairs. Left and right values are different vertices even when equal.
        num_colours: K, at least 1.

    Returns:
        A colour from 0 to K - 1 for each edge, in order.
    """
    if num_colours < 1:
        raise ValueError(f"expected num_colours of at least 1, got {num_colours}")
    colouring = _Colouring(_split_vertices(edges, num_colours), num_colours)
    for edge in range(len(edges)):
        colouring.add(edge)
    colouring.even_out_sizes()
    return colouring.colours


def _split_vertices(
    edges: Sequence[tuple[Hashable, Hashable]], max_degree: int
) -> list[tuple[int, int]]:
    """The same edges between numbered pieces of vertices, of `max_degree` edges at most each."""
    degree: dict[tuple[int, Hashable], int] = {}
    number: dict[tuple[int, Hashable, int], int] = {}

    def piece(side: int, vertex: Hashable) -> int:
        seen = degree.get((side, vertex), 0)
        degree[side, vertex] = seen + 1
        return number.setdefault((side, vertex, seen // max_degree), len(number))

    return [(piece(0, left), piece(1, right)) for left, right in edges]


class _Colouring:
    """A proper edge colouring under construction: no vertex has two edges of one colour."""

    def __init__(self, ends: list[tuple[int, int]], num_colours: int) -> None:
        num_vertices = 1 + max((max(pair) for pair in ends), default=-1)
        self.ends = ends
        self.colours = [-1] * len(ends)
        self.sizes = [0] * num_colours
        self._edge_at: list[dict[int, int]] = [{} for _ in range(num_vertices)]
        # The colours free at a vertex as the bits of an integer: intersecting two is one step.
        self._free = [(1 << num_colours) - 1] * num_vertices

    def add(self, edge: int) -> None:
        """Colours one more edge, recolouring an alternating path where no colour is free."""
        left, right = self.ends[edge]
        common = self._free[left] & self._free[right]
        if not common:
            here, there = _lowest_bit(self._free[left]), _lowest_bit(self._free[right])
            # The path from `right` cannot end in `left`: it enters left vertices by colour `here`.
            self._swap(self._path(right, here, there), here, there)
            common = 1 << here
        start = edge % len(self.sizes)  # Rotating keeps the sizes close from the beginning.
        later = common >> start
        self._paint(edge, start + _lowest_bit(later) if later else _lowest_bit(common))

    def even_out_sizes(self) -> None:
        """Swaps two colours along paths with one more edge of the larger, until sizes are even."""
        while max(self.sizes) - min(self.sizes) > 1:
            large, small = (self.sizes.index(pick(self.sizes)) for pick in (max, min))
            for vertex, edges in enumerate(self._edge_at):
                if large in edges and small not in edges:
                    path = self._path(vertex, large, small)
                    if len(path) % 2:
                        self._swap(path, large, small)
                        break

    def _path(self, vertex: int, first: int, second: int) -> list[int]:
        """The edges met from `vertex`, alternating between two colours, to the end."""
        path = []
        colour = first
        while (edge := self._edge_at[vertex].get(colour)) is not None:
            path.append(edge)
            left, right = self.ends[edge]
            vertex = right if vertex == left else left
            colour = first + second - colour
        return path

    def _swap(self, path: list[int], first: int, second: int) -> None:
        old = [self.colours[edge] for edge in path]
        for edge, colour in zip(path, old, strict=True):
            self.sizes[colour] -= 1
            for vertex in self.ends[edge]:
                del self._edge_at[vertex][colour]
                self._free[vertex] |= 1 << colour
        for edge, colour in zip(path, old, strict=True):
            self._paint(edge, first + second - colour)

    def _paint(self, edge: int, colour: int) -> None:
        self.colours[edge] = colour
        self.sizes[colour] += 1
        for vertex in self.ends[edge]:
            self._edge_at[vertex][colour] = edge
            self._free[vertex] &= ~(1 << colour)


def _lowest_bit(bits: int) -> int:
    return (bits & -bits).bit_length() - 1
