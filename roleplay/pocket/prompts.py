"""Forty fixed everyday prompts, half of them Chinese, on which one `pocket` is heard beside another."""

from dataclasses import dataclass

from roleplay.dialogue import Turn
from roleplay.measures.language import Language


@dataclass(frozen=True)
class Everyday:
    """What a pocket is asked to answer."""

    language: Language
    """Of the answer, for measures that count words or characters."""
    said: tuple[str, ...]
    """What was said in turn, by the person first and last."""
    system: str = ""
    """The system prompt; empty for none."""

    @property
    def turns(self) -> list[Turn]:
        """The prompt as a chat."""
        said = [Turn("assistant" if i % 2 else "user", text) for i, text in enumerate(self.said)]
        return [Turn("system", self.system), *said] if self.system else said


def _zh(*said: str, system: str = "") -> Everyday:
    return Everyday("zh", said, system)


def _en(*said: str, system: str = "") -> Everyday:
    return Everyday("en", said, system)


PROMPTS = (
    _zh("你好！"),
    _zh("今天好累啊。"),
    _zh("晚饭吃什么好呢？"),
    _zh("我有点想家。"),
    _zh("讲个小故事吧。"),
    _zh("月亮离我们有多远？"),
    _zh("我和朋友吵架了。"),
    _zh("你叫什么？", system="你叫阿岚，是一个守灯塔的人，喜欢海鸟。"),
    _zh("你每天都做什么？", system="你是修钟表的老杜，话不多。"),
    _zh("我睡不着怎么办？", system="你是一个耐心的助手。"),
    _zh("外面下雨了，我没带伞。"),
    _zh("推荐一本书吧。"),
    _zh("谢谢你，再见！"),
    _zh("我明天要考试，好紧张。"),
    _zh("周末想去爬山，要带些什么？"),
    _zh("你是谁？在哪里工作？", system="你是梅姨，在火车站卖了二十年茶叶蛋。"),
    _zh("能陪我聊一会儿吗？", system="你是小柯，一个爱画画的高中生，说话活泼。"),
    _zh("我叫小满，养了一只乌龟。", "乌龟好养吗？它叫什么名字？", "它叫石头。你还记得我叫什么吗？"),
    _zh("我不吃辣。", "好，我记住了。", "那中午带我去吃什么？"),
    _zh("我今天升职了！", "恭喜你！", "你说我该怎么庆祝？", system="你是用户多年的好朋友。"),
    _en("Hello! How are you?"),
    _en("What do you like to eat?"),
    _en("I had a bad day."),
    _en("What are you doing this weekend?"),
    _en("Tell me a joke."),
    _en("Who won the election in 1911?"),
    _en("My cat is ill and I am worried."),
    _en("What is your name?", system="Your name is Ben. You are a baker and you live by the sea."),
    _en("Do you like your job?", system="You are Mags, who drives the night bus."),
    _en("Tell me a short story.", system="You are a helpful assistant."),
    _en("It is raining again and my shoes are wet."),
    _en("Can you recommend a film?"),
    _en("Thank you for your help. Goodbye!"),
    _en("I start a new job on Monday and I am nervous."),
    _en("What should I cook for six guests?"),
    _en("Who are you, and what is that on your table?", system="You are Ines, who mends violins in a small attic."),
    _en("Hey! Got a minute?", system="You are Tom, a cheerful student who plays the drums."),
    _en("I am Rosa and I have two goats.", "Goats! What are they called?", "Salt and Pepper. Do you remember my name?"),
    _en("I do not drink coffee.", "Noted, no coffee for you.", "So what can you offer me?"),
    _en("I passed my driving test!", "Well done!", "Where should I drive first?", system="You are an old friend."),
)
"""Each is asked with several seeds; the answers in their histories are as fixed as what the person says."""
