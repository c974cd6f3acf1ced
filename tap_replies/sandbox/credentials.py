"""Which account a credential opens."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import msgspec

from tap_replies.sandbox.answer import Answer

if TYPE_CHECKING:
    from tap_replies.sandbox.mailchimp.account import MailchimpAccount
    from tap_replies.sandbox.reamaze.brand import ReamazeBrand
    from tap_replies.sandbox.world import World


class Doorkeeper:
    """Finds the account of an Authorization header, unless it was revoked."""

    def __init__(self, world: World) -> None:
        """Learn the credentials of all accounts."""
        self._mailchimp = {
            secret: account
            for account in world.mailchimp
            for secret in (account.api_key, account.access_token)
        }
        self._reamaze = {f"{brand.login}:{brand.api_token}": brand for brand in world.reamaze}
        self.revoked: set[str] = set()

    def mailchimp(self, header: str) -> MailchimpAccount | None:
        """Find the account of an API key (Basic, any user) or a token (Bearer)."""
        scheme, _, value = header.partition(" ")
        secret = _basic(value).rpartition(":")[2] if scheme.lower() == "basic" else value.strip()
        account = self._mailchimp.get(secret)
        return None if account is None or account.name in self.revoked else account

    def reamaze(self, header: str) -> ReamazeBrand | None:
        """Find the brand of a login and its token (Basic)."""
        scheme, _, value = header.partition(" ")
        brand = self._reamaze.get(_basic(value)) if scheme.lower() == "basic" else None
        return None if brand is None or brand.name in self.revoked else brand

    def metadata(self, header: str, host: str) -> Answer:
        """Answer what an OAuth token opens; a bad one gets status 200 too, as at Mailchimp."""
        account = self.mailchimp(header)
        if account is None:
            return Answer(200, b'{"error":"invalid_token"}')
        body = {
            "dc": "us6",
            "role": "owner",
            "accountname": account.root()["account_name"],
            "user_id": account.number + 1,
            "login": {"email": "owner@sandbox.example", "login_id": account.number + 1},
            "login_url": f"http://{host}",
            "api_endpoint": f"http://{host}",
        }
        return Answer(200, msgspec.json.encode(body))


def _basic(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, ValueError):
        return ""
