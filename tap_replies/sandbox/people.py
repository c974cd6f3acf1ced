"""The people of the sandbox and what they write, in several languages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from tap_replies.sandbox.chance import Dice


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a name, an address and a language."""

    number: int
    first: str
    last: str
    email: str
    language: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}".strip()

    @property
    def hash(self) -> str:
        """MD5 of the lower-cased address, which Mailchimp uses as the key of a subscriber."""
        return hashlib.md5(self.email.lower().encode(), usedforsecurity=False).hexdigest()


# Mailchimp's reference documents print this subscriber, hash 62eeb292278cc15f5817cb78f7790b08.
URIST = Person(-1, "Urist", "McVankab", "urist.mcvankab@freddiesjokes.com", "en")

_NAMES = (
    ("Amara", "Okafor", "amara.okafor", "en"),
    ("Björn", "Åkesson", "bjorn.akesson", "sv"),
    ("Chloé", "Lefèvre", "chloe.lefevre", "fr"),
    ("Dmitri", "Соколов", "dmitri.sokolov", "ru"),
    ("Eva", "Müller-Groß", "eva.mueller", "de"),
    ("فاطمة", "الزهراء", "fatima.zahra", "ar"),
    ("Günther", "Weiß", "g.weiss", "de"),
    ("花子", "山田", "hanako.yamada", "ja"),
    ("Ines", "D'Ângelo", "ines.dangelo", "pt"),
    ("José María", "Núñez", "jm.nunez", "es"),
    ("Katarzyna", "Wiśniewska", "k.wisniewska", "pl"),
    ("伟", "王", "wei.wang", "zh"),
    ("Marko", "Horvat", "marko.horvat", "en"),
    ("Niamh", "O'Sullivan", "niamh.osullivan", "en"),
    ("דנה", "כהן", "dana.cohen", "he"),
    ("Priya", "Raghunathan", "priya.r", "en"),
    ("Québec", "Tremblay", "q.tremblay", "fr"),
    ("", "Prince", "prince", "en"),
)
_DOMAINS = ("example.com", "example.org", "mail.example", "shop.example", "Example.net")

_GREETINGS = {
    "en": ("Hi,", "Hello there,", "Hey!"),
    "de": ("Guten Tag,", "Hallo zusammen,"),
    "fr": ("Bonjour,", "Bonsoir,"),
    "es": ("Hola,", "Buenos días:"),
    "pt": ("Olá,", "Bom dia,"),
    "sv": ("Hej!",),
    "ru": ("Здравствуйте!",),
    "pl": ("Dzień dobry,",),
    "ja": ("こんにちは。",),
    "zh": ("你好,",),
    "ar": ("مرحبا،",),
    "he": ("שלום,",),
}
_SENTENCES = {
    "en": (
        "The parcel came, but the blue one is missing.",
        "Could you tell me when the sale ends?",
        'I clicked "buy" twice & was charged 2 x 19.90 € — please check.',
        "Love the new look 🎉👩‍👩‍👧 keep going!",
        "Please send me the invoice again; my accountant needs it.",
        "Does size 42 run small?\tAsking for a friend.",
        "That code <SPRING> doesn't work: it says 'expired'.",
    ),
    "de": (
        "Können Sie die Rechnung auf die Straße „Am Weiß“ umschreiben?",
        "Die Größe passt leider nicht, ich möchte umtauschen.",
    ),
    "fr": (
        "Le colis n'est pas arrivé, où est-il passé ?",
        "C'est très beau, merci beaucoup ☀️",
    ),
    "es": ("¿Cuándo llega mi pedido?", "¡Qué rápido! Muchas gracias 😊"),
    "pt": ("Não recebi a confirmação da encomenda.", "Posso trocar por outra cor?"),
    "sv": ("Jag vill ändra leveransadressen.", "Tack för hjälpen förra veckan!"),
    "ru": ("Когда придёт мой заказ?", "Спасибо, всё получил."),
    "pl": ("Proszę o zmianę adresu dostawy.", "Żółta wersja jest świetna!"),
    "ja": ("注文した商品がまだ届きません。", "返品の方法を教えてください。"),
    "zh": ("我的订单什么时候发货?", "谢谢,已经收到了。"),
    "ar": ("أين طلبي؟ لم يصل بعد.", "شكرا جزيلا لكم."),
    "he": ("מתי תגיע ההזמנה שלי?", "תודה רבה!"),
}
_ANSWERS = (
    "Thanks for writing in. I looked it up and it left our warehouse yesterday.",
    "Sorry about that! A replacement is on its way, no need to send anything back.",
    "You're right, we charged you twice. The refund takes 3-5 days.",
    "Good news: the code works again until Sunday 🌞",
)
_REASONS = (
    "NORMAL (I no longer want to receive these emails)",
    "NOSIGNUP (I never signed up for this mailing list)",
    "INAPPROPRIATE (The emails are inappropriate)",
    "SPAM (The emails are spam and should be reported)",
    "None given",
    "",
    "Too many e-mails, sorry! 🙈",
    'Ich habe "nur" einmal bestellt; bitte löschen.',
    "もう必要ありません",
)
SUBJECTS = (
    "Where is my order",
    "Question about sizes",
    "Wrong colour",
    "Rechnung fehlt",
    "Merci !",
    "Refund please",
    "返品について",
    "Re: Spring sale - 20% off 🌷",
    "Address change",
    "Invoice 2209/B",
)


@lru_cache(maxsize=65536)
def person(seed: int, number: int) -> Person:
    """Return the person of that number; every account of a seed knows the same people."""
    dice = Dice(seed, 11, number)
    first, last, mailbox, language = dice.pick(_NAMES)
    return Person(number, first, last, f"{mailbox}{number}@{dice.pick(_DOMAINS)}", language)


def letter(writer: Person, dice: Dice, quoted: str = "") -> str:
    """Write a plain-text message as a customer would, sometimes with the quoted mail below."""
    greeting = dice.pick(_GREETINGS[writer.language])
    sentence = dice.pick(_SENTENCES[writer.language])
    extra = " " + dice.pick(_SENTENCES["en"]) if dice.one_in(3) else ""
    text = f"{greeting}\n\n{sentence}{extra}\n\n{writer.first or writer.last}"
    if dice.one_in(3):
        text += "\n-- \nSent from my phone"
    if quoted and dice.one_in(2):
        text += (
            f"\n\nOn Tue, Re: {quoted} wrote:\n> Dear {writer.first},\n>\n> our news of the week"
        )
    return text


def answer(agent: str, dice: Dice) -> str:
    """Write a plain-text message as a member of staff would."""
    return f"Hello,\n\n{dice.pick(_ANSWERS)}\n\nBest,\n{agent}"


def reason(dice: Dice) -> str:
    """Say why somebody left an audience; often nothing."""
    return dice.pick(_REASONS)


@lru_cache(maxsize=4096)
def as_html(text: str) -> str:
    """Turn plain text into the HTML a support inbox would show."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    paragraphs = escaped.split("\n\n")
    return "".join(f"<p>{part.replace(chr(10), '<br />')}</p>" for part in paragraphs)
