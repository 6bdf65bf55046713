"""Replies that begin and end at any time, computed together, are those that each would be alone."""

import random
import threading
import time
from collections.abc import Callable

import pytest

from roleplay.errors import Busy, ContextFull
from roleplay.generation.engine import Engine
from roleplay.generation.events import Finished, Piece
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.reply import Reply
from roleplay.generation.rolling import Rolling
from roleplay.generation.settings import Sampling
from tests.generation.rolled import ALL, GREEDY, PATIENCE, PROMPTS, Reader, alone, ask, rolled, same

BeforeToken = Callable[[int, Callable[[], object]], list[int]]
SAMPLED = Sampling(temperature=1.2, top_p=0.95, repetition_penalty=1.2, max_new_tokens=24, seed=8)
LONG = Sampling(temperature=0, max_new_tokens=60)
NEVER = 339
"""An end of turn that no lane says within the limit."""


@pytest.fixture
def endless(engine: Engine) -> Engine:
    """The same engine, whose lanes go on to the limit."""
    return Engine(engine.base, engine.tuned, [NEVER])


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
@pytest.mark.parametrize("lane", ALL, ids=LANES)
def test_a_reply_is_that_of_the_engine(lane: Lane, sampling: Sampling, engine: Engine) -> None:
    with rolled(engine) as rolling:
        _, reader = ask(rolling, lane, sampling)
        end = reader.end()

    assert same(end, alone(engine, lane, sampling))
    assert "".join(piece.text for piece in reader.pieces) == end.text
    assert all(piece.text for piece in reader.pieces)


@pytest.mark.parametrize("said", [1, 3])
def test_a_reply_that_was_begun_goes_on(said: int, engine: Engine) -> None:
    sampling = Sampling(temperature=0, max_new_tokens=12, presence_penalty=1.5)
    with rolled(engine) as rolling:
        _, reader = ask(rolling, ALL[1], sampling, said)
        end = reader.end()

    assert same(end, alone(engine, ALL[1], sampling, said))
    assert end.text.endswith("".join(piece.text for piece in reader.pieces))
    assert end.text != "".join(piece.text for piece in reader.pieces)


@pytest.mark.parametrize("arrivals", [(0, 1, 2), (1, 1, 1), (3, 9, 20), (5, 6, 30), (23, 24, 25)], ids=str)
def test_who_comes_later_changes_nothing(arrivals: tuple[int, ...], endless: Engine, before_token: BeforeToken) -> None:
    """The second, third and fourth are asked for just before the model computes the tokens named."""
    samplings = [GREEDY, SAMPLED, GREEDY, SAMPLED]
    expected = [alone(endless, lane, sampling) for lane, sampling in zip(ALL, samplings, strict=True)]
    readers: dict[int, Reader] = {}
    with rolled(endless) as rolling:
        computed = before_token(0, lambda: None)
        late = threading.Event()

        def arrive(*_: object) -> None:
            for number, when in enumerate(arrivals, 1):
                if number not in readers and len(computed) > when:
                    readers[number] = ask(rolling, ALL[number], samplings[number])[1]
            if len(readers) == len(ALL):
                late.set()

        handle = endless.base.model.register_forward_pre_hook(arrive)
        readers[0] = ask(rolling, ALL[0], samplings[0])[1]
        first = readers[0].end()
        while not late.is_set():  # the last of them come when nobody is computed any more
            ask(rolling, ALL[0], Sampling(max_new_tokens=1))[1].end()
        ends = [first, *(readers[number].end() for number in (1, 2, 3))]
        handle.remove()

    for end, wanted in zip(ends, expected, strict=True):
        assert same(end, wanted)


