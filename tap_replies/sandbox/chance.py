"""Reproducible chance: the same seed and the same question always give the same answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

_MASK = (1 << 64) - 1
_T = TypeVar("_T")


def mix(*parts: int) -> int:
    """Hash whole numbers into 64 well-spread bits."""
    state = 0x9E3779B97F4A7C15
    for part in parts:
        state = (state ^ part) * 0xBF58476D1CE4E5B9 & _MASK
        state ^= state >> 29
    state = state * 0x94D049BB133111EB & _MASK
    return state ^ (state >> 32)


class Dice:
    """A small stream of random numbers that is cheap to create once per row."""

    __slots__ = ("_state",)

    def __init__(self, *parts: int) -> None:
        """Start the stream that belongs to these numbers."""
        self._state = mix(*parts)

    def below(self, limit: int) -> int:
        """Return the next whole number in [0, limit)."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) & _MASK
        return (self._state >> 33) % limit

    def pick(self, options: Sequence[_T]) -> _T:
        """Return the next choice among options."""
        return options[self.below(len(options))]

    def one_in(self, count: int) -> bool:
        """Tell whether the next throw hits a one-in-count chance."""
        return self.below(count) == 0


def hex_id(length: int, *parts: int) -> str:
    """Return the identifier of that many hex digits that belongs to these numbers."""
    text = f"{mix(*parts):016x}"
    while len(text) < length:
        text += f"{mix(len(text), *parts):016x}"
    return text[:length]


def every(count: int, number: int, place: int = 0) -> bool:
    """Tell whether `number` is the one in `count` that stands at `place`."""
    return number % count == place
