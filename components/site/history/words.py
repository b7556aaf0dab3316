"""What made-up people say: ordinary talk in six languages, and planted misconduct."""

from dataclasses import dataclass

GOODS = {
    "en": ("copper", "zinc", "nickel", "aluminium", "lead", "tin"),
    "de": ("Kupfer", "Zink", "Nickel", "Aluminium", "Blei", "Zinn"),
    "zh": ("铜", "锌", "镍", "铝", "铅", "锡"),
    "ko": ("구리", "아연", "니켈", "알루미늄", "납", "주석"),
    "ar": ("النحاس", "الزنك", "النيكل", "الألومنيوم", "الرصاص", "القصدير"),
    "ru": ("медь", "цинк", "никель", "алюминий", "свинец", "олово"),
}
"""By language; each has the same goods, in the same order."""

SAID = {
    "en": (
        "{good} {tons} t at {price}, firm until {hour}:00",
        "Can you do {price} for {tons} t of {good}?",
        "I take {tons} t at {price}.",
        "Warehouse says {tons} t of {good} are ready, lot {lot}.",
        "Morning! Anything on {good} today?",
        "The vessel is late, ETA Hamburg {hour}:00.",
        "Please send the assay for lot {lot}.",
        "Done, thanks. Confirmation follows under {lot}.",
        "Stocks are down {tons} t on the week.",
    ),
    "de": (
        "{good}: {tons} t zu {price}, gültig bis {hour} Uhr",
        "Geht {price} für {tons} t {good}?",
        "Ich nehme {tons} t zu {price}.",
        "Das Lager meldet {tons} t {good}, Los {lot}.",
        "Guten Morgen! Gibt es heute etwas bei {good}?",
        "Das Schiff verspätet sich, Ankunft {hour} Uhr.",
        "Bitte die Prüfbescheinigung für Los {lot}, möglichst früh.",
        "Erledigt, danke. Bestätigung folgt unter {lot}.",
    ),
    "zh": (
        "{good}{tons}吨,报价{price},有效到{hour}点",
        "{tons}吨{good},{price}可以吗?",
        "我要{tons}吨,价格{price}。",
        "仓库说{good}还有{tons}吨,批号{lot}。",
        "早上好!今天{good}有什么消息?",
        "船期延误,预计{hour}点到港。",
        "请把{lot}的检验证书发给我。",
        "成交,谢谢。确认书编号{lot}。",
    ),
    "ko": (
        "{good} {tons}톤을 {price}에, {hour}시까지 유효합니다",
        "{good} {tons}톤 {price}에 가능할까요?",
        "{tons}톤을 {price}에 사겠습니다.",
        "창고에서 {good} {tons}톤이 준비됐다고 합니다, 로트 {lot}.",
        "안녕하세요! 오늘 {good} 소식 있나요?",
        "배가 늦어져서 {hour}시에 도착합니다.",
        "로트 {lot}의 분석 증명서를 보내 주세요.",
    ),
    "ar": (
        "{good} {tons} طن بسعر {price} حتى الساعة {hour}",
        "هل يمكن {price} مقابل {tons} طن من {good}؟",
        "آخذ {tons} طن بسعر {price}.",
        "المستودع يقول إن {tons} طن من {good} جاهزة، الدفعة {lot}.",
        "صباح الخير! هل من جديد في {good} اليوم؟",
        "السفينة متأخرة، الوصول الساعة {hour}.",
    ),
    "ru": (
        "{good}, {tons} т по {price}, до {hour}:00",
        "Можно {price} за {tons} т, {good}?",
        "Беру {tons} т по {price}.",
        "Склад сообщает: {good}, {tons} т, партия {lot}.",
        "Доброе утро! Есть новости: {good}?",
        "Судно опаздывает, прибытие в {hour}:00.",
        "Пришлите, пожалуйста, сертификат на партию {lot}.",
    ),
}

EMOJIS = ("👍", "👀", "😂", "✅", "🙏", "👎🏽", "🇩🇪")


@dataclass(frozen=True, slots=True)
class Scene:
    """A piece of misconduct: what is said by turns, the first by whoever begins; `is_unsaid` then takes back the last.

    `edited` is what the last message said before it was corrected, if it was.
    """

    name: str
    language: str
    said: tuple[str, ...]
    is_unsaid: bool = False
    edited: str = ""


SCENES = (
    Scene(
        "front-running",
        "en",
        (
            "Client order coming, 500 lots of copper at the ring. Big one.",
            "Then I buy ours before it goes in.",
            "You did not hear that from me.",
        ),
        is_unsaid=True,
    ),
    Scene(
        "price-fixing",
        "en",
        ("Same premium as last month?", "Yes. Nobody goes under 95, agreed between us three.", "Agreed."),
    ),
    Scene(
        "off-channel",
        "en",
        ("Not here. Text me on my private number.", "ok, WhatsApp in five"),
        edited="ok, WhatsApp in five, delete this one",
    ),
    Scene(
        "gift",
        "en",
        ("The watch arrived, thank you. The contract is yours.", "Keep it off the books please."),
    ),
    Scene(
        "marking-the-close", "en", ("Push it over 9500 into the close, the option settles there.", "Will do.")
    ),
    Scene(
        "off-channel",
        "de",
        ("Lass uns das nicht hier besprechen.", "Ruf mich privat an, und lösch die Nachricht."),
        is_unsaid=True,
    ),
    Scene(
        "insider",
        "de",
        ("Die Hütte meldet morgen einen Ausfall, noch weiß es niemand.", "Dann kaufe ich heute."),
    ),
    Scene("gift", "zh", ("红包收到了,合同给你们。", "不要写在账上。")),
    Scene(
        "insider", "zh", ("明天公布减产,还没有人知道。", "那我今天先买进。"), edited="那我今天先买进五百吨。"
    ),
    Scene("price-fixing", "ko", ("우리끼리 가격을 맞춥시다.", "네, 아무도 구천 아래로 팔지 않기로 합시다.")),
    Scene("off-channel", "ko", ("여기서 말고 카카오톡으로 보내 주세요.", "네, 이 메시지는 지워 주세요.")),
    Scene("insider", "ar", ("سيعلن المصنع التوقف غدا ولا أحد يعرف.", "إذن أشتري اليوم قبل الإعلان.")),
    Scene("price-fixing", "ru", ("Держим одну цену, ниже девяти тысяч никто не продаёт.", "Договорились.")),
)

NEAR_SPELLINGS = {
    "whatsapp": ("whatsap", "whats app", "wh4tsapp", "watsapp", "Ｗｈａｔｓａｐｐ"),
    "guarantee": ("garantee", "guarante", "gaurantee", "guaranty"),
    "kickback": ("kick-back", "kikback", "k1ckback", "kickbakc"),
}
"""Words that somebody looks for, and how people write them who do not want to be found."""
