"""What mail programs write around a message, in the languages they write it in."""

# ruff: noqa: E501, RUF001 -- one phrase a line; letters that look like Latin ones are not

from __future__ import annotations

import re


def _list(text: str) -> frozenset[str]:
    """What commas separate."""
    return frozenset(" ".join(text.split()).removesuffix(",").split(", "))


def _words(text: str) -> frozenset[str]:
    """What spaces separate."""
    return frozenset(text.split())


def _one_of(text: str) -> re.Pattern[str]:
    """An expression that matches what any of the lines does."""
    return re.compile("|".join(text.strip().split("\n")), re.IGNORECASE)


LABELS = {
    "from": _list(
        """
        from, von, de, van, da, od, fra, från, lähettäjä, от, від, од, від кого, 差出人, 送信者,
        发件人, 寄件者, 보낸 사람, 보낸사람, kimden, gönderen, feladó, odesílatel, από,
        expéditeur, remitente, remetente, mittente, afzender, nadawca, absender, de la, מאת, من
        """
    ),
    "sent": _list(
        """
        sent, date, gesendet, gesendet am, datum, envoyé, envoyé le, fecha, enviado, enviado el,
        enviado em, enviada em, enviada el, data, inviato, data invio, verzonden, verzonden op,
        wysłano, wysłane, data wysłania, skickat, sendt, dato, lähetetty, päivämäärä, päiväys,
        отправлено, дата, надіслано, 送信日時, 日時, 日付, 发送时间, 发送日期, 日期, 寄件日期,
        보낸 날짜, 보낸날짜, 날짜, gönderildi, gönderme tarihi, tarih, elküldve, dátum,
        odesláno, odoslané, trimis, στάλθηκε, ημερομηνία, sent at, נשלח, تاريخ الإرسال
        """
    ),
    "to": _list(
        """
        to, an, à, para, a, aan, do, till, til, vastaanottaja, кому, 宛先, 收件人, 받는 사람,
        받는사람, kime, alıcı, címzett, komu, pro, προς, destinatario, destinatário,
        destinataire, empfänger, către, אל, إلى
        """
    ),
    "copy": _list(
        """
        cc, bcc, kopie, copie, kopia, kopi, copia, cópia, dw, копия, копія, 抄送, 副本, 참조,
        bilgi, másolat, reply-to, antwort an, répondre à, responder a, rispondi a
        """
    ),
    "subject": _list(
        """
        subject, betreff, objet, asunto, assunto, oggetto, onderwerp, temat, tytuł, ämne, emne,
        aihe, тема, 件名, 主题, 主旨, 제목, konu, tárgy, předmět, predmet, θέμα, subiect, נושא,
        الموضوع
        """
    ),
}
"""The labels of a header block."""

ROLES = {label: role for role, labels in LABELS.items() for label in labels}

ORIGINAL = _list(
    """
    original message, original email, original mail, originalnachricht, original-nachricht,
    ursprüngliche nachricht, ursprüngliche mail, originale nachricht, original appointment,
    message d'origine, message original, message initial, mensaje original,
    mensagem original, messaggio originale, messaggio iniziale, oorspronkelijk bericht,
    oorspronkelijke bericht, origineel bericht, oryginalna wiadomość, wiadomość oryginalna,
    pierwotna wiadomość, ursprungligt meddelande, originalmeddelande, oprindelig meddelelse,
    original meddelelse, opprinnelig melding, originalmelding, alkuperäinen viesti,
    исходное сообщение, оригинальное сообщение, вихідне повідомлення, původní zpráva,
    pôvodná správa, eredeti üzenet, mesaj original, mesaj inițial, αρχικό μήνυμα,
    orijinal mesaj, özgün ileti, özgün mesaj, 元のメッセージ, オリジナルメッセージ, 原始邮件,
    邮件原件, 原始郵件, 원본 메시지, 원본메시지
    """
)

FORWARDED = _list(
    """
    forwarded message, forwarded mail, forwarded email, begin forwarded message,
    start of forwarded message, weitergeleitete nachricht, weitergeleitete mail,
    anfang der weitergeleiteten nachricht, anfang der weitergeleiteten e-mail,
    message transféré, message transmis, début du message transféré, début du message réexpédié,
    mensaje reenviado, inicio del mensaje reenviado, mensagem encaminhada,
    mensagem reencaminhada, início da mensagem encaminhada, início da mensagem reencaminhada,
    messaggio inoltrato, inizio messaggio inoltrato, inizio del messaggio inoltrato,
    doorgestuurd bericht, doorgestuurde bericht, begin doorgestuurd bericht,
    przekazana wiadomość, wiadomość przekazana, wiadomość przekazana dalej,
    treść przekazanej wiadomości, początek przekazywanej wiadomości,
    początek wiadomości przekazanej dalej, vidarebefordrat meddelande, vidarebefordrat brev,
    videresendt meddelelse, videresendt besked, start på videresendt besked,
    videresendt melding, videresendt e-post, välitetty viesti, välitetty viesti alkaa,
    пересылаемое сообщение, пересланное сообщение, переадресованное сообщение,
    начало переадресованного сообщения, начало пересылаемого сообщения, переслане повідомлення,
    přeposlaná zpráva, začátek přeposílané zprávy, továbbított üzenet, továbbított levél,
    mesaj redirecționat, προωθημένο μήνυμα, iletilen mesaj, yönlendirilmiş mesaj,
    iletilmiş mesaj başlangıcı, 転送メッセージ, 転送されたメッセージ, 转发邮件, 转发的邮件,
    以下是转发的邮件, 下面是被转发的邮件, 轉寄郵件, 전달된 메시지, 전달된 메일
    """
)

