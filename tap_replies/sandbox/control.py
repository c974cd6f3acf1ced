"""The sandbox's own calls: switches, mutations, counts, and what there is to find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec

from tap_replies.sandbox.answer import Answer, Request
from tap_replies.sandbox.switches import switched

if TYPE_CHECKING:
    from tap_replies.sandbox.app import SandboxApp


def answer(app: SandboxApp, request: Request, body: bytes) -> Answer:
    """Answer a control call; what it cannot do is a 400 with the reason."""
    try:
        return Answer(200, msgspec.json.encode(_result(app, request, body)))
    except (KeyError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        return Answer(400, msgspec.json.encode({"error": reason}))


def turn(app: SandboxApp, changes: bytes) -> None:
    """Merge a JSON object of changes into the switches. Raises msgspec.MsgspecError."""
    with app.lock:
        app.switches = switched(app.switches, changes)
        app.forget()


def _result(app: SandboxApp, request: Request, body: bytes) -> Any:  # noqa: ANN401
    call = f"{request.method} {request.path}"
    if call == "GET /__stats":
        with app.lock:
            return app.stats.report()
    if call == "GET /__truth":
        account = parse_qs(request.query).get("account", [""])[0]
        with app.lock:
            return app.world.truth(account)
    if call == "POST /__control":
        turn(app, body or b"{}")
        return msgspec.to_builtins(app.switches)
    if call == "POST /__mutate":
        given = msgspec.json.decode(body)
        for mutation in given if isinstance(given, list) else [given]:
            app.mutate(mutation)
        return {"version": app.world.version}
    if call == "POST /__reset":
        app.reset()
        return {}
    raise ValueError(f"no such call: {call}")
