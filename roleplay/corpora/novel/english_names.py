"""Which words name people in an English book."""

import re
from collections import Counter

from roleplay.corpora.novel.english import DETERMINER, SAY, SENTENCE, TITLE

_CAPITAL = r"[A-Z][\w]*(?:['’-][A-Z]\w+)*"
_NAME = rf"(?:{TITLE} )?{_CAPITAL}(?: (?:de |van |von |of )?{_CAPITAL}){{0,2}}"
_INVERTED = re.compile(rf"\W*{SAY}(?: \w+ly)? (?:{DETERMINER} (?P<role>[a-z-]+(?: [a-z-]+){{0,3}})|(?P<name>{_NAME}))")
_PLAIN = re.compile(
    rf"\W*(?:{DETERMINER} (?P<role>[a-z-]+(?: [a-z-]+){{0,2}})|(?P<name>{_NAME})) "
    rf"(?:\w+ly |only |just |then |at last |[a-z]+ and )?{SAY}\b"
)
_TITLED = re.compile(
    rf"\W*(?:{TITLE}|Miss|Sir|Lady|Lord|Captain|Sergeant|Aunt|Uncle|Father|Sister|Professor|Inspector) [A-Z]"
)
_TITLES = {"doctor": "Dr"}
# What people are called who have no name.
_PERSON = (
    "(?:man|woman|boy|girl|child|lady|gentleman|captain|doctor|sergeant|inspector|constable|officer|soldier|colonel|major|general|"
    "priest|vicar|nun|monk|king|queen|prince|princess|duke|duchess|lord|mother|father|aunt|uncle|brother|sister|grandmother|"
    "grandfather|son|daughter|wife|husband|widow|nurse|cook|maid|butler|driver|gardener|teacher|professor|clerk|baker|butcher|"
    "farmer|fisherman|ferryman|sailor|stranger|visitor|landlord|landlady|innkeeper|witch|wizard|thief|guard|porter|judge|lawyer|"
    "mayor|smith|miller|painter|librarian|shopkeeper|waiter|waitress|conductor|pilot|keeper)"
)
_HEAD = re.compile(
    rf"\W*(?:(?:The|My|Our|His|Her|An?) (?P<role>(?:[a-z-]+ )?{_PERSON})|(?P<name>{_NAME})) "
    r"(?=[a-z]+\b)(?!of\b|and\b|in\b|on\b|at\b)"
)
# Where the words for a person end: "said the old man in the doorway".
_ROLE_END = re.compile(
    r" (?:\w+ly|in|on|at|to|from|with|by|of|as|and|but|who|whom|that|when|while|without|into|over|through|behind|"
    r"before|after|for|up|down|out|again|back|now|then|once|next|still|just|only|too|softly|aloud|because|if|so|"
    r"not|had|has|was|were|is|would|could|did)\b.*"
)
_NO_NAME = re.compile(
    "He|She|It|They|We|You|I|The|A|An|This|That|These|Those|There|Then|But|And|Or|So|If|When|While|After|Before|"
    "As|At|In|On|For|From|With|Without|To|Of|By|What|Why|Where|Who|How|Yes|No|Not|Nobody|Everyone|Someone|"
    "Something|Nothing|Now|Here|His|Her|Its|My|Our|Their|Your|All|Both|Each|One|Two|Three|Somebody|Anyone|Even|"
    "Still|Again|Perhaps|Maybe|Well|Oh|Once|Only|Just|Later|Soon|Finally|Suddenly|Outside|Inside|Behind|Below|"
    "Above|Beside|Instead|Neither|Either|Somewhere|Everything"
)
_ROLE_NOT = re.compile(
    r".*\b(?:words?|voice|line|question|answer|sign|letter|note|silence|door|time|way|thing|sentence|while|moment)"
)
_WOMAN = re.compile(
    r"(?:Mrs|Ms|Miss|Lady|Madam|Aunt|Sister|Queen|Princess|Mother)\b.*|.*\b(?:woman|girl|mother|aunt|sister|wife|widow|lady|daughter|queen|grandmother|maid|nurse)"
)
_MAN = re.compile(
    r"(?:Mr|Sir|Lord|Uncle|Father|King|Prince|Brother)\b.*|.*\b(?:man|boy|father|uncle|brother|husband|gentleman|son|king|grandfather|lad|fellow)"
)


def mine(narrations: list[list[str]]) -> Counter[str]:
    """Words that name people, weighed by how often they stand where a speaker would, and more beside a verb of speech.

    `narrations` holds, for every paragraph, the narration before, between and after its quotations.
    """
    found: Counter[str] = Counter()
    for gaps in narrations:
        for i, gap in enumerate(gaps):
            sentences = SENTENCE.findall(gap[:2000])
            match = (_INVERTED.match(gap[:160]) or _PLAIN.match(gap[:160])) if i else None
            if match is None and i < len(gaps) - 1 and sentences and gap.rstrip().endswith((",", ":")):
                match = _PLAIN.match(sentences[-1])
            if match:
                found.update(dict.fromkeys(_candidate(match), 3))
            for head in filter(None, map(_HEAD.match, sentences)):
                known = 3 if head["role"] and len(gaps) > 1 else 2 if _TITLED.match(head.group()) else 1
                found.update(dict.fromkeys(_candidate(head), known))
    return Counter({name: count for name, count in found.items() if count >= (2 if " " in name else 3)})


def _candidate(match: re.Match[str]) -> list[str]:
    if match["name"]:
        return [] if _NO_NAME.fullmatch(match["name"].split()[0]) else [match["name"]]
    role = _ROLE_END.sub("", match["role"])
    return [] if _ROLE_NOT.fullmatch(role) or role.endswith("ly") else [role]


def short_forms(names: Counter[str]) -> dict[str, str]:
    """Tom, Mr. Harker, the captain and the doctor -> the one longer name that holds their word."""
    holding: dict[str, set[str]] = {}
    for name in names:
        for word in set(name.replace(".", "").split()) if " " in name else ():
            holding.setdefault(word, set()).add(name)
    found: dict[str, str] = {}
    for short in names:
        bare = re.sub(rf"^{TITLE} ", "", short)
        keys = (bare, _TITLES.get(bare, bare.capitalize()))
        whole = {name for key in keys for name in holding.get(key, ())} - {short, bare}
        if len(whole) == 1:
            found[short] = whole.pop()
    return found


def title_gender(name: str) -> str | None:
    """The pronoun that a name's own words ask for."""
    if _WOMAN.fullmatch(name):
        return "she"
    return "he" if _MAN.fullmatch(name) else None
