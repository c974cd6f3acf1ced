"""What every Mailchimp row is drawn from, and the shapes several kinds of row share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_replies.sandbox.chance import Dice, every, hex_id
from tap_replies.sandbox.clock import YEAR, zoned, zoneless

if TYPE_CHECKING:
    from tap_replies.sandbox.sizes import Sizes
    from tap_replies.sandbox.table import Row

API = "https://us6.api.mailchimp.com/3.0"
_SCHEMA = "https://us6.api.mailchimp.com/schema/3.0/Definitions"
SPAN = 2 * YEAR
# The objects printed in Mailchimp's reference documents.
EXAMPLE_CONVERSATION = "fa8c387539"
EXAMPLE_CAMPAIGN = "42694e9e57"
EXAMPLE_LIST = "57afe96172"


@dataclass(frozen=True, slots=True)
class Seed:
    """The numbers that decide all rows of one account."""

    seed: int
    account: int
    now: float
    sizes: Sizes

    def dice(self, kind: int, *numbers: int) -> Dice:
        """Return chances that differ from account to account."""
        return Dice(self.seed, self.account, kind, *numbers)

    def id(self, kind: int, *numbers: int) -> str:
        """Return an identifier that is the same in every account of the seed."""
        return hex_id(10, self.seed, kind, *numbers)

    def list_id(self, number: int) -> str:
        """Return the id of an audience."""
        return EXAMPLE_LIST if number == 0 else self.id(1, number)

    def list_web_id(self, number: int) -> int:
        """Return the numeric id of an audience, which messages carry instead of its id."""
        return 310_001 + 4 * number

    def campaign_id(self, number: int) -> str:
        """Return the id of a campaign."""
        return EXAMPLE_CAMPAIGN if number == 0 else self.id(2, number)

    def list_of_campaign(self, number: int) -> int:
        """Return the number of the audience that a campaign was sent to."""
        return number % max(self.sizes.lists, 1)

    def spread(self, number: int, total: int) -> float:
        """Place row `number` of `total` in the two years before now, oldest first."""
        return self.now - SPAN + int(SPAN * (number + 0.5) / total)

    def stamp(self, moment: float, number: int) -> str:
        """Write a moment, now and then in the form of 2015."""
        return zoneless(moment) if every(7, number, 3) else zoned(moment)


def link(rel: str, path: str, definition: str) -> Row:
    """Return one of the links that every Mailchimp answer is full of."""
    return {
        "rel": rel,
        "href": API + path,
        "method": "GET",
        "targetSchema": f"{_SCHEMA}/{definition}",
        "schema": f"{_SCHEMA}/{definition}?link",
    }


def links(path: str, definition: str) -> list[Row]:
    """Return the links of an object: to itself and to the collection it is in."""
    parent = path.rsplit("/", 1)[0]
    return [
        link("self", path, f"{definition}/Response.json"),
        link("parent", parent or "/", f"{definition}/CollectionResponse.json"),
    ]


def tracking() -> Row:
    """Return the tracking options of a mailing."""
    return {
        "opens": True,
        "html_clicks": True,
        "text_clicks": False,
        "goal_tracking": False,
        "ecomm360": False,
        "google_analytics": "",
        "clicktale": "",
        "salesforce": {"campaign": False, "notes": False},
        "capsule": {"notes": False},
    }


def segment_options(number: int) -> Row:
    """Return the segment a mailing went to."""
    return {
        "saved_segment_id": 5001 + number,
        "prebuilt_segment_id": "subscribers-female",
        "match": "any",
        "conditions": [
            {"condition_type": "VIP", "field": "gender", "op": "member", "value": "1"},
        ],
    }


def summary(sent: int) -> Row:
    """Return the headline results of a mailing to that many people."""
    return {
        "opens": sent // 2,
        "unique_opens": sent // 3,
        "open_rate": 0.3333,
        "clicks": sent // 10,
        "subscriber_clicks": sent // 12,
        "click_rate": 0.0833,
        "ecommerce": {"total_orders": 2, "total_spent": 59.8, "total_revenue": 50.25},
    }
