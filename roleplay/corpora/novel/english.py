"""English narration beside a quotation: "…," said Tom. / Tom said, "…" """

import re
from collections.abc import Mapping
from functools import cached_property

from roleplay.corpora.novel.cues import Cue
from roleplay.corpora.novel.names import Names

SAY = (
    r"(?:said|says|say|asked|asks|replied|replies|answered|answers|cried|called|shouted|whispered|muttered|"
    r"murmured|added|agreed|continued|went on|began|admitted|announced|explained|exclaimed|insisted|laughed|"
    r"sighed|snapped|growled|grumbled|remarked|observed|returned|told|repeated|offered|suggested|warned|wondered|"
    r"yelled|bellowed|breathed|declared|demanded|interrupted|joked|mumbled|protested|put in|cut in|broke in|"
    r"responded|retorted|roared|screamed|sobbed|stammered|teased|urged|chuckled|giggled|groaned|gasped|finished|"
    r"countered|corrected|conceded|confessed|croaked|drawled|echoed|guessed|hissed|inquired|enquired|mused|noted|"
    r"objected|ordered|pleaded|pointed out|prompted|reminded|ventured|volunteered|concluded|decided|reported|"
    r"promised|rejoined|rasped|barked|sang|read|pronounced|commanded|assured|advised|greeted|quoted|recited|lied)"
)
_PLACE = "(?:In|On|At|By|From|Behind|Under|Outside|Inside|After|Before|Across|Beside|Near|Through)"
_PRONOUN = r"(?:[Hh]e|[Ss]he|I)"
DETERMINER = r"(?:[Tt]he|[Aa]n?|[Hh]is|[Hh]er|[Mm]y|[Oo]ur|[Tt]heir|[Aa]nother|[Oo]ne)"
TITLE = r"(?:Mr|Mrs|Ms|Dr|St)\.?"
_SILENT = re.compile(
    r"(?:did not|didn['’]t|would not|wouldn['’]t|could not|couldn['’]t) (?:\w+ )?(?:answer|reply|speak|respond|"
    r"say|look up)|said nothing|was silent|fell silent|stared|made no (?:answer|reply)|blinked"
)
SENTENCE = re.compile(r"(?:(?:Mr|Mrs|Ms|Dr|St|Capt)\.|[^.!?…;])+[.!?…;]*")
_TOWARDS = re.compile(
    r"\b(?:to|at|with|for|of|by|from|behind|beside|towards?|after|before|than|like|past|near|over|told|asked|and|saw|let|made|watched)\s*$"
)


class English:
    """Who speaks, in a book that uses `names`."""

    pronouns = ("she", "he")

    def __init__(self, names: Names, genders: Mapping[str, str]) -> None:
        self.names = names
        self.genders = genders

    @cached_property
    def _person(self) -> str:
        return rf"(?:(?:{DETERMINER} )?(?P<name>{self.names.pattern})|(?P<pronoun>{_PRONOUN}))\b"

    @cached_property
    def _inverted(self) -> re.Pattern[str]:
        return re.compile(rf"\W*{SAY}(?: \w+ly)? {self._person}")

    @cached_property
    def _at_start(self) -> re.Pattern[str]:
        return re.compile(
            rf"\W*(?:(?:And|But|Then|So|Now|Still|Again|At last|Finally|Suddenly|Only|Even),? |"
            rf"{_PLACE} (?:[a-z'’-]+ ){{1,5}})?{self._person}"
        )

    @cached_property
    def _anywhere(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![\w'’-]){self._person}")

    @cached_property
    def _address(self) -> re.Pattern[str]:
        return re.compile(rf"(?:^|(?<=[,.!?—] ))(?:[Mm]y dear )?(?:{TITLE} )?({self.names.pattern})(?=[,.!?—…]|$)")

    def sentences(self, text: str) -> list[str]:
        """Sentences, each with the marks that end it."""
        return [part for part in SENTENCE.findall(text) if part.strip(" .!?…;,—-")]

    def before(self, text: str) -> Cue | None:
        """The subject of the last sentence before a quotation."""
        sentences = self.sentences(text[-400:].rstrip())
        if not sentences:
            return None
        last = sentences[-1].rstrip()
        told = last.endswith(":") or re.search(rf"\b{SAY}\b[^,.!?]{{0,40}}[,—-]?$", last) is not None
        match = self._speaking(last) if told else None
        for sentence in reversed(sentences[-4:]):
            earlier = self._subject(sentence) if match is None or match["pronoun"] else None
            if match is None or (earlier and self._stands_for(match, earlier, last)):
                match = earlier
        return None if match is None or (not told and _SILENT.search(last)) else _cue(match, told)

    def after(self, text: str) -> Cue | None:
        """The subject of the first sentence after a quotation."""
        first = next(iter(self.sentences(text[:300])), "")
        inverted = self._inverted.match(first)
        if inverted:
            return _cue(inverted, strong=True)
        match = self._subject(first)
        if match is None or _SILENT.search(first):
            return None
        verb = re.match(rf"(?:['’]s \w+)?(?:,? (?!that\b)[\w'’-]+){{0,4}}?,? {SAY}\b", first[match.end() :])
        return _cue(match, verb is not None)

    def called(self, text: str) -> frozenset[str]:
        """Speakers whom a quotation addresses by name."""
        return frozenset(self.names.speaker(name) for name in self._address.findall(text))

    def mentioned(self, text: str) -> frozenset[str]:
        """Speakers whose names stand in narration."""
        first = {"I"} if re.search(r"\bme\b", text) else set()
        return frozenset({self.names.speaker(name) for name in [*self.names.found.findall(text), *first]})

    def means(self, pronoun: str, name: str) -> bool:
        """Whether `pronoun` is one of the third person that can stand for `name`."""
        known = name not in self.pronouns and pronoun in self.pronouns
        return known and self.genders.get(self.names.speaker(name)) in (None, pronoun)

    def _stands_for(self, pronoun: re.Match[str], earlier: re.Match[str], sentence: str) -> bool:
        """Whether a pronoun can mean the subject of an earlier sentence, one that its own sentence does not mention."""
        name = earlier["name"]
        return name is not None and name not in sentence and self.means(pronoun["pronoun"].lower(), name)

    def _subject(self, sentence: str) -> re.Match[str] | None:
        """Who stands at the head of a sentence, or behind the comma of what introduces it."""
        match = self._at_start.match(sentence)
        if match is None and "," in sentence[:80]:
            match = self._at_start.match(sentence, sentence.index(",") + 1)
        return match

    def _speaking(self, sentence: str) -> re.Match[str] | None:
        """The person nearest to the verb of a sentence that ends in speech, other than whom it is said to."""
        for match in reversed(list(self._anywhere.finditer(sentence))):
            free = not _TOWARDS.search(sentence[: match.start()]) or sentence[: match.start()].endswith(" and ")
            if free and re.match(rf"(?: [\w'’-]+){{0,3}}? {SAY}\b", sentence[match.end() :]):
                return match
        return None


def _cue(match: re.Match[str], strong: bool) -> Cue:
    if match["name"]:
        return Cue(match["name"], False, strong)
    word = match["pronoun"]
    return Cue("I" if word == "I" else word.lower(), word != "I", strong)