SENDING = _words(
    """
    sent get gesendet envoyé envoye télécharger obtenez obtenir enviado enviada obtener
    descargar obter inviato inviata scarica ottieni verstuurd verzonden wysłane wysłano pobierz
    skickat hämta sendt hent lähetetty hanki отправлено отправлен надіслано скачать odesláno
    odoslané trimis στάλθηκε beziehen downloaden holen
    """
)

DEVICES = _words(
    """
    iphone ipad ipod iphone'a ipada android samsung galaxy huawei xiaomi redmi oneplus
    blackberry windows outlook yahoo gmail gmx proton protonmail aol phone smartphone mobile
    mobil handy móvil movil celular celulare cellulare téléphone telephone telefoon telefon
    telefonu telefono teléfono telemóvel komórki tablet nokia motorola htc iphonu iphonesta
    ipadista телефона iphone-ul aquamail spark airmail
    """
)

FILLERS = _words(
    """
    from via with by using my the a for on of mail email e mobile device app secure apple ios
    von vom mit der dem meinem meiner mein unterwegs aus für wurde diese nachricht gerät web de
    depuis mon ma à partir l application pour un desde mi mis del para la o do meu minha da dal
    mio mia per il vanaf mijn voor z mojego mojej poczty aplikacji från min mitt til fra minun с
    моего моей устройства из з мого pe το μου από verizon vodafone orange mail's t telekom at
    t-mobile network wireless 4g 5g lte internet courrier correo posta poczta kompatibilis pixel
    sony xperia microsoft google lg
    """
)

VERBS = _one_of(
    r"""
\b(?:wrote|writes|a écrit|escribió|escreveu|va escriure|ha scritto|a scris|geschrieben|geschreven)(?: the following)?\W*$
\b(?:napisał|napisała|pisze|kirjoitti|napsala?|napísala?|írta|yazdı|έγραψε)(?:\(\w{1,2}\))?\W*$
\b(?:написала?|пишет|писал|пише|написав)(?:\(\w{1,2}\))?\W*$
\b(?:schrieb|schreef|skrev|skriver|ezt írta|wiadomość napisana przez)\b
(?:写道|寫道|写了|のメール|書きました|님이 작성)\W*$
"""
)
"""What somebody did who is quoted."""

OPENERS = _one_of(
    r"""
(?:on|am|le|el|op|il|em|no dia|dnia|w dniu|den|dne|dňa|στις|în|pe)\b.{0,40}?\d
[*"]?\d
\w{1,10}[.,]{0,2}\s?\d
wiadomość napisana przez\b
on (?:mon|tue|wed|thu|fri|sat|sun)\w{0,6},
"""
)
"""How the line begins that says who wrote what is quoted below, if not with who."""

REPLY_ABOVE = _one_of(
    r"""
(?:please )?(?:type|write|enter|add|put) (?:in )?your (?:reply|response|answer|comment|message) above this line(?: to (?:reply|respond))?
(?:please )?(?:reply|respond|answer|write|type) above this line(?: to (?:reply|respond|comment|add a comment))?
(?:please )?(?:do not|don't) (?:write|type|reply|respond|edit|enter)(?: anything)? below this line
(?:bitte )?(?:antworten|schreiben) sie (?:ihre antwort )?(?:bitte )?(?:oberhalb|über) diese[r]? (?:linie|zeile)
(?:bitte )?(?:oberhalb|unterhalb) dieser (?:linie|zeile) (?:nicht )?(?:antworten|schreiben)
(?:bitte )?(?:antworten|schreiben) sie (?:bitte )?nicht unterhalb dieser (?:linie|zeile)
(?:veuillez |merci de )?(?:répondre|répondez|écrire|écrivez|saisir votre réponse) au-dessus de cette ligne
(?:veuillez |merci de )?ne (?:pas écrire|pas répondre|rien écrire) (?:en dessous|au-dessous) de cette ligne
(?:por favor,? )?(?:escriba|escribe|responda|responde)(?: su| tu)?(?: respuesta)? (?:por encima|arriba) de esta línea
(?:por favor,? )?no (?:escriba|escribas|responda)(?: nada)? (?:por )?debajo de esta línea
(?:scrivi|scrivere|rispondi|rispondere)(?: la tua risposta| qui)? sopra (?:a )?questa (?:riga|linea)
(?:si prega di )?non scrivere (?:nulla )?sotto (?:a )?questa (?:riga|linea)
(?:por favor,? )?(?:escreva|responda|digite)(?: a)?(?: sua)?(?: resposta)? acima desta linha
(?:por favor,? )?não escreva abaixo desta linha
(?:gelieve |typ |schrijf )?(?:uw |je )?(?:antwoord|reageer|antwoorden) (?:hier)?boven deze (?:lijn|regel)(?: te typen)?
(?:prosimy |proszę )?(?:odpowiedz|odpowiedzieć|pisać) powyżej tej linii
(?:prosimy |proszę )?nie (?:pisać|odpowiadać) poniżej tej linii
この(?:行|線)より(?:上|下)に.{0,20}(?:ください|下さい)
"""
)
"""The line that help desks put on top of what they send, to find the answer again."""

DEVICE_LINES = _one_of(
    r"""
(?:iphone|ipad|android|スマートフォン|携帯|yahoo!?メール|outlook)[^。、]{0,16}から送信(?:されました)?
(?:发自|發自|来自|來自|寄自|傳自)我的 ?(?:iphone|ipad|android|手机|手機|华为手机)
(?:从|從)我的 ?(?:iphone|ipad|手机|手機) ?(?:发送|傳送)
(?:나의|내) (?:iphone|ipad|android|휴대폰)에서 보냄
iphone'u?m?[du]an gönderildi
elküldve az (?:iphone|ipad)-?\w{0,6}
"""
)
"""What devices sign with where words are not set apart."""
