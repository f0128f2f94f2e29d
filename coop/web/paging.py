"""Pages of long lists: which rows an address asks for, and whether there are more before and after."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """One page of a list; `number` counts from 1."""

    number: int
    size: int
    total: int

    @property
    def offset(self) -> int:
        """How many rows come before."""
        return (self.number - 1) * self.size

    @property
    def first(self) -> int:
        """The number of the first row, 0 in an empty list."""
        return min(self.offset + 1, self.total)

    @property
    def last(self) -> int:
        """The number of the last row."""
        return min(self.offset + self.size, self.total)

    @property
    def has_previous(self) -> bool:
        """Say whether there is a page before."""
        return self.number > 1

    @property
    def has_next(self) -> bool:
        """Say whether there is a page after."""
        return self.last < self.total


def read_page(text: str, *, total: int, size: int) -> Page:
    """Return the page with the typed number, the first for what is no number, the last for what is too far."""
    last = max(1, -(-total // size))
    number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 1
    return Page(min(max(number, 1), last), size, total)
