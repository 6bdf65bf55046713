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
"""Twenty kinds."""

EVERYTHING = "\n\n".join(payload.text for payload in PAYLOADS)
"""All of them in one text."""
