"""Which words name people in a Chinese book."""

import re
from collections import Counter
from collections.abc import Iterator

from roleplay.corpora.novel.chinese import SAY, SENTENCE, tells

# What people are called who have no name, or behind a surname.
_PERSON = (
    "(?:女人|男人|老人|年轻人|中年人|黑衣人|机器人|主持人|负责人|女子|男子|汉子|孩子|女孩|男孩|女孩子|男孩子|少年|少女|青年|姑娘|小姐|小伙子|"
    "老板娘|老板|掌柜|伙计|店小二|店主|店员|道人|道士|道长|老道|和尚|师太|老头子?|老者|老汉|老太太|太太|先生|夫人|公子|少爷|丫鬟|丫头|"
    "大夫|医生|护士|老师|师傅|师父|师兄|师姐|师弟|师妹|教授|校长|主任|经理|秘书|警官|警察|侦探|队长|船长|司机|邮差|房东|房客|邻居|"
    "记者|律师|法官|将军|士兵|侍卫|侍女|管家|管事|仆人|太监|皇帝|皇上|皇后|公主|王子|王爷|国王|女王|国师|宰相|大人|县令|捕头|"
    "外婆|外公|奶奶|爷爷|婆婆|公公|妈妈|爸爸|母亲|父亲|大娘|大妈|大爷|大叔|大婶|阿姨|叔叔|伯伯|舅舅|姑姑|姨妈|哥哥|姐姐|弟弟|妹妹|"
    "大哥|大姐|那人|来人|众人|大家|对方)"
)
_PERSONS = re.compile(rf"(?P<name>[\u4e00-\u9fff·]{{0,2}}?{_PERSON})(?!们|家里?的)")
_LEAD_IN = re.compile(
    "(?:[而但却可]|这时候?|此时|忽然|突然|于是|然后|接着|随后|最后|终于|只见|只?听见?|听到|[^，]{1,8}的(?!声音|嗓音|语气|话)|"
    "[一这那另]个|[一这那][位名]|门外|身后|旁边|对面|[这那](?!人))?"
)
# What follows a name: verbs and adverbs by their first characters.
_VERBS = (
    "说问答喊叫嚷吼骂叹劝回应笑哼哭嘀嘟咕喃解补提开插反追吩宣接低轻冷淡慢缓急忙连赶立忽突又也却还才就便只都终已正仍再先则"
    "不没一在从对向朝把被将给跟和与用拿抬摇点看望盯瞪瞥转走站坐停想皱挑眨伸拍拉推放收指捧端抱靠蹲跑凑探压咬红沉愣顿松耸擦揉"
    "握挥打翻合吸呼清苦微高平认懒无好很似像仿是了着地得忍听惊吓吃喘弯扬扭举扯扑咧噗嘻嘿哈怒瞧瞅挤撇拦掏搁抿捏提缩躺倚垂闭"
    "睁学装故依始真更挺略稍渐直当顺见有正来去到进出起传鞠撑念附板犹"
)
_SHORTEST = re.compile(
    rf"(?P<name>[\u4e00-\u9fff·]{{2,4}}?)(?=[{_VERBS}，]|的[声嗓语]|道(?![人长士姑])|大[怒笑喜惊声叫喝吼]|小[声心]|柔声|悄悄|{SAY}|$)"
)
_NO_NAME = re.compile(
    ".*[你您它她他咱们这那什怎谁啊吗呢吧么几每某说问答笑喊着了过给把被的得].*|.*(?<!老)道(?![人长士姑]).*|(.)\\1|"
    "(?:话音|声音|语气|目光|眼神|气氛).*|[我其此但而于然接随便因所如虽并最两哪一只有没又也都就还看听见头紧].*|"
    ".*(?:声|音|气|候|间|话|时|后|眼|手|脸|头|心|口|嘴|句|面|边|里|上|下|天)|忽然|突然|终于|半晌|良久|许久|片刻|沉默|回答|声调"
)
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜"
    "范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文宁兰柳甘祝裘霍柏关鲁温葛屈项单柯卓梅楚燕简"
    "欧慕司诸上阿老小"
)
_STICKY = 0.8
"""Share of a word's places where one character follows, from which on it belongs to the word."""
_GENDERS = (
    ("她", re.compile(".*(?:女|女人|女孩|女子|姑娘|娘|婶|姐|妹|婆|奶奶|妈|母亲|太太|小姐|夫人|姨|嫂|公主)")),
    ("他", re.compile(".*(?:男人|男孩|男子|爷|叔|伯|哥|弟|公子|先生|老头|汉|汉子|和尚|少爷|爸|父亲|爹|舅|丈)")),
)

