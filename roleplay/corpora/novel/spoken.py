"""Which quotations are speech, and which are titles, emphasised words, thoughts or writing."""

import re

from roleplay.corpora.novel import chinese, english
from roleplay.corpora.novel.paragraphs import CJK, Language

_END_ZH = tuple("。！？…—～!?，、；：.,~")
_END_EN = tuple(".,!?…—–-~;:")
_WRITTEN_ZH = re.compile(
    "(?:[写刻印题标贴绣签](?:(?:着|了|有|道|的是)[^，。]{0,6})?[：:]|[写刻印题标贴绣签](?:着|了|有|道|的是)|"
    "读作|念作|署名|名为|叫做|叫作)$"
)
_THOUGHT_ZH = re.compile("(?:心想|想道|暗想|心道|暗道|寻思|心里想|心中想|想着)[，：:]?$")
_THINKS_ZH = re.compile("[^，。]{0,8}(?:心想|暗想|想道|寻思|想着|暗道)")
_VERB_ZH = re.compile("(?:说|道|问|答|喊|叫|嚷|吼|骂|叹|声|[了一]句|[：:，,—])$")
_TAGGED_ZH = re.compile(f"[，,]?[^，。！？：“]{{0,10}}?{chinese.SAY}(?![过的起])")
_WRITTEN_EN = re.compile(
    r"\b(?:sign|letter|note|label|plate|poster|page|book|poem|song|title|card|paper|notice|wrote|written|writes|titled|entitled|"
    r"labelled|labeled|marked|named|called|nicknamed|spelled|spelt|printed|painted|stencilled|inscribed|headed|words?)\b[^.!?\"“”]{0,40}$",
    re.I,
)
_THINKS_EN = re.compile(r"\W*(?:\w+ )?(?:he|she|I|[A-Z]\w+) thought\b|\W*thought (?:he|she|I|the \w+|[A-Z]\w+)")
_THOUGHT_EN = re.compile(r"\bthought(?: to (?:him|her|my)self)?[,:]?$")
_VERB_EN = re.compile(rf"\b{english.SAY}$")
_TAGGED_EN = re.compile(rf"[\s,]*(?:{english.SAY}\b|(?:he|she|I|the \w+|[A-Z]\w+) (?:\w+ly )?{english.SAY}\b)")


def is_speech(text: str, before: str, after: str, language: Language) -> bool:
    """Whether the quotation `text` is spoken, by what it ends in and what stands around it in its paragraph."""
    before, after = before[-120:].rstrip(), after[:120]
    if not before and not after.strip():
        return True
    return _chinese(text, before, after) if language == "zh" else _english(text, before, after)


def _chinese(text: str, before: str, after: str) -> bool:
    if _THOUGHT_ZH.search(before) or _WRITTEN_ZH.search(before) or _THINKS_ZH.match(after):
        return False
    tagged = _TAGGED_ZH.match(after) is not None
    glued = re.search(f"[{CJK}A-Za-z0-9、》”』」]$", before) is not None
    if glued and not _VERB_ZH.search(before):
        return tagged and text.endswith(_END_ZH)
    return text.endswith(_END_ZH) or tagged or before.endswith(("：", ":"))


def _english(text: str, before: str, after: str) -> bool:
    if _THOUGHT_EN.search(before) or _THINKS_EN.match(after):
        return False
    if before and before[-1] not in ".!?…" and _WRITTEN_EN.search(before):
        return False
    if re.search(r"[\w'’]$", before):
        return _VERB_EN.search(before) is not None
    return text.endswith(_END_EN) or _TAGGED_EN.match(after) is not None
