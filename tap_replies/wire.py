"""One request over HTTP, and what its answer means."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as NoAnswerError

from tap_replies.answers import (
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
    from collections.abc import Callable, Mapping
    from urllib.parse import SplitResult

    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

    from tap_replies.answers import Document
    from tap_replies.limits import Clock, Limits
    from tap_replies.source import Api, Request

RETRIED = frozenset({408, 425, 429, *range(500, 600)})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 5
SUCCESS = 200
GOOD = range(SUCCESS, 400)

_NO_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    LocationValueError,
)


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
    """The HTTP connections of one credential."""

    def __init__(self, api: Api, label: str, limits: Limits, clock: Clock) -> None:
        """Prepare; there is a connection for each request that may be in flight."""
        self._api = api
        self._label = label
        self._limits = limits
        self._clock = clock
        self._session = requests.Session()
        # A proxy of the environment is for the vendor's host, not for a sandbox on loopback.
        self._session.trust_env = not api.base_url.lower().startswith("http:")
        self._adapter = HTTPAdapter(pool_connections=2, pool_maxsize=limits.max_connections)
        self._pools: dict[tuple[str, str], HTTPConnectionPool] = {}
        self._headers = {
            "User-Agent": limits.user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        }

    def get(self, request: Request, sent: Callable[[], None]) -> Document:
        """A good answer; `sent` is called for every request, redirected ones too.

        Raises:
            RetryError: There was no good answer, but there may be one later.
            TapRepliesError: The request was refused.
        """
        response, body = self._send(request, sent)
        if response.status not in GOOD:
            raise self._refusal(request, response, body)
        try:
            return document(body)
        except ValueError:
            raise RetryError(f"{response.status} without a JSON body") from None

    def _send(self, request: Request, sent: Callable[[], None]) -> tuple[BaseHTTPResponse, bytes]:
        url = self._url(request)
        given = {name: value for name, value in request.params.items() if value is not None}
        if given:
            url += f"{'&' if '?' in url else '?'}{urlencode(given, doseq=True)}"
        for _ in range(MOST_REDIRECTS):
            sent()
            try:
                deadline = time.monotonic() + self._limits.request_timeout
                response = self._answer(url, request.headers)
                if response.status >= SUCCESS and response.status not in REDIRECTS:
                    return response, read_body(response, deadline)
                response.close()  # what else comes of it would be taken for the next answer
                if response.status < SUCCESS:
                    raise RetryError(f"{response.status} without an answer")
                target = _target(url, response.headers.get("Location", ""))
            except (requests.exceptions.RequestException, HTTPError, OSError, ValueError) as error:
                raise self._failure(request, error) from None
            if target is None:
                msg = (
                    f"{self._label}: {request.about} was redirected to another host, which is "
                    "never followed (the credential would travel along); check the account's URL"
                )
                raise AccountError(msg)
            url = target
        msg = f"{self._label}: {request.about} was redirected more than {MOST_REDIRECTS} times"
        raise RequestFailedError(msg)

    def _answer(self, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """An answer whose body is still to be read."""
        place = urlsplit(url)
        query = f"?{place.query}" if place.query else ""
        return self._pool(place).urlopen(
            "GET",
            (place.path or "/") + query,
            headers={**self._headers, **self._api.headers, **headers},
            timeout=self._limits.request_timeout,
            retries=False,
            redirect=False,
            preload_content=False,
        )

    def _pool(self, place: SplitResult) -> HTTPConnectionPool:
        """The connections to a host, by the proxies and certificates of the environment.

        How requests finds these is what users know; but it would look for them, and merge its own
        settings, at each request, for as long as the request itself takes.
        """
        origin = place.scheme, place.netloc
        if (found := self._pools.get(origin)) is None:
            url = f"{place.scheme}://{place.netloc}/"
            asked = requests.Request("GET", url).prepare()
            how = self._session.merge_environment_settings(url, {}, None, None, None)
            trusted = DEFAULT_CA_BUNDLE_PATH if how["verify"] is True else how["verify"]
            pool = self._adapter.get_connection_with_tls_context(asked, trusted, how["proxies"])
            found = cast("HTTPConnectionPool", pool)
            self._pools[origin] = found
        return found

    def _failure(self, request: Request, error: Exception) -> Exception:
        """What is done about a request that had no answer."""
        host = self._host(request)
        is_late = isinstance(error, (TimeoutError, NoAnswerError))
        if is_late and not isinstance(error, NewConnectionError):
            is_slow = not isinstance(error, ConnectTimeoutError)
            return RetryError("no answer in time (request_timeout)", slow=is_slow)
        if isinstance(error, SSLError) and not is_broken_off(error):
            msg = (
                f"{self._label}: {host} has no trusted TLS certificate; check the URL and this "
                "machine's certificates"
            )
            return AccountError(msg)
        if isinstance(error, _NO_ADDRESS):
            return AccountError(f"{self._label}: {host} is not an address that can be asked")
        if is_unknown_host(error):
            return AccountError(f"{self._label}: there is no host {host}; check the settings")
        return RetryError(f"{host} {cause(error)}")

    def _refusal(self, request: Request, response: BaseHTTPResponse, body: bytes) -> Exception:
        """What is done about a request whose answer is not a good one."""
        status = response.status
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
    """Where a redirection leads, None if it is not to the same host; `ValueError` if nowhere."""
    target = urljoin(url, location)
    return target if urlsplit(target)[:2] == urlsplit(url)[:2] else None
