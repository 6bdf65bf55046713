"""Words that a question is made of whatever it asks for: in a small index they are rare enough to mislead."""

_ENGLISH = """
a about after all also am an and any are as at be been before but by can could did do does doing down for from get go
got had has have having he her here hers him his how i if in into is it its just like ll m me more most much my no not
now of off on one or our out over re s she so some t than that the their them then there these they this those to too
up us ve very was we were what when where which while who whom whose why will with would you your yours
"""
# Of two characters each: as single ones they are parts of other words.
_CHINESE = """
什么 怎么 怎样 多少 哪里 哪儿 为什 是不 不是 你们 我们 他们 的话 有没 没有 是什 几点
"""

EMPTY = frozenset(f"{_ENGLISH} {_CHINESE}".split())
"""As the index keeps words: folded, Chinese ones in pairs."""