Heads = Counter[str]
"""How often clauses of the narration begin with a word of two to five characters."""


def mine(narrations: list[list[str]]) -> Counter[str]:
    """Words that name people, weighed by how often they stand where a speaker would.

    `narrations` holds, for every paragraph, the narration before, between and after its quotations.
    """
    heads: Heads = Counter(
        start[:length]
        for gaps in narrations
        for gap in gaps
        for clause in re.split("[，。！？；：…,!?;:]", gap)
        if (start := _start(clause))
        for length in range(2, min(len(start), 5) + 1)
    )
    found: Counter[str] = Counter()
    for gaps in narrations:
        for clauses, weight in _beside(gaps):
            name = next(filter(None, (_name(_start(clause), heads) for clause in clauses)), None)
            if name is not None:
                found[name] += weight + (name[0] in _SURNAMES or _PERSONS.fullmatch(name) is not None)
    return Counter(
        {
            name: count
            for name, count in found.items()
            if count >= 3 and not any(2 * found[name[:end]] >= max(count, 6) for end in range(2, len(name)))
        }
    )


def _start(clause: str) -> str:
    """A clause from where its subject would begin."""
    clause = clause.strip()
    match = _LEAD_IN.match(clause)
    return clause[match.end() :] if match else clause


def _beside(gaps: list[str]) -> Iterator[tuple[list[str], int]]:
    """Clauses to look for a subject in, the best first, and the weight of one found there: more beside speech."""
    for i, gap in enumerate(gaps):
        parts = SENTENCE.findall(gap[-120:].rstrip())
        if i < len(gaps) - 1 and parts:
            clauses = re.split("[，,]", parts[-1].rstrip("：:，,。！？!?；;…"))
            yield [clauses[-1], *clauses], 3 if tells(parts[-1]) else 1
        parts = SENTENCE.findall(gap[:120].lstrip("，, "))
        if i and parts:
            clauses = re.split("[，,]", parts[0].rstrip("。！？!?；;…：:"))
            yield clauses[:1], 3 if re.search(SAY, clauses[0][:14]) else 1


def _name(start: str, heads: Heads) -> str | None:
    """The name that a clause begins with, if it is one."""
    person = _PERSONS.match(start)
    if person and _fits(person["name"].removesuffix("对方")):
        return person["name"]
    word = start[:2]
    if heads[word] >= 2:
        while len(word) < min(4, len(start)) and _belongs(word, start[len(word)], heads):
            word = start[: len(word) + 1]
    else:
        match = _SHORTEST.match(start) if start[:1] in _SURNAMES else None
        word = match["name"] if match else ""
    return word if len(word) > 1 and _fits(word) and (word[0] not in _VERBS or word[0] in _SURNAMES) else None


def _belongs(word: str, following: str, heads: Heads) -> bool:
    """Whether a character is part of the name that `word` begins, and not of what its bearer does."""
    if following in "，说道问答的" or (following in _VERBS and heads[word] < 5):
        return False
    return heads[word + following] >= _STICKY * heads[word]


def _fits(word: str) -> bool:
    return word in ("那人", "来人", "") or not _NO_NAME.fullmatch(word)


def short_forms(names: Counter[str]) -> dict[str, str]:
    """老陈, 阿舟, 陈叔, 小明 and 汉子 -> the one full name they can stand for."""
    found: dict[str, str] = {}
    for short in names:
        match = re.fullmatch(
            "[老小阿大](.)|(.)(?:哥|姐|叔|伯|姨|婶|爷|老师|先生|小姐|姑娘|老板|师傅|公子|大夫|主任|经理|医生|教授|队长|师兄|师姐|师弟|师妹|警官|大人|将军|夫人|工|总|局|处)",
            short,
        )
        letter = match and (match[1] or match[2])
        whole = [
            name
            for name in names
            if name != short
            and 2 <= len(name) <= 4
            and (name[0] not in "老小阿大" or not letter)
            and (letter in (name[0], name[-1]) if letter else name.endswith(short))
        ]
        if len(whole) == 1:
            found[short] = whole[0]
    return found


def title_gender(name: str) -> str | None:
    """The pronoun that a name's own words ask for."""
    return next((pronoun for pronoun, pattern in _GENDERS if pattern.fullmatch(name)), None)
