"""All accounts of a sandbox, who may see them, and how they change."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tap_replies.sandbox.clock import HOUR, MINUTE, parse
from tap_replies.sandbox.mailchimp.account import MailchimpAccount
from tap_replies.sandbox.mailchimp.changes import mailchimp_change
from tap_replies.sandbox.reamaze.brand import ReamazeBrand
from tap_replies.sandbox.reamaze.changes import reamaze_change
from tap_replies.sandbox.sizes import Sizes

if TYPE_CHECKING:
    from tap_replies.sandbox.account import Account
    from tap_replies.sandbox.table import Key, Row

_PLAIN = ("insert", "update", "delete")


class World:
    """The data of a sandbox, which depends on nothing but seed, sizes and the moment `now`."""

    def __init__(self, seed: int = 1, sizes: Sizes | None = None, now: str | None = None) -> None:
        """Declare all accounts; `now` is ISO 8601, by default the hour that last began."""
        # Ten minutes of grace, so that what is changed by a test lies in the past.
        current = (time.time() - 10 * MINUTE) // HOUR * HOUR
        self.now = parse(now) if now else current
        self.seed = seed
        self.sizes = sizes or Sizes()
        self.mailchimp = [
            MailchimpAccount(seed, number, self.now, self.sizes)
            for number in range(self.sizes.accounts)
        ]
        self.reamaze = [
            ReamazeBrand(seed, number, self.now, self.sizes) for number in range(self.sizes.brands)
        ]
        self.version = 0
        self._last_change = self.now

    @property
    def accounts(self) -> list[Account]:
        """All accounts, Mailchimp's first."""
        return [*self.mailchimp, *self.reamaze]

    def config(self, url: str, *, accounts: bool = False) -> dict[str, Any]:
        """Return settings of the tap that reach the first account of each vendor, or all."""
        if accounts:
            return {
                "accounts": [{"source": one.source, **one.config(url)} for one in self.accounts]
            }
        return {
            f"{one.source}_{name}": value
            for one in [*self.mailchimp[:1], *self.reamaze[:1]]
            for name, value in one.config(url).items()
        }

    def account(self, name: str, source: str = "") -> Account:
        """Find an account by its id or brand, or the first of a source. Raises KeyError."""
        for one in self.accounts:
            if name == one.name or (not name and source in ("", one.source)):
                return one
        raise KeyError(name)

    def truth(self, account: str = "") -> dict[str, Any]:
        """Return the vendor-side keys of every stream and their number, by account or for one."""
        chosen = [self.account(account)] if account else self.accounts
        found = {
            one.name: {
                stream: {"count": len(keys), "keys": keys} for stream, keys in one.truth().items()
            }
            for one in chosen
        }
        return found[account] if account else found

    def mutate(self, mutation: dict[str, Any]) -> None:
        """Apply one mutation. Raises KeyError and ValueError when it does not fit the data."""
        op = str(mutation.get("op"))
        source, _, collection = str(mutation.get("collection") or "").partition(".")
        source = source or str(mutation.get("source") or "")
        one = self.account(str(mutation.get("account") or ""), source)
        key = _key(mutation.get("key"))
        row: Row = mutation.get("row") or {}
        if op in _PLAIN:
            one.change(op, collection, key, row)
        else:
            when = self._moment(mutation.get("when"))
            if isinstance(one, MailchimpAccount):
                mailchimp_change(one, op, key, when, row)
            elif isinstance(one, ReamazeBrand):
                reamaze_change(one, op, key, when, row)
        self.version += 1

    def _moment(self, when: str | None) -> float:
        moment = parse(when) if when else self._last_change + 1
        self._last_change = max(self._last_change, moment)
        return moment


def _key(given: object) -> Key | None:
    if isinstance(given, list | tuple):
        return tuple(str(part) for part in given)
    return None if given is None else str(given)
