"""Hide whom a record is about, as the settings ask and its schema declares.

A schema says by `x-personal` what a text tells of a person. What becomes of each kind with
`personal_data: hash` (h), `personal_data: drop` (d) and `bodies: drop` (b):

``address``      h: the HMAC of its MD5, trimmed and in lower case; d: null
``address_md5``  h: the HMAC of that MD5, so the same as for the address; d: null
``name``         h: the HMAC without regard to case and spacing; d: null
``phone``        h: the HMAC of its digits after a `+`; d: null
``ip``           h: the HMAC as it is; d: null
``handle``       h: the HMAC as it is; d: null
``avatar``       h: the HMAC as it is; d: null
``free``         h: the HMAC of each text and number in it, and of telling keys; d: null
``location``     h, d: null
``secret``       h, d, b: null
``derived``      h, d, b: the HMAC, as the id is made of an address and a subject
``subject``      b: null
``body``         b: null
``slug``         b: the HMAC if it has words, as they are those of the subject
``none``         stays

A column of a key is never null: it is the HMAC where others are null. A name, a handle or a text
in a free object that looks like an address is taken for one, so it gives the address' value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_replies.pseudonyms import Free, Pseudonyms, remembering

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tap_replies.source import Account, Row

    Schema = Mapping[str, Any]
    Hide = Callable[[Any], Any]
    Veil = Callable[[Row], Row]

SHORTEST_SALT = 16
"""Characters."""

HASHES_WITH_CREDENTIALS = (
    "personal_data_salt: is not set, so keys that tell of a person or subject are hashed with the "
    "account's own key or token; with another one, rows that are read again have other keys"
)


def problems(config: Mapping[str, Any], accounts: Iterable[Account]) -> Iterator[str]:
    """What is wrong with the settings of privacy."""
    salt = config.get("personal_data_salt") or ""
    remedy = f"set a secret text of {SHORTEST_SALT} or more characters, and never change it"
    if salt and len(salt.strip()) < SHORTEST_SALT:
        yield f"personal_data_salt: is too short to keep the hashes from being guessed; {remedy}"
    elif config["personal_data"] == "hash" and not salt:
        yield f"personal_data_salt: is missing; personal_data: hash needs it: {remedy}"
    elif hashes_with_credentials(config):
        for account in accounts:
            if not _credentials(account):
                yield (
                    f"personal_data_salt: is missing; keys are hashed, and {account.label} has no "
                    f"secret to do it with: {remedy}"
                )


def hashes_with_credentials(config: Mapping[str, Any]) -> bool:
    """Whether keys are hashed although the settings give no salt."""
    drops = "drop" in {config["personal_data"], config["bodies"]}
    return drops and not config.get("personal_data_salt")


def _credentials(account: Account) -> str:
    """The account's secrets: who has them can read its data anyway."""
    names = (one.name for one in account.source.account_settings if one.secret)
    return "\n".join(str(account.values[name]) for name in names if account.values.get(name))


class Privacy:
    """What the settings hide."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take the settings."""
        self._people: str = config["personal_data"]
        self._drops_bodies = config["bodies"] == "drop"
        self._salt: str = config.get("personal_data_salt") or ""

    def veil(
        self, declared: Schema, emitted: Schema, account: Account, changed: Counter[str]
    ) -> Veil | None:
        """What makes an account's records fit to be shown; None if they are as they are.

        `declared` is the schema that says what is personal, `emitted` the one that records were
        cleaned by: what it alone has is taken for personal. What could not be veiled, and became
        null instead, is counted in `changed`.
        """
        if self._people == "keep" and not self._drops_bodies:
            return None
        pseudonyms = Pseudonyms(self._salt or _credentials(account))
        compiler = _Compiler(self._people, pseudonyms, changed, drops_bodies=self._drops_bodies)
        return compiler.object(declared, emitted, "")


class _Compiler:
    """Finds what each property is hidden by."""

    def __init__(
        self, people: str, pseudonyms: Pseudonyms, changed: Counter[str], *, drops_bodies: bool
    ) -> None:
        persons = {
            "address": remembering(pseudonyms.address),
            "address_md5": remembering(pseudonyms.address_md5),
            "name": remembering(pseudonyms.name),
            "phone": remembering(pseudonyms.phone),
            "ip": remembering(pseudonyms.plain),
            "handle": remembering(pseudonyms.handle),
            "avatar": remembering(pseudonyms.plain),
        }
        # A link to a conversation has its slug in it, and so the words of its subject.
        self._hides: dict[str, Hide] = {"derived": _text_only(pseudonyms.plain), "secret": _drop}
        self._keys: dict[str, Hide] = {}
        self._free: Free | None = None
        if people != "keep":
            self._hides |= dict.fromkeys((*persons, "free", "location"), _drop)
            self._keys = persons
        if people == "hash":
            self._hides |= persons
            self._free = Free(pseudonyms)
        if drops_bodies:
            self._hides |= {"subject": _drop, "body": _drop, "slug": _text_only(pseudonyms.slug)}
        self._changed = changed

    def object(self, declared: Schema, emitted: Schema, path: str) -> Veil | None:
        """What hides the properties of an object; None if there is nothing to hide."""
        known = declared.get("properties", {})
        fields = [
            (name, hide)
            for name, definition in emitted.get("properties", {}).items()
            if (hide := self._property(known.get(name), definition, path + name))
        ]

        def veil(record: Row) -> Row:
            veiled = record.copy()
            for name, hide in fields:
                if record.get(name) is not None:
                    veiled[name] = hide(record[name])
            return veiled

        return veil if fields else None

    def _property(self, declared: Schema | None, emitted: Schema, path: str) -> Hide | None:
        if declared is None:
            return _drop
        if "properties" in declared:
            return _within(self.object(declared, emitted, f"{path}."))
        if "items" in declared:
            return _each(self._property(declared["items"], emitted.get("items", {}), f"{path}[]"))
        kind = declared.get("x-personal", "none")
        if kind == "free" and (free := self._free):
            return lambda value: self._veiled(free, value, path)
        is_key = "null" not in declared["type"]
        return self._keys.get(kind) if is_key and kind in self._keys else self._hides.get(kind)

    def _veiled(self, free: Free, value: Any, path: str) -> str | None:  # noqa: ANN401 - any JSON
        try:
            return free.text(value) if type(value) is str else None
        except RecursionError:
            self._changed[f"depth {path}"] += 1
            return None


def _drop(_: Any) -> None:  # noqa: ANN401 - any JSON
    return None


def _within(veil: Veil | None) -> Hide | None:
    """The same for a value that should be an object."""
    return (lambda value: veil(value) if type(value) is dict else None) if veil else None


def _each(hide: Hide | None) -> Hide | None:
    """The same for each item of an array; where nothing is left, there is no array either."""
    if hide is None or hide is _drop:
        return hide

    def veil(items: Any) -> list[Any] | None:  # noqa: ANN401 - any JSON
        if type(items) is not list:
            return None
        return [each for each in map(hide, items) if each is not None]

    return veil


def _text_only(stand_in: Callable[[str], str]) -> Hide:
    """Nothing but a text can hold what stands in for it."""
    return lambda value: stand_in(value) if type(value) is str else None
