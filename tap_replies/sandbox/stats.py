"""What was asked of the sandbox."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

_REMEMBERED = 20_000


@dataclass(slots=True)
class Visit:
    """One request, from its arrival to its answer."""

    path: str
    query: str
    account: str
    moment: float
    """When it came, on the sandbox's clock."""

    status: int | None = None


@dataclass(slots=True)
class Stats:
    """Counts of requests, and how many were in flight at once."""

    endpoints: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    flying: Counter[str] = field(default_factory=Counter)
    visits: deque[Visit] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    total: int = 0

    def begin(self, visit: Visit, endpoint: str) -> None:
        """Count a request that came in."""
        self.visits.append(visit)
        self.total += 1
        self.endpoints[endpoint] += 1
        for name in ("all", visit.account):
            self.flying[name] += 1
            self.most[name] = max(self.most[name], self.flying[name])

    def end(self, visit: Visit, status: int) -> None:
        """Count the answer."""
        visit.status = status
        self.statuses[status] += 1
        self.flying["all"] -= 1
        self.flying[visit.account] -= 1

    def reset(self) -> None:
        """Start counting anew; requests in flight stay in flight."""
        self.endpoints.clear()
        self.statuses.clear()
        self.visits.clear()
        self.most.clear()
        self.total = 0

    def report(self) -> dict[str, Any]:
        """Return the counts as JSON-ready values."""
        return {
            "total": self.total,
            "endpoints": dict(self.endpoints),
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "most_in_flight": self.most["all"],
            "most_in_flight_by_account": {
                name: most for name, most in self.most.items() if name not in ("all", "")
            },
            "requests": [[visit.path, visit.query, visit.status] for visit in self.visits],
        }
