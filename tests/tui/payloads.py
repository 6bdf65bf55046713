"""What strangers may write into cards, corpora and replies to steer a terminal, a screen or a reader."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Payload:
    """A hostile text, and what a person is to see of it."""

    name: str
    """What it tries."""
    text: str
    """The text."""
    seen: str
    """What is left of it to be seen, wherever it is shown as it is."""
    said: tuple[str, ...] = ()
    """What is left of it in a reply, where Markdown is drawn as such; empty where that is the same."""


PAYLOADS = (
    Payload("title", "\x1b]0;owned\x07t\x1b]2;owned\x1b\\", "]0;ownedt]2;owned\\"),
    Payload("clipboard", "\x1b]52;c;b3duZWQ=\x07c\x1b]52;c;?\x1b\\", "]52;c;b3duZWQ=c]52;c;?\\"),
    Payload("hyperlink", "\x1b]8;;file:///etc/passwd\x1b\\l\x1b]8;;\x1b\\", "]8;;file:///etc/passwd\\l]8;;\\"),
    Payload("clear", "\x1b[2J\x1b[H\x1b[31mred\x1b[6n\x1bc", "[2J[H[31mred[6nc"),
    Payload(
        "device",
        "\x1bP$qm\x1b\\d\x1bPtmux;\x1b\x1b]0;x\x07\x1b\\\x1b_Gi=1\x1b\\",
        "P$qm\\dPtmux;]0;x\\_Gi=1\\",
        ("P$qm\\dPtmux;]0;x_Gi=1\\",),
    ),
    Payload("one-byte controls", "\x9b31m\x9d0;owned\x9cn\x90q\x9c\x85\x80\x9f", "31m0;ownednq"),
    Payload("overstriking", "safe\x08\x08\x08\x08evil\x0b\x0c\x07\x0e\x0f\x7fend", "safeevilend"),
    Payload("carriage return", "safe\rover\r\nlast", "safe over last"),
    Payload("direction", "\u202egnp.exe\u202c \u2066x\u2069\u200f\u200e\u061c.", "gnp.exe x."),
    Payload("nothing to see", "a\u200bb\u200cc\u2060d\ufeffef", "abcdef"),
    Payload(
        "actions",
        "[@click=app.quit]q[/] [@click='app.exit(1)']q[/]",
        "[@click=app.quit]q[/] [@click='app.exit(1)']q[/]",
    ),
    Payload("colours", "[red]r[/red] [bold on blue]b[/] [/] [/bold]", "[red]r[/red] [bold on blue]b[/] [/] [/bold]"),
    Payload("brackets", "[ [[ ]] [a \\[b] [TODO] ]x[", "[ [[ ]] [a \\[b] [TODO] ]x[", ("[ [[ ]] [a", "[b] [TODO] ]x[")),
    Payload(
        "rich links",
        "[link=file:///etc/passwd]l[/link] [$primary]p[/]",
        "[link=file:///etc/passwd]l[/link] [$primary]p[/]",
    ),
    Payload(
        "addresses",
        "[js](javascript:alert(1)) ![i](file:///etc/passwd) [n](https://a.b/%1b%5d0;x%07 't') "
        "<https://c.d/%1b%5b2J> https://e.f/%1b%5d52;c;eA==%07%e2%80%ae%c2%9b2J",
        "[js](javascript:alert(1)) ![i](file:///etc/passwd) [n](https://a.b/%1b%5d0;x%07 't') "
        "<https://c.d/%1b%5b2J> https://e.f/%1b%5d52;c;eA==%07%e2%80%ae%c2%9b2J",
        ("[js](javascript:alert(1))", "![i](file:///etc/passwd)", "n https://c.d/", "2J", "https://e.f/", "52;c;eA=="),
    ),
    Payload(
        "html",
        "<script>alert(1)</script> <think>plan</think> <b onclick='x'>b</b> &lt; &#27;[2J &#x202e;&rlm;&#155;",
        "<script>alert(1)</script> <think>plan</think> <b onclick='x'>b</b> &lt; &#27;[2J &#x202e;&rlm;&#155;",
    ),
    Payload(
        "templates", "{{7*7}} {% for i in x %} {#c#} ${HOME} {0} %s", "{{7*7}} {% for i in x %} {#c#} ${HOME} {0} %s"
    ),
    Payload("no end", "x" * 700, "x" * 700),
    Payload("separators", "a\u2028b\u2029c\x00d\x85e\ud800f", "abcdef"),
    Payload(
        "a fence",
        "~~~py\x1b]0;x\x07 [red] {{x}}\n[@click=app.quit]f[/]\t\t\t\t\t\t\tt \x1b[2J\n~~~\n[TODO]: /done 'd'",
        "~~~py]0;x [red] {{x}} [@click=app.quit]f[/] t [2J ~~~ [TODO]: /done 'd'",
        ("[@click=app.quit]f[/]", "t [2J", "[TODO]: /done 'd'"),
    ),
)
"""Twenty kinds, each seen on every screen."""

SEQUENCES = (
    # ESC [ : cursor, erasing, modes, reports
    "\x1b[A\x1b[99B\x1b[5C\x1b[3D",
    "\x1b[1;1H\x1b[24;80f",
    "\x1b[3J",
    "\x1b[2K\x1b[1K",
    "\x1b[1M\x1b[2L\x1b[4P\x1b[3@",
    "\x1b[1;5r",
    "\x1b[?25l",
    "\x1b[?1049h\x1b[?1049l",
    "\x1b[?1000h\x1b[?1006h",
    "\x1b[?2004l",
    "\x1b[?7l\x1b[4h\x1b[20h",
    "\x1b[c\x1b[>c\x1b[=c",
    "\x1b[5n\x1b[6n\x1b[?6n",
    "\x1b[18t\x1b[21t\x1b[3;0;0t",
    "\x1b[0;31;5m\x1b[8m",
    "\x1b[!p",
    "\x1b[1$}\x1b[1;2;3;4;5;6$r",
    "\x1b[=1u\x1b[>31u",
    "\x1b[1 q",
    "\x1b[?1h\x1b=\x1b>",
    # ESC ] : title, colours, clipboard, links, pictures, notifications
    "\x1b]1;icon\x07",
    "\x1b]4;1;rgb:ff/00/00\x07",
    "\x1b]10;#f00\x07\x1b]11;?\x07",
    "\x1b]52;p;eA==\x1b\\",
    "\x1b]7;file:///x\x07",
    "\x1b]9;told\x07\x1b]777;notify;a;b\x07",
    "\x1b]1337;File=inline=1:eA==\x07",
    "\x1b]133;A\x07\x1b]633;P\x07",
    "\x1b]50;font\x07",
    "\x1b]8;id=1;https://a.b\x07here",
    "\x1b]104\x07\x1b]110\x07",
    "\x1b]22;none\x07",
    # other strings, resets, character sets, and what is left open
    "\x1bP1$r0m\x1b\\",
    "\x1bP0;1|17/17\x1b\\",
    "\x1b^private\x1b\\\x1bXstart\x1b\\",
    "\x1b_app\x1b\\",
    "\x1bc\x1b7\x1b8",
    "\x1b(0lqk\x1b(B\x0e\x0f",
    "\x1bD\x1bE\x1bH\x1bM\x1bN\x1bO",
    "\x1b#8",
    "\x1b%G\x1b%@",
    "\x1b]0;never closed",
    "\x1b[",
    "\x1b",
    # one byte, and overlong
    "\x9b2J\x9b6n",
    "\x9d52;c;eA==\x9c",
    "\x90q\x9c\x9ep\x9c\x9fa\x9c\x98s\x9c",
    "\x84\x85\x88\x8d\x8e\x8f",
    "\x1b\x1b[2J\x1b\x1b]0;x\x07",
    "\x1b[31\x1b[32m",
    "\x1b[3\x001m\x1b[\x7f2J",
    "\x18\x1a\x1b[2\x18J",
    "\x05\x07\x08\x0b\x0c",
    "\x00\x01\x02\x03\x04\x06",
    # direction, and letters that are none
    "\u202a\u202b\u202d\u202ea\u202c",
    "\u2066\u2067\u2068b\u2069",
    "\u200e\u200f\u061cc",
    "\u2028\u2029d",
    "\ud83d\udc00e",
    # markup
    "[@click=app.bell]x[/]",
    "[@click=screen.stop()]x[/]",
    "[link='javascript:x']x[/]",
    "[on red]x",
    "[/]",
    "[blink reverse]x[/blink]",
    "\\[x]",
    "[$text-error]x[/]",
    "[[[[[[",
    "[x](action:quit)",
    "<https://a.b/\x1b]0;x\x07>",
    "![x](\x1b[2J)",
)
"""Seventy short ones: each is one thing that terminals or markup understand."""

EVERYTHING = "\n\n".join([*(payload.text for payload in PAYLOADS[:-1]), " ".join(SEQUENCES), PAYLOADS[-1].text])
"""All of them in one text; the last one is seen at its end."""
