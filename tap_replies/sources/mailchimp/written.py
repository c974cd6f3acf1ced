"""What people wrote elsewhere than in Conversations: in surveys, and as contacts' feeds show it.

Both streams must be selected: they cost a request for each new response, and for each contact that
changed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_replies.answers import decode
from tap_replies.errors import GoneError, RequestFailedError, StreamRefusedError
from tap_replies.job import Batch, Job
from tap_replies.paging import Collection, Page
from tap_replies.source import Request, segment
from tap_replies.sources.mailchimp.client import PAGING, MailchimpStream, before, ids, since
from tap_replies.times import utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tap_replies.fetch import Fetcher
    from tap_replies.source import Row

FEED_KINDS = "conversation,survey_response"
SURVEYS = ids("/reporting/surveys", "surveys", "the surveys", "title")
LISTS = ids("/lists", "lists", "the lists")


class SurveyResponses(MailchimpStream):
    """One row per response to a survey, with its answers.

    Source: API reference, "Surveys reports".
    """

    name = "mailchimp_survey_responses"
    rows_key = "responses"
    primary_keys = ("account_id", "survey_id", "response_id")
    replication_key = "submitted_at"
    selected_by_default = False
    own_columns = (
        "survey_id",
        "survey_title",
    )  # the answers of one response do not name its survey
    single_keys: ClassVar = {"survey_id": True, "response_id": True}
    asked = ("response_id", "submitted_at")
    holds_replies = True

    @override
    def batches(self, job: Job) -> Iterator[Batch]:
        """The responses of each survey; the answers of those not older than the bookmark."""
        surveys = job.parents(SURVEYS)
        each = partial(self._answers, job)
        for survey, page in job.children(surveys, self._of, "surveys", leads=True, each=each):
            columns = {"survey_id": survey["id"], "survey_title": survey.get("title")}
            yield Batch(page.rows, page.is_dirty, columns)

    def _answers(self, job: Job, walk: Iterable[Page], survey: Row) -> Iterator[Page]:
        """Each response that is due as a page of its own, as its answers are asked for alone."""
        for page in walk:
            due = [row["response_id"] for row in page.rows if _is_due(job, row)]
            requests = [self._request(survey["id"], response) for response in due]
            named = {
                request.path: response for request, response in zip(requests, due, strict=True)
            }
            for request, answer in _asked(job.fetcher, requests):
                if isinstance(answer, StreamRefusedError):
                    job.refuse("responses", answer)
                elif isinstance(answer, GoneError):
                    job.skip("responses")
                else:
                    row, _ = decode(answer[0].body)
                    if not isinstance(row, dict):
                        msg = f"{request.about} answered something else than an object"
                        raise RequestFailedError(msg)
                    rows = [{"response_id": named[request.path], **row}]
                    yield Page(rows, is_dirty=True, total=None)

    @override
    def opening(self, job: Job) -> Collection:
        """The surveys."""
        return SURVEYS

    @override
    def single(self, job: Job, wanted: Any) -> Iterator[Batch]:
        """One response: `{"survey_id": ..., "response_id": ...}`."""
        request = self._request(wanted["survey_id"], wanted["response_id"])
        yield Batch([job.fetcher.ask(request)], True, {"survey_id": wanted["survey_id"]})  # noqa: FBT003

    def _request(self, survey: str, response: object) -> Request:
        path = f"/reporting/surveys/{segment(survey)}/responses/{segment(response)}"
        return Request(path, self.partial(""), f"a response to survey {survey}")

    def _of(self, survey: Row) -> Collection:
        path = f"/reporting/surveys/{segment(survey['id'])}/responses"
        fields = "responses.response_id,responses.submitted_at,total_items"
        request = Request(path, {"fields": fields}, f"the responses to survey {survey['id']}")
        return Collection(request, self.rows_key, PAGING, itemgetter("response_id"))


def _asked(fetcher: Fetcher, requests: Iterable[Request]) -> Iterator[tuple[Request, Any]]:
    """The answers as they come; what is said to be gone is asked for again at the end."""
    gone = []
    for request, answer in fetcher.ahead(requests):
        if isinstance(answer, GoneError):
            gone.append(request)
        else:
            yield request, answer
    yield from fetcher.ahead(gone)


class MemberActivity(MailchimpStream):
    """One row per message or response that a contact's feed shows.

    Source: API reference, "Member activity feed".
    """

    name = "mailchimp_member_activity"
    rows_key = "activity"
    primary_keys = ("account_id", "list_id", "email_id", "activity_key")
    replication_key = "member_last_changed"
    selected_by_default = False
    own_columns = ("activity_key", "member_last_changed", "list_id", "email_id")
    asked = ("activity_type", "created_at_timestamp", "thread_id", "survey_id", "message_text")
    holds_replies = True

    @override
    def batches(self, job: Job) -> Iterator[Batch]:
        """The feeds of all contacts that changed since the bookmark.

        A message need not change its contact, so one that comes alone waits for the next change.
        """
        asked: list[str] = []
        members = self._members(job, asked)
        feeds = job.children(members, self._feed, "contacts", each=_keyed)
        for (list_id, member), page in feeds:
            columns = {
                "list_id": list_id,
                "email_id": member["id"],
                "member_last_changed": member.get("last_changed"),
            }
            yield Batch(page.rows, page.is_dirty, columns)
        if job.reading:  # contacts whose feeds are empty need not be asked again either
            job.reading.newest = max([job.reading.newest or "", *asked]) or None

    @override
    def opening(self, job: Job) -> Collection:
        """The lists."""
        return LISTS

    def _members(self, job: Job, asked: list[str]) -> Iterator[tuple[str, Row]]:
        wanted = job.filters.get("list_id")
        lists = (row["id"] for row in job.parents(LISTS) if wanted in (None, row["id"]))
        of = partial(_changed, job)
        for list_id, page in job.children(lists, of, "lists", counted=False):
            moments = [utc(row.get("last_changed")) or "" for row in page.rows]
            asked += [max(moments, default="")]
            for row in page.rows:
                yield list_id, row

    def _feed(self, member: tuple[str, Row]) -> Collection:
        list_id, row = member
        path = f"/lists/{segment(list_id)}/members/{segment(row['id'])}/activity-feed"
        params = {"activity_filters": FEED_KINDS, **self.partial("activity.")}
        request = Request(path, params, f"the feed of a contact of list {list_id}")
        return Collection(request, self.rows_key, PAGING, _identity, may_be_alike=True)


def _changed(job: Job, list_id: str) -> Collection:
    """The contacts of a list that changed since the bookmark, whatever their status."""
    params = {"sort_field": "last_changed", "sort_dir": "ASC"}
    if job.lower:
        params["since_last_changed"] = since(job.lower)
    if job.reading:
        params["before_last_changed"] = before(job.reading.upper)
    path = f"/lists/{segment(list_id)}/members"
    return ids(path, "members", f"the contacts of list {list_id}", "last_changed", **params)


def _is_due(job: Job, row: Row) -> bool:
    moment = utc(row.get("submitted_at"))
    return job.lower is None or moment is None or moment >= job.lower


def _identity(row: Row) -> tuple[Any, ...]:
    names = ("activity_type", "created_at_timestamp", "thread_id", "survey_id", "message_text")
    return tuple(str(row.get(name)) for name in names)


def _keyed(walk: Iterable[Page], _: object) -> Iterator[Page]:
    """A feed as one page, each row with a key; those alike in all but their text are numbered."""
    pages = list(walk)
    rows = sorted((row for page in pages for row in page.rows), key=_identity)
    alike: Counter[str] = Counter()
    for row in rows:
        text = "\x1f".join(_identity(row)[:-1])
        alike[text] += 1
        digest = hashlib.sha256(f"{text}\x1f{alike[text]}".encode("utf-8", "surrogatepass"))
        row["activity_key"] = digest.hexdigest()
    yield Page(rows, any(page.is_dirty for page in pages), None)
