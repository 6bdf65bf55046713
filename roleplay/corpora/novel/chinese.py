"""Chinese narration beside a quotation: “…”林夏说。 / 林夏笑道：“…”"""

import re
from collections.abc import Mapping
from functools import cached_property

from roleplay.corpora.novel.cues import Cue
from roleplay.corpora.novel.names import Names

SAY = (
    "(?:说|道(?![人长士姑路理])|问|答|喊|叫|嚷|吼|骂|叹|劝|嘀咕|嘟囔|咕哝|喃喃|念叨|唠叨|解释|补充|提醒|开口|插嘴|插话|反驳|吩咐|命令|宣布|介绍|"
    "感慨|抱怨|建议|承认|坚持|低语|耳语|打断|接话|接口|接过话|接着|附和|央求|恳求|催|夸|赞|哼|出声|搭话|搭腔|招呼|重复|纠正|"
    "应声|应了|应和|回应|回了|回他|回她|嘱咐|叮嘱|安慰|调侃|打趣|开玩笑|声音|嗓音|语气|告诉|笑)"
)
_PRONOUNS = "[她他](?!们)"
_FIRST = "我(?!们)"
# What may stand before the subject of a clause.
_LEAD_IN = re.compile(
    "(?:[而但却可那还又便就]|这时候?|此时|这会儿|忽然|突然|于是|然后|接着|随后|后来|最后|终于|只见|只?听见?|就听见?|听到|半晌|许久|"
    "良久|片刻|过了[^，]{1,4}|[^，]{1,9}[的时后]是?|[^，]{1,5}的人是|一旁|旁边|身后|对面|门口|倒是|还是|连|只有|原来|[一这那]个|[一这那][位名]){0,4}"
)
_OBJECT = re.compile(
    "(?:对着?|向着?|朝着?|跟|和|与|同|给|替|问起?|告诉|叫|喊|看着?|看了看|看了一眼|望着?|望了望|望向|看向|瞪着?|瞪了|递给|拉住|"
    "拍拍|劝|冲着?|把|被|为|像|学着|想起|盯着|转向|等|打断|提醒|安慰|扶着?|指着?|拦住)$"
)
_SILENT = re.compile(
    "(?:没有?|不再?|未曾?)(?:再|有|马上|立刻|立即|直接|接着)?(?:说话|回答|答话|答应|答|吭声|作声|做声|出声|开口|接话|接腔|言语|理会|理|应声|应)"
    "|沉默|愣[了住在]|怔[了住]|一愣|一怔|呆住|闻言|[听闻][了完到]"
)
SENTENCE = re.compile(r"[^。！？!?；;…]+[。！？!?；;…]*")


class Chinese:
    """Who speaks, in a book that uses `names`."""

    pronouns = ("她", "他")

    def __init__(self, names: Names, genders: Mapping[str, str]) -> None:
        self.names = names
        self.genders = genders

    @cached_property
    def _mention(self) -> re.Pattern[str]:
        return re.compile(f"{self.names.pattern}|{_PRONOUNS}|{_FIRST}")

    @cached_property
    def _address(self) -> re.Pattern[str]:
        return re.compile(rf"(?:^|(?<=[，,。！？!?…—\s]))({self.names.pattern})(?=[，,！!。？?…—~～]|$)")

    def sentences(self, text: str) -> list[str]:
        """Sentences, each with the marks that end it."""
        return [part for part in SENTENCE.findall(text) if part.strip()]

    def before(self, text: str) -> Cue | None:
        """The subject of the last sentence before a quotation."""
        sentences = self.sentences(text[-200:].rstrip())
        if not sentences:
            return None
        last = sentences[-1]
        told = tells(last)
        clauses = re.split("[，,]", last.rstrip("：:，,。！？!?；;…"))
        word = self._speaking(clauses[-1]) if told else None
        for clause in reversed(clauses):
            word = word or self._subject(clause)
        for sentence in reversed(sentences[-4:-1]):
            earlier = self._sentence_subject(sentence) if word is None or word in self.pronouns else None
            word = earlier if word is None or (earlier and self.means(word, earlier) and earlier not in last) else word
        return None if word is None or (not told and _SILENT.search(last)) else self._cue(word, told)

    def after(self, text: str) -> Cue | None:
        """The subject of the first sentence after a quotation."""
        first = next(iter(self.sentences(text[:120])), "").lstrip("，,—… ")
        word = self._sentence_subject(first)
        if word is None or _SILENT.search(first):
            return None
        at = first.index(word)
        return self._cue(word, re.search(SAY, first[at : at + 24]) is not None or first[:at].endswith("是"))

    def called(self, text: str) -> frozenset[str]:
        """Speakers whom a quotation addresses by name."""
        return frozenset(self.names.speaker(name) for name in self._address.findall(text))

    def mentioned(self, text: str) -> frozenset[str]:
        """Speakers whose names stand in narration."""
        first = ["我"] if re.search(_FIRST, text) else []
        return frozenset(self.names.speaker(name) for name in [*self.names.found.findall(text), *first])

    def means(self, pronoun: str, name: str) -> bool:
        """Whether `pronoun` is one of the third person that can stand for `name`."""
        known = name not in self.pronouns and pronoun in self.pronouns
        return known and self.genders.get(self.names.speaker(name)) in (None, pronoun)

    def _cue(self, word: str, strong: bool) -> Cue:
        return Cue(word, word in self.pronouns, strong)

    def _sentence_subject(self, sentence: str) -> str | None:
        clauses = re.split("[，,]", sentence.rstrip("。！？!?；;…："))
        return next((word for word in map(self._subject, clauses[:3]) if word), None)

    def _subject(self, clause: str) -> str | None:
        match = self._mention.search(clause)
        if match is None or not _LEAD_IN.fullmatch(clause[: match.start()][:24]):
            return None
        return None if _OBJECT.search(clause[: match.start()]) else match.group()

    def _speaking(self, clause: str) -> str | None:
        """The mention nearest to the verb of a clause that ends in speech, other than whom it is said to."""
        for match in reversed(list(self._mention.finditer(clause))):
            if not _OBJECT.search(clause[: match.start()]) and re.search(SAY, clause[match.end() :]):
                return match.group()
        return None


def tells(sentence: str) -> bool:
    """Whether a sentence before a quotation announces speech: by a colon, or by a verb at its open end."""
    return sentence.endswith(("：", ":")) or re.search(rf"{SAY}[^，。！？…]{{0,6}}[，,]?$", sentence) is not None
