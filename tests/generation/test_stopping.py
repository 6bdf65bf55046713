"""How replies end: by themselves, at the limit, by the person's hand, by an error; and that nothing is left behind."""

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.errors import BaseModelError
from roleplay.generation.engine import Engine
from roleplay.generation.events import Cancel, Event, Finished, Piece
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.settings import Sampling
from tests.tiny import load_tiny_base, save_tiny_base

BeforeToken = Callable[[int, Callable[[], object]], list[int]]
ALL = list(LANES.values())
PROMPTS = [[1, 40, 41, 45], [1, 40, 41, 42, 43, 44, 45], [1, 50, 45], [1, 60, 61, 62, 45]]
LONG = Sampling(temperature=0, max_new_tokens=40)
NEVER = 339
"""An end of turn that no lane says within the limit."""


@pytest.fixture(autouse=True)
def no_thread_left() -> object:
    """Whatever a test does with a stream, its worker ends with it."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def endless(engine: Engine) -> Engine:
    """The same engine, whose lanes go on to the limit."""
    return Engine(engine.base, engine.tuned, [NEVER])


def finished(engine: Engine, sampling: Sampling = LONG, cancel: Cancel | None = None) -> dict[Lane, Finished]:
    events = list(engine.stream(ALL, PROMPTS, sampling, cancel))
    done = [event for event in events if isinstance(event, Finished)]
    assert sorted(event.lane.name for event in done) == sorted(LANES), "each lane finishes once"
    return {event.lane: event for event in done}


def test_nothing_ends_the_endless_but_the_limit(endless: Engine) -> None:
    """What the tests below rely on."""
    done = finished(endless).values()

    assert {(event.stopped, event.tokens) for event in done} == {("length", 40)}
    assert len({event.text for event in done}) == 4


@pytest.mark.parametrize("lane", ALL, ids=LANES)
def test_a_cancelled_lane_keeps_what_it_said_and_the_others_say_what_they_would_have_said(
    lane: Lane, endless: Engine, before_token: BeforeToken
) -> None:
    undisturbed = finished(endless)
    cancel = Cancel()
    before_token(5, lambda: cancel.stop(lane))

    done = finished(endless, cancel=cancel)

    assert done[lane].stopped == "cancelled"
    assert done[lane].tokens in (5, 6), "the token that is being computed may be told or not"
    assert done[lane].text
    assert undisturbed[lane].text.startswith(done[lane].text)
    for other in ALL:
        if other != lane:
            assert (done[other].text, done[other].stopped) == (undisturbed[other].text, "length")


def test_cancelling_all_computes_no_further_token(endless: Engine, before_token: BeforeToken) -> None:
    cancel = Cancel()
    computed = before_token(7, cancel.stop)

    done = finished(endless, cancel=cancel)

    assert {event.stopped for event in done.values()} == {"cancelled"}
    assert {event.tokens for event in done.values()} <= {7, 8}
    assert len(computed) == 8


def test_when_the_last_open_lane_is_cancelled_no_further_token_is_computed(
    endless: Engine, before_token: BeforeToken
) -> None:
    cancel = Cancel()
    for lane in ALL[:3]:
        cancel.stop(lane)
    computed = before_token(4, lambda: cancel.stop(ALL[3]))

    done = finished(endless, cancel=cancel)

    assert [done[lane].tokens >= 4 for lane in ALL] == [False, False, False, True]
    assert len(computed) == 5


class Late(Cancel):
    """Holds from its n-th question on: between any two steps of the engine."""

    def __init__(self, questions: int) -> None:
        super().__init__()
        self.questions = questions

    def holds(self, lane: Lane) -> bool:
        self.questions -= 1
        return self.questions < 0


@pytest.mark.parametrize("questions", range(6))
def test_a_lane_cancelled_at_any_instant_is_not_said_to_have_ended_by_itself(questions: int, engine: Engine) -> None:
    """`generate` fills a stopped row with padding, which in many tokenizers is the end of a turn."""
    padding_ends = Engine(engine.base, engine.tuned, [NEVER, int(engine.base.tokenizer.pad_token_id)])
    lanes = [LANES["base"]]

    events = list(padding_ends.stream(lanes, PROMPTS[:1], LONG, Late(questions)))

    last = events[-1]
    assert isinstance(last, Finished)
    assert last.stopped == "cancelled"
    assert last.tokens in (questions, questions + 1)


def test_leaving_a_stream_stops_the_model_and_its_thread(endless: Engine, before_token: BeforeToken) -> None:
    cancel = Cancel()

    def wait() -> None:
        until = time.monotonic() + 30
        while not cancel.all and time.monotonic() < until:
            time.sleep(0.001)

    computed = before_token(5, wait)
    stream = endless.stream(ALL, PROMPTS, LONG, cancel)
    assert isinstance(next(stream), Piece)
    assert threading.active_count() > 1

    stream.close()

    assert len(computed) <= 6


def test_a_stream_that_nobody_reads_starts_nothing(endless: Engine, before_token: BeforeToken) -> None:
    computed = before_token(0, lambda: None)
    before = set(threading.enumerate())

    stream = endless.stream(ALL, PROMPTS, LONG)

    assert set(threading.enumerate()) <= before
    stream.close()
    assert computed == []


def test_an_error_in_the_middle_comes_after_what_was_said(endless: Engine, before_token: BeforeToken) -> None:
    def fail() -> None:
        raise MemoryError("no memory left for token 6")

    before_token(6, fail)
    stream, said = endless.stream(ALL, PROMPTS, LONG), list[Event]()

    with pytest.raises(MemoryError, match="no memory left for token 6"):
        said.extend(iter(lambda: next(stream), None))

    assert said
    assert all(isinstance(event, Piece) for event in said)


def test_an_engine_answers_again_after_an_error_and_after_a_cancelled_reply(engine: Engine) -> None:
    expected = finished(engine)
    stopped = Cancel()
    stopped.stop()
    handle = engine.base.model.register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        finished(engine)
    handle.remove()
    finished(engine, cancel=stopped)

    again = finished(engine)

    assert {lane: event.text for lane, event in again.items()} == {lane: e.text for lane, e in expected.items()}


@pytest.mark.parametrize("tokens", [1, 2, 39])
def test_the_limit_counts_tokens_of_each_lane(tokens: int, endless: Engine) -> None:
    done = finished(endless, Sampling(temperature=0, max_new_tokens=tokens))

    assert {(event.stopped, event.tokens) for event in done.values()} == {("length", tokens)}


def test_a_reply_ends_where_the_context_does(tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast) -> None:
    engine = Engine(load_tiny_base(save_tiny_base(tmp_path / "short", chatml_tokenizer, context=16)), None, [NEVER])

    def tokens(length: int) -> int:
        (last,) = [
            event for event in engine.stream([LANES["base"]], [[40] * length], LONG) if isinstance(event, Finished)
        ]
        assert last.stopped == "length"
        return last.tokens

    assert [tokens(length) for length in (1, 10, 15)] == [15, 6, 1]
    with pytest.raises(BaseModelError, match=r"has 16 tokens and the base takes 16; shorten the message"):
        tokens(16)


@pytest.mark.parametrize("lanes", [subset for n in (1, 2, 3) for subset in itertools.combinations(LANES, n)], ids=str)
@pytest.mark.parametrize(
    "sampling", [LONG, Sampling(temperature=1.2, top_p=1, max_new_tokens=40, seed=8)], ids=["greedy", "sampled"]
)
def test_any_lanes_in_any_order_say_what_they_say_in_the_company_of_all(
    lanes: tuple[str, ...], sampling: Sampling, engine: Engine
) -> None:
    everyone = finished(engine, sampling)
    chosen = [LANES[name] for name in reversed(lanes)]

    events = list(engine.stream(chosen, [PROMPTS[ALL.index(lane)] for lane in chosen], sampling))

    some = {event.lane: event for event in events if isinstance(event, Finished)}
    assert set(some) == set(chosen)
    for lane, event in some.items():
        assert (event.text, event.tokens, event.stopped) == (
            everyone[lane].text,
            everyone[lane].tokens,
            everyone[lane].stopped,
        )


def test_the_first_token_that_ends_a_lane_is_not_part_of_its_text(engine: Engine) -> None:
    """Any id that a lane says can be made the end of a turn; it ends that lane there, with the text before it."""
    lane, prompt = LANES["base"], PROMPTS[0]
    said: list[int] = []
    handle = engine.base.model.register_forward_hook(lambda *args: said.append(int(args[-1].logits[0, -1].argmax())))
    list(engine.stream([lane], [prompt], LONG))
    handle.remove()
    place = next(i for i in range(3, 40) if said[i] not in said[:i] and said[i] > 2)

    *_, last = Engine(engine.base, engine.tuned, [said[place]]).stream([lane], [prompt], LONG)

    assert isinstance(last, Finished)
    assert (last.stopped, last.tokens) == ("end", place + 1)
    assert last.text == engine.base.tokenizer.decode(said[:place], skip_special_tokens=True)


def test_the_bases_own_ends_count_beside_the_templates(engine: Engine) -> None:
    engine.base.model.generation_config.eos_token_id = [2, 77]

    assert Engine(engine.base, None, [5, 2]).end_ids == [5, 2, 77]
    engine.base.model.generation_config.eos_token_id = None
    assert Engine(engine.base, None, [5]).end_ids == [5]
