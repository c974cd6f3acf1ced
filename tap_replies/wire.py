"""One request over HTTP, and what its answer means."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError

from tap_replies.answers import (
    as_it_is,
    cause,
    decode,
    document,
    is_broken_off,
    is_unknown_host,
    read_body,
    retry_after_seconds,
)
from tap_replies.errors import AccountError, GoneError, RequestFailedError, StreamRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_replies.answers import Document
    from tap_replies.limits import Clock, Limits
    from tap_replies.source import Api, Request

RETRIED = frozenset({408, 425, 429, *range(500, 600)})
MOST_REDIRECTS = 5


class RetryError(Exception):
    """This try failed, the next may not.

    `after` is how many seconds the server asks to wait, `slow` that a smaller page may do, and
    `too_many` that fewer requests at once may do.
    """

    def __init__(
        self, reason: str, *, after: float | None = None, slow: bool = False, too_many: bool = False
    ) -> None:
        """Tell what happened."""
        super().__init__(reason)
        self.after = after
        self.slow = slow
        self.too_many = too_many


class Wire:
    """The HTTP session of one credential."""

    def __init__(self, api: Api, label: str, limits: Limits, clock: Clock) -> None:
        """Open a session with a connection for each request that may be in flight."""
        self._api = api
        self._label = label
        self._limits = limits
        self._clock = clock
        self._session = requests.Session()
        # A proxy of the environment is for the vendor's host, not for a sandbox on loopback.
        self._session.trust_env = not api.base_url.startswith("http:")
        # Otherwise a ~/.netrc entry for the host would replace the account's credential.
        self._session.auth = as_it_is
        adapter = HTTPAdapter(
            pool_connections=2, pool_maxsize=limits.max_connections, max_retries=0
        )
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.headers.update(
            {
                "User-Agent": limits.user_agent,
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
            }
        )

    def get(self, request: Request, sent: Callable[[], None]) -> Document:
        """A good answer; `sent` is called for every request, redirected ones too.

        Raises:
            RetryError: There was no good answer, but there may be one later.
            TapRepliesError: The request was refused.
        """
        response, body = self._send(request, sent)
        if not response.ok:
            raise self._refusal(request, response, body)
        try:
            return document(body)
        except ValueError:
            raise RetryError(f"{response.status_code} without a JSON body") from None

    def _send(self, request: Request, sent: Callable[[], None]) -> tuple[requests.Response, bytes]:
        url = self._url(request)
        headers = {**self._api.headers, **request.headers}
        params: Any = dict(request.params)
        for _ in range(MOST_REDIRECTS):
            sent()
            try:
                deadline = time.monotonic() + self._limits.request_timeout
                response = self._session.get(
                    url,
                    params=params,
                    headers=headers,
                    timeout=self._limits.request_timeout,
                    allow_redirects=False,
                    stream=True,
                )
                body = read_body(response, deadline)
            except (requests.exceptions.RequestException, HTTPError, OSError, ValueError) as error:
                raise self._failure(request, error) from None
            if response.status_code not in {301, 302, 303, 307, 308}:
                return response, body
            target = _target(url, response.headers.get("Location", ""))
            if target is None:
                msg = (
                    f"{self._label}: {request.about} was redirected to another host, which is "
                    "never followed (the credential would travel along); check the account's URL"
                )
                raise AccountError(msg)
            url, params = target, None
        msg = f"{self._label}: {request.about} was redirected more than {MOST_REDIRECTS} times"
        raise RequestFailedError(msg)

    def _failure(self, request: Request, error: Exception) -> Exception:
        """What is done about a request that had no answer."""
        host = self._host(request)
        if isinstance(error, (requests.exceptions.Timeout, TimeoutError, ReadTimeoutError)):
            is_slow = not isinstance(error, requests.exceptions.ConnectTimeout)
            return RetryError("no answer in time (request_timeout)", slow=is_slow)
        if isinstance(error, requests.exceptions.SSLError) and not is_broken_off(error):
            msg = (
                f"{self._label}: {host} has no trusted TLS certificate; check the URL and this "
                "machine's certificates"
            )
            return AccountError(msg)
        if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
            return AccountError(f"{self._label}: {host} is not an address that can be asked")
        if is_unknown_host(error):
            return AccountError(f"{self._label}: there is no host {host}; check the settings")
        return RetryError(f"{host} {cause(error)}")

    def _refusal(self, request: Request, response: requests.Response, body: bytes) -> Exception:
        """What is done about a request whose answer is not a good one."""
        status = response.status_code
        try:
            parsed, _ = decode(body)
        except ValueError:
            parsed = None
        problem = self._api.problem(status, parsed)
        is_json = isinstance(parsed, dict | list)
        if status in RETRIED or (status == 403 and not is_json):  # noqa: PLR2004
            after = retry_after_seconds(response.headers.get("Retry-After"), self._clock.time())
            return RetryError(
                problem.text,
                after=after,
                slow=status == 504,  # noqa: PLR2004
                too_many=status in {403, 429},
            )
        if status == 401 or problem.is_account:  # noqa: PLR2004
            host = self._host(request)
            return AccountError(f"{self._label}: {host} refused the account ({problem.text})")
        about = f"{self._label}: {request.about} was refused ({problem.text})"
        if status == 403:  # noqa: PLR2004
            return StreamRefusedError(about)
        if status in {404, 410}:
            return GoneError(about)
        return RequestFailedError(about)

    def _url(self, request: Request) -> str:
        is_absolute = request.path.startswith("https://")
        return request.path if is_absolute else self._api.base_url + request.path

    def _host(self, request: Request) -> str:
        return urlsplit(self._url(request)).netloc.rpartition("@")[2]


def _target(url: str, location: str) -> str | None:
    """Where a redirection leads, None if it is not to the same host."""
    try:
        target = urljoin(url, location)
        return target if urlsplit(target)[:2] == urlsplit(url)[:2] else None
    except ValueError:
        return None
