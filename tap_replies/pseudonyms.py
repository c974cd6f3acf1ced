"""What stands for a person: the same for whatever names that person."""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_REMEMBERED = 5_000
LONGEST_REMEMBERED = 200
"""How many values of how many characters are not hashed again when they come again."""

ADDRESS = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+")
ADDRESS_MD5 = re.compile(r"[0-9a-fA-F]{32}")
IP = re.compile(r"(\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F.]*:[0-9a-fA-F.]*:[0-9a-fA-F.:]*")
NUMBER = re.compile(r"\+?(?:[\s()./-]*\d){7,15}[\s()./-]*")
WORDLESS = re.compile(r"[0-9a-f]*\d[0-9a-f]*")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Pseudonyms:
    """What stands for a person: the same for whatever names that person, if the salt is the same.

    Each value is an HMAC-SHA-256 in hex, of which nobody without the salt can tell whose it is,
    not even by trying all addresses.
    """

    def __init__(self, salt: str) -> None:
        """Take the salt."""
        self._salt = salt.encode("utf-8", "surrogatepass")

    def plain(self, text: str) -> str:
        """Of a text as it is."""
        return hmac.digest(self._salt, text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def address(self, text: str) -> str:
        """Of an address: by its MD5, as some columns hold nothing but that."""
        known = text.strip().lower().encode("utf-8", "surrogatepass")
        return self.plain(hashlib.md5(known, usedforsecurity=False).hexdigest())

    def address_md5(self, text: str) -> str:
        """Of the MD5 of an address."""
        return self.plain(text.strip().lower())

    def name(self, text: str) -> str:
        """Of a name, or of the address or number that stands in its place."""
        bare = text.strip()
        if ADDRESS.fullmatch(bare):
            return self.address(bare)
        if NUMBER.fullmatch(bare):
            return self.phone(bare)
        return self.plain(" ".join(bare.casefold().split()))

    def phone(self, text: str) -> str:
        """Of a phone number, however it is written."""
        if not NUMBER.fullmatch(text.strip()):
            return self.plain(" ".join(text.casefold().split()))
        return self.plain("+" + "".join(filter(str.isdecimal, text)))

    def handle(self, text: str) -> str:
        """Of an id or a URL, which means what it means only as it is."""
        return self.address(text) if ADDRESS.fullmatch(text.strip()) else self.plain(text)

    def slug(self, text: str) -> str:
        """Of an id that may be made of words; one that has none tells nothing, and stays."""
        return text if WORDLESS.fullmatch(text) else self.plain(text)

    def anything(self, text: str) -> str:
        """Of a text of which nobody says what it is."""
        bare = text.strip()
        if IP.fullmatch(bare):
            return self.plain(bare)
        return self.address_md5(bare) if ADDRESS_MD5.fullmatch(bare) else self.name(bare)


class Free:
    """Objects with keys of anybody's choice, as JSON text."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        """Take what stands for people."""
        self._text = remembering(pseudonyms.anything)

    def text(self, text: str) -> str:
        """The JSON with each text and number in it veiled; a text that is none as one text.

        Raises:
            RecursionError: It is nested too deep.
        """
        try:
            value = _decode(text)
        except msgspec.DecodeError:
            return str(self._text(text))
        return _encode(self._value(value)).decode()

    def _value(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {self._key(key): self._value(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._value(each) for each in value]
        if value is None or isinstance(value, bool):
            return value
        return self._text(str(value))

    def _key(self, key: str) -> str:
        bare = key.strip()
        is_personal = "@" in bare or NUMBER.fullmatch(bare) or IP.fullmatch(bare)
        return str(self._text(key)) if is_personal else key


def remembering(stand_in: Callable[[str], str]) -> Callable[[Any], str | None]:
    """The same for any value: null for one that is no text, and quick for one that comes again."""
    known = lru_cache(MOST_REMEMBERED)(stand_in)

    def hide(value: Any) -> str | None:  # noqa: ANN401 - any JSON
        if type(value) is not str:
            return None
        return known(value) if len(value) <= LONGEST_REMEMBERED else stand_in(value)

    return hide
