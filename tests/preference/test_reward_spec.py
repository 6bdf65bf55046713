"""What a stated reward may look like, and every way in which it may not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.errors import UsageError
from roleplay.preference.rewards.spec import Term, known_rewards, parse_reward
from roleplay.text import clean

TEXTS = st.text(min_size=1).map(clean).filter(str.strip)
WEIGHTS = st.floats(allow_nan=False, allow_infinity=False).filter(bool)


@st.composite
def terms(draw: st.DrawFn) -> Term:
    """Any term that can be stated."""
    name = draw(st.sampled_from(sorted(known_rewards())))
    argument: str | None = None
    if name in ("shorter", "longer"):
        argument = str(draw(st.integers(1, 999_999)))
    elif name == "length":
        low, high = sorted(draw(st.tuples(st.integers(1, 999_999), st.integers(1, 999_999))))
        argument = f"{low}-{high}"
    elif name in ("ends", "says", "avoids", "model"):
        argument = draw(TEXTS)
    return Term(name, argument, draw(WEIGHTS))


def test_terms_are_added_and_taken_away_with_their_weights() -> None:
    assert parse_reward(" ends(喵) + 2*shorter(40)+style- 0.5 * catchphrases ") == (
        Term("ends", "喵", 1),
        Term("shorter", "40", 2),
        Term("style", None, 1),
        Term("catchphrases", None, -0.5),
    )
    assert parse_reward("-stop") == (Term("stop", None, -1),)
    assert parse_reward("+stop - 1e-05*varied + .5*original") == (
        Term("stop", None, 1),
        Term("varied", None, -1e-05),
        Term("original", None, 0.5),
    )


@pytest.mark.parametrize(
    ("written", "argument"),
    [
        ('says("see you, friend.")', "see you, friend."),
        ("says('see (you)')", "see (you)"),
        ('says( "a \\"b\\" \\\\ c" )', 'a "b" \\ c'),
        ("says( see + you - 2*there )", "see + you - 2*there"),
        ('says(I\'m "here")', 'I\'m "here"'),
        ("says(（笑）)", "（笑）"),
        ("says(😊)", "😊"),
        ("says(a\x1b]b)", "a]b"),
        ('says(" x")', " x"),
        ("shorter( 040 )", "40"),
        ("length(10 - 40)", "10-40"),
        ("length(7-7)", "7-7"),
        ("model(runs/yui/taste-2)", "runs/yui/taste-2"),
    ],
)
def test_an_argument_is_any_text_in_quotes_or_up_to_the_bracket(written: str, argument: str) -> None:
    (term,) = parse_reward(written)
    assert term.argument == argument


@given(terms())
def test_a_term_is_written_as_it_is_read(term: Term) -> None:
    assert parse_reward(str(term)) == (term,)


@pytest.mark.parametrize("argument", ["a)b", '"a"', "'a'", "'tis", 'a "b" \\', "\\)", " a", "a\nb", "a + b", "（笑）"])
def test_signs_within_an_argument_are_written_so_that_they_are_read_again(argument: str) -> None:
    term = Term("says", argument, -0.5)
    assert parse_reward(f"{term} + stop") == (term, Term("stop", None, 1))


@pytest.mark.parametrize(
    ("weight", "written"),
    [(1, "stop"), (-1, "-stop"), (2.0, "2*stop"), (-0.5, "-0.5*stop"), (1e300, "1e+300*stop"), (1e-07, "1e-07*stop")],
)
def test_a_weight_is_written_as_a_person_would(weight: float, written: str) -> None:
    assert str(Term("stop", None, weight)) == written


@given(st.lists(terms(), min_size=1, max_size=5, unique_by=lambda term: term.label))
def test_a_sum_is_read_term_by_term(several: list[Term]) -> None:
    signed = [f"{'-' if term.weight < 0 else '+'} {replace(term, weight=abs(term.weight))}" for term in several]
    assert parse_reward(" ".join(signed)) == tuple(several)


@given(st.text(alphabet="stop2*+-() \"'\\.e喵（,\n\x1b", max_size=30))
def test_no_text_is_anything_but_terms_or_one_error(text: str) -> None:
    try:
        told = " ".join(map(str, parse_reward(text)))
    except UsageError as error:
        told = str(error)
    assert told
    assert "\x1b" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"the reward '': it names no term; write terms such as .*; known: style, stop,"),
        ("  ", "it names no term"),
        ("stop +", "a term is missing at its end"),
        ("stop + + varied", r"a term is missing at '\+ varied'"),
        ("stop varied", r"'varied' does not begin with '\+' or '-'"),
        ("says(a(b))", r"'\)' does not begin with '\+' or '-'; .* in quotes"),
        ("says(a", r"'says\(a' has a bracket or quote that is not closed"),
        ('stop + says("a)', r"'says\(\"a\)' has a bracket or quote that is not closed"),
        ("stlye", "'stlye' is no reward; did you mean 'style'?"),
        ("ends（喵）", "'ends（喵）' is no reward; write the signs .* in ASCII"),
        ("stop(3)", r"'stop' takes nothing in brackets \(seen: '3'\); write 'stop'"),
        ("ends", r"'ends' is given nothing; give it a text, such as ends\(hm\)"),
        ("ends()", "'ends' is given ''"),
        ('ends(" ")', "'ends' is given ' '|'ends' is given ''"),
        ("shorter(喵)", r"'shorter' is given '喵'; give it a whole number .* such as shorter\(40\)"),
        ("shorter(0)", "'shorter' is given '0'"),
        ("longer(-3)", "'longer' is given '-3'"),
        ("longer(4.5)", "'longer' is given '4.5'"),
        ("longer(1000000)", "'longer' is given '1000000'"),
        ("length(40-10)", "'length' is given '40-10'; give it two whole numbers .* the smaller first"),
        ("length(0-10)", "'length' is given '0-10'"),
        ("length(10)", "'length' is given '10'"),
        ("0*stop", "the weight '0' before 'stop' is no finite number above 0; write 0.5 or 2, or '-' before the term"),
        ("1e999*stop", "the weight '1e999'"),
        ("nan*stop", "the weight 'nan'"),
        ("two*stop", "the weight 'two'"),
        ("1,5*stop", "the weight '1,5'"),
        ("stop - 2*stop", "'stop' is named twice; name it once"),
        ('ends(喵) + 3*ends("喵")', r"'ends\(喵\)' is named twice"),
    ],
)
def test_what_cannot_be_meant_is_told_with_what_to_write(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_reward(text)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        parse_reward("0*stop + stlye + shorter(x) + says(a")
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert all(line.startswith("the reward '0*stop + stlye + shorter(x) + says(a': ") for line in lines)


def test_every_function_has_a_line_about_it() -> None:
    assert all(about and "\n" not in about for about in known_rewards().values())
