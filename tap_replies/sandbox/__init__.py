"""Both vendors' APIs over HTTP on loopback: demo, test double and benchmark server.

`with Sandbox(seed=1, conversations=40) as sandbox:` serves Mailchimp below `sandbox.url + "/3.0"`
and Re:amaze below `sandbox.url + "/api/v1"`; `sandbox.config()` are the tap's settings that reach
it. `tap-replies-sandbox` does the same as a command. The data depends on nothing but the seed, the
sizes (`sizes.Sizes`) and the moment `now`; it includes the objects that the
vendors' documents print: conversation fa8c387539, subscriber 62eeb292278cc15f5817cb78f7790b08 and
Re:amaze's knock-knock. A table is made when it is first asked for: `GET /__truth` makes them all.

With several accounts the credential chooses one; the same ids exist in all of them.

It misbehaves on request. Standing switches are the fields of `switches.Switches`, faults of single
requests those of `faults.Fault`; both are set at the start, by `sandbox.control(...)`, or over
HTTP, without credentials:

- `POST /__control` merges a JSON object into the switches; `faults` replaces the list of faults.
- `POST /__mutate` applies one mutation or a list of them. Plain ones name a table:
  `{"op": "insert" | "update" | "delete", "collection": "mailchimp.conversations", "key": ...,
  "row": {...}}`; what an inserted row leaves out is taken from the newest row. Those that keep the
  rest of the data consistent name a source: `{"op": ..., "source": "mailchimp", "key": ...,
  "when": ..., "row": {...}}` with `new_message`, `new_conversation` (both sources),
  `new_unsubscribe` (key: a campaign; Mailchimp), `archive` and `remove` (Re:amaze). `account` is an
  account's id or brand, by default the first one. The keys are `id`, except `[conversation_id, id]`
  of messages, `[campaign_id, email_id, timestamp]` of unsubscribes, `[list_id, id]` of members,
  and Re:amaze's `slug` and `[slug, place in the thread]`.
- `GET /__stats` counts requests by endpoint and status, tells the most in flight, and lists the
  last 20,000 requests as path, query and status.
- `GET /__truth?account=...` lists the keys that each stream of the tap should emit.
- `POST /__reset` starts counting anew, ends all faults and lets revoked credentials in again.
"""

from __future__ import annotations

from tap_replies.sandbox.server import Sandbox

__all__ = ["Sandbox"]
