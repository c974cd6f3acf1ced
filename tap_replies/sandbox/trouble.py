"""What the faults that strike a request do to its answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from tap_replies.sandbox import spoil, wire
from tap_replies.sandbox.answer import Answer
from tap_replies.sandbox.mailchimp.filters import problem
from tap_replies.sandbox.reamaze.answers import failure

if TYPE_CHECKING:
    import asyncio

    from tap_replies.sandbox.faults import Fault, Kind
    from tap_replies.sandbox.switches import Switches
    from tap_replies.sandbox.wire import Send

HTML = b"<!DOCTYPE html><html><body><h1>Service Unavailable</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Trouble:
    """The faults that strike one request."""

    faults: list[Fault]

    @property
    def seconds(self) -> float:
        """How long the answer stalls."""
        return sum(fault.seconds for fault in self.faults if fault.kind == "stall")

    def find(self, kind: Kind) -> Fault | None:
        """Return the fault of a kind, if one strikes."""
        return next((fault for fault in self.faults if fault.kind == kind), None)

    def replacement(self, *, reamaze: bool) -> Answer | None:
        """Return the answer that is given instead of the right one, if any."""
        for fault in self.faults:
            if fault.kind == "status":
                return _status(fault, reamaze=reamaze)
            if fault.kind == "html200":
                return Answer(200, HTML, "text/html")
            if fault.kind == "garbage200":
                return Answer(200, b'{"conversations": [}, oops')
            if fault.kind == "redirect":
                return Answer(302, b"", "text/html", ((b"location", fault.to.encode()),))
        return None

    def spoil(self, answer: Answer) -> Answer:
        """Change the body of a right answer."""
        body = answer.body
        for fault in self.faults:
            if fault.kind == "missing_rows":
                body = spoil.halved(body)
            if fault.kind == "duplicate_rows":
                body = spoil.repeated(body)
            elif fault.kind == "foreign":
                body = spoil.foreign(body)
            elif fault.kind == "total":
                body = spoil.miscounted(body, fault.delta)
            elif fault.kind == "hostile":
                body = spoil.hostile(body)
        if self.find("truncated_json"):
            body = body[: len(body) // 2]
        return answer if body is answer.body else replace(answer, body=body)

    async def send(self, send: Send, answer: Answer, transport: asyncio.Transport | None) -> None:
        """Send the answer, if at all."""
        if self.find("reset"):
            wire.reset(transport)
        elif self.find("cut"):
            await wire.send_cut(send, answer)
        elif slow := self.find("slow_body"):
            await wire.send_slowly(send, answer, slow.seconds)
        else:
            await wire.send_answer(send, answer)


def standing(answer: Answer, switches: Switches) -> Answer:
    """Change an answer as the standing switches demand."""
    if answer.status >= HTTPStatus.BAD_REQUEST:
        if switches.html_errors:
            return replace(answer, body=HTML, content_type="text/html")
        return answer
    body = answer.body
    if switches.total_delta:
        body = spoil.miscounted(body, switches.total_delta)
    if switches.hostile:
        body = spoil.hostile(body, switches.hostile)
    return answer if body is answer.body else replace(answer, body=body)


def _status(fault: Fault, *, reamaze: bool) -> Answer:
    answer = failure(fault.status, "The sandbox was told to fail.") if reamaze else None
    answer = answer or problem(fault.status, "Sandbox Fault", "The sandbox was told to fail.")
    if fault.body == "html":
        answer = Answer(fault.status, HTML, "text/html")
    elif fault.body == "empty":
        answer = Answer(fault.status, b"")
    if fault.retry_after is not None:
        extra = (b"retry-after", fault.retry_after.encode())
        answer = replace(answer, headers=(*answer.headers, extra))
    return answer