def test_many_threads_at_any_time_are_each_answered_as_if_alone(engine: Engine) -> None:
    draws = random.Random(3)
    wishes = [
        (draws.choice(ALL), Sampling(temperature=draws.choice([0, 1]), max_new_tokens=20, seed=n)) for n in range(16)
    ]
    expected = [alone(engine, lane, sampling) for lane, sampling in wishes]
    ends: dict[int, Finished] = {}

    def live(number: int, pause: float) -> None:
        time.sleep(pause)
        ends[number] = ask(rolling, *wishes[number])[1].end()

    with rolled(engine, rows=5, waiting=16) as rolling:
        threads = [threading.Thread(target=live, args=(n, draws.random() * 0.1)) for n in range(len(wishes))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert rolling.load == (0, 0)

    assert sum(same(ends[number], wanted) for number, wanted in enumerate(expected)) == len(wishes)


def test_replies_to_one_prompt_differ_by_their_seeds_alone(endless: Engine) -> None:
    samplings = [Sampling(temperature=1.2, max_new_tokens=12, seed=seed) for seed in (5, 6, 7)]
    readers = [Reader() for _ in samplings]
    with rolled(endless) as rolling:
        replies = rolling.ask(ALL[0], PROMPTS[0], samplings, [reader.heard.put for reader in readers])
        ends = [reader.end() for reader in readers]

    assert [reply.sampling.seed for reply in replies] == [5, 6, 7]
    assert len({end.text for end in ends}) == len({end.row for end in ends}) == 3
    assert all(same(end, alone(endless, ALL[0], s)) for end, s in zip(ends, samplings, strict=True))


def test_a_reply_is_cancelled_while_it_is_computed_and_the_others_go_on(
    endless: Engine, before_token: BeforeToken
) -> None:
    wanted = alone(endless, ALL[1], LONG)
    found: list[Reply] = []
    with rolled(endless) as rolling:
        before_token(9, lambda: rolling.cancel(found[0]))
        reply, reader = ask(rolling, ALL[0], LONG)
        found.append(reply)
        _, other = ask(rolling, ALL[1], LONG)
        end = reader.end()
        assert same(other.end(), wanted)

    assert end.stopped == "cancelled"
    assert end.tokens < 12
    assert "".join(piece.text for piece in reader.pieces) == end.text


def test_a_reply_that_waits_is_cancelled_at_once(endless: Engine) -> None:
    wanted, go_on = alone(endless, ALL[2], GREEDY), threading.Event()
    handle = endless.base.model.register_forward_pre_hook(lambda *_: go_on.wait(PATIENCE) and None)
    with rolled(endless, rows=1) as rolling:
        _, first = ask(rolling, ALL[0], LONG)
        while rolling.load != (1, 0):
            time.sleep(0.001)
        waits, second = ask(rolling, ALL[1], LONG)
        _, third = ask(rolling, ALL[2])

        rolling.cancel(waits)

        end = second.heard.get_nowait()
        assert isinstance(end, Finished)
        assert (end.stopped, end.tokens, end.text) == ("cancelled", 0, "")
        assert rolling.load == (1, 1)
        go_on.set()
        assert first.end().tokens == 60
        assert same(third.end(), wanted)
        handle.remove()


def test_an_error_in_the_model_reaches_all_that_were_computed_and_the_next_is_answered(endless: Engine) -> None:
    wanted = alone(endless, ALL[0], GREEDY)
    fails = threading.Event()

    def hook(*_: object) -> None:
        if fails.is_set():
            raise MemoryError("no memory left")

    with rolled(endless) as rolling:
        readers = [ask(rolling, lane, LONG)[1] for lane in ALL]
        for reader in readers:
            assert isinstance(reader.next(), Piece)
        handle = endless.base.model.register_forward_pre_hook(hook)
        fails.set()
        for reader in readers:
            with pytest.raises(MemoryError, match="no memory left"):
                reader.end()
        handle.remove()

        assert same(ask(rolling, ALL[0])[1].end(), wanted)
        assert rolling.load == (0, 0)


def test_stop_ends_what_is_computed_and_what_waits_and_takes_no_more(endless: Engine) -> None:
    rolling = Rolling(endless, rows=2, waiting=8)
    readers = [ask(rolling, lane, LONG)[1] for lane in ALL]
    readers[0].next()

    rolling.close()

    assert {reader.end().stopped for reader in readers} == {"cancelled"}
    assert not rolling.alive
    with pytest.raises(Busy, match="going down"):
        ask(rolling, ALL[0])


def test_a_newcomer_is_computed_alone_for_one_token_and_then_with_the_others(
    endless: Engine, before_token: BeforeToken
) -> None:
    batches: list[int] = []
    heard: list[int] = []
    with rolled(endless, rows=3) as rolling:

        def arrive() -> None:
            rolling.ask(ALL[2], PROMPTS[2], [LONG], [lambda event: heard.append(len(batches))])

        before_token(20, arrive)
        handle = endless.base.model.register_forward_pre_hook(
            lambda _, __, given: batches.append(len(given["input_ids"])), with_kwargs=True
        )
        readers = [ask(rolling, lane, LONG)[1] for lane in ALL[:2]]
        for reader in readers:
            reader.end()
        handle.remove()

    assert batches[18:25] == [2, 2, 2, 1, 3, 3, 3], "the token under way, the newcomer's first, then all"
    assert heard[0] in (22, 23), "a piece may need a second token"


def test_who_waits_gets_the_place_of_the_first_that_ends(endless: Engine) -> None:
    """Two places: one reply of 5 tokens, one of 60; the third is begun while the long one goes on."""
    with rolled(endless, rows=2) as rolling:
        _, brief = ask(rolling, ALL[0], Sampling(temperature=0, max_new_tokens=5))
        _, long = ask(rolling, ALL[1], Sampling(temperature=0, max_new_tokens=300))
        _, third = ask(rolling, ALL[2])

        assert brief.end().tokens == 5
        assert third.end().tokens == 24
        assert all(isinstance(event, Piece) for event in list(long.heard.queue)), "the long one is still under way"


def test_places_are_counted_and_what_is_beyond_them_is_refused_whole(endless: Engine) -> None:
    held, go_on = threading.Event(), threading.Event()

    def hold(*_: object) -> None:
        held.set()
        assert go_on.wait(PATIENCE)

    with rolled(endless, rows=2, waiting=2) as rolling:
        handle = endless.base.model.register_forward_pre_hook(hold)
        readers = [ask(rolling, ALL[0])[1]]
        assert held.wait(PATIENCE)
        readers += [ask(rolling, lane)[1] for lane in ALL[1:3]]
        assert rolling.load == (1, 2)
        with pytest.raises(Busy, match="2 replies wait already"):
            rolling.ask(ALL[3], PROMPTS[3], [GREEDY] * 2, [print] * 2)
        readers.append(ask(rolling, ALL[3])[1])  # one place is free, and two may wait
        assert rolling.load == (1, 3)
        with pytest.raises(Busy, match="3 replies wait already"):
            ask(rolling, ALL[0])
        go_on.set()
        assert {reader.end().stopped for reader in readers} == {"length"}
        handle.remove()


def test_a_prompt_as_long_as_the_context_is_refused(engine: Engine) -> None:
    with rolled(engine) as rolling, pytest.raises(ContextFull, match="512 tokens and the base takes 512"):
        rolling.ask(ALL[3], [40] * 512, [GREEDY], [print])


def test_a_reply_ends_where_the_context_does_in_any_company(endless: Engine) -> None:
    long = Reader()
    with rolled(endless) as rolling:
        _, other = ask(rolling, ALL[0], LONG)
        other.next()
        rolling.ask(ALL[3], [40] * 505, [LONG], [long.heard.put])
        end = long.end()
        assert other.end().tokens == 60

    assert (end.stopped, end.tokens) == ("length", 7)
