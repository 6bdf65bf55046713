"""The client that people use, against the real server with characters that ship."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion

from roleplay.cards.find import open_card
from roleplay.paths import Home
from tests.cli.conftest import roleplay
from tests.serve.served import KEY, Served

ASKED = {"yui": "在吗？今天下雨了。", "dot": "Good evening. Is the tram late again?"}
LANES = {"": "persona+prefix", ":no-prefix": "persona"}
TOKENS = 24


@pytest.fixture(scope="session")
def client(served: Served) -> Iterator[openai.OpenAI]:
    with served.client() as client:
        yield client


def reply(client: openai.OpenAI, model: str = "yui", text: str = ASKED["yui"], **fields: Any) -> ChatCompletion:
    """A whole reply, the likeliest unless `fields` say otherwise."""
    settings = {"temperature": 0, "max_tokens": TOKENS, "messages": [{"role": "user", "content": text}]} | fields
    answer = client.chat.completions.create(model=model, **settings)
    assert isinstance(answer, ChatCompletion)
    return answer


def text(answer: ChatCompletion, choice: int = 0) -> str:
    return answer.choices[choice].message.content or ""


def streamed(client: openai.OpenAI, **fields: Any) -> tuple[list[str], str | None, Any]:
    """Pieces, why it ended, and the usage where that was asked for."""
    asked = {"model": "yui", "temperature": 0, "max_tokens": TOKENS} | fields
    asked = {"messages": [{"role": "user", "content": ASKED["yui"]}], "stream": True} | asked
    pieces, reason, usage = [], None, None
    for chunk in client.chat.completions.create(**asked):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            pieces.append(choice.delta.content or "")
            reason = choice.finish_reason or reason
    return [piece for piece in pieces if piece], reason, usage


def test_models_are_listed_and_described(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["yui", "yui:no-prefix", "dot", "dot:no-prefix", "pocket"]
    one = client.models.retrieve("yui:no-prefix")
    assert (one.id, one.owned_by) == ("yui:no-prefix", "roleplay")
    assert one.model_extra is not None
    assert one.model_extra["parent"] == "pocket"
    with pytest.raises(openai.NotFoundError, match="did you mean 'yui'"):
        client.models.retrieve("yiu")


@pytest.mark.parametrize("name", ASKED)
def test_replies_are_those_of_chat(name: str, client: openai.OpenAI, tmp_path: Path) -> None:
    lanes = [*LANES.values(), "base"]
    said = {}
    for lane in lanes:
        command = ("chat", name, "--say", ASKED[name], "--temperature", 0, "--max-new-tokens", TOKENS, "--no-save")
        [row] = roleplay(*command, "--lanes", lane, "--json").rows
        said[lane] = (row["text"], row["tokens"])

    wishes = open_card(name, Home(tmp_path)).card.generation
    for served, lane in [*((name + end, lane) for end, lane in LANES.items()), ("pocket", "base")]:
        # The base has no card of its own; in a chat it is drawn as the character is.
        answer = reply(client, served, ASKED[name], extra_body={"repetition_penalty": wishes.repetition_penalty})
        assert answer.usage is not None
        assert (text(answer), answer.usage.completion_tokens) == said[lane], served


@pytest.mark.parametrize("model", ["yui", "dot:no-prefix", "pocket"])
def test_a_stream_says_what_the_whole_reply_says(model: str, client: openai.OpenAI) -> None:
    whole = reply(client, model)
    pieces, reason, usage = streamed(client, model=model, stream_options={"include_usage": True})

    assert "".join(pieces) == text(whole)
    assert len(pieces) > 1
    assert reason == whole.choices[0].finish_reason
    assert usage == whole.usage
    assert streamed(client, model=model)[2] is None


def test_tokens_are_counted(client: openai.OpenAI) -> None:
    def usage(**fields: Any) -> Any:
        return reply(client, **fields).usage

    plain, bare = usage(max_tokens=3), usage(model="yui:no-prefix", max_tokens=3)

    assert plain.completion_tokens == 3
    assert plain.total_tokens == plain.prompt_tokens + 3
    assert plain.prompt_tokens > bare.prompt_tokens + 50, "her prefixes"
    thrice = usage(max_tokens=3, n=3)
    assert (thrice.prompt_tokens, thrice.completion_tokens) == (plain.prompt_tokens, 9)


def test_a_reply_that_was_cut_says_so(client: openai.OpenAI) -> None:
    cut = reply(client, max_tokens=2)
    assert cut.choices[0].finish_reason == "length"
    assert text(reply(client)).startswith(text(cut))
    assert reply(client, max_tokens=99, max_completion_tokens=2).choices == cut.choices


def test_a_stop_ends_the_reply_wherever_it_lies(client: openai.OpenAI) -> None:
    whole = text(reply(client, model="dot", text=ASKED["dot"]))
    assert len(whole) > 20
    comes = [whole[at : at + length] for at, length in ((0, 1), (3, 1), (4, 7), (9, 5), (len(whole) - 3, 3))]
    for stop in [*comes, whole, comes[1:3]]:
        first = min(whole.find(one) for one in ([stop] if isinstance(stop, str) else stop))
        asked = {"model": "dot", "stop": stop}
        answer = reply(client, text=ASKED["dot"], **asked)
        pieces, reason, _ = streamed(client, messages=[{"role": "user", "content": ASKED["dot"]}], **asked)
        assert (text(answer), answer.choices[0].finish_reason) == (whole[:first], "stop"), stop
        assert ("".join(pieces), reason) == (whole[:first], "stop"), stop


def test_a_stop_that_begins_and_does_not_come_takes_nothing_away(client: openai.OpenAI) -> None:
    whole = text(reply(client))
    for stop in (whole[4:7] + "☃", whole[-2:] + "☃"):
        assert text(reply(client, stop=stop)) == whole
        assert "".join(streamed(client, stop=[stop])[0]) == whole


def test_a_seed_decides_the_reply_and_a_further_choice_has_the_next(client: openai.OpenAI) -> None:
    warm = {"temperature": 1.2, "max_tokens": 16}
    singles = [text(reply(client, seed=seed, **warm)) for seed in (11, 12, 13)]
    together = reply(client, seed=11, n=3, **warm)

    assert len(set(singles)) == 3
    assert [choice.index for choice in together.choices] == [0, 1, 2]
    assert [text(together, at) for at in range(3)] == singles
    assert text(reply(client, seed=12, **warm)) == singles[1]
    assert len({text(reply(client, **warm)) for _ in range(3)}) > 1, "without one it is drawn"


def test_choices_of_a_stream_are_told_apart(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "yui", "messages": [{"role": "user", "content": ASKED["yui"]}]}
    asked |= {"n": 3, "seed": 5, "temperature": 1.2, "max_tokens": 12}
    said, reasons = ["", "", ""], dict[int, str]()
    for chunk in client.chat.completions.create(stream=True, **asked):
        for choice in chunk.choices:
            assert choice.index not in reasons, "nothing follows the end"
            said[choice.index] += choice.delta.content or ""
            if choice.finish_reason:
                reasons[choice.index] = choice.finish_reason

    whole = client.chat.completions.create(**asked)
    assert said == [choice.message.content for choice in whole.choices]
    assert reasons == {choice.index: choice.finish_reason for choice in whole.choices}


def test_a_message_of_the_assistant_at_the_end_is_gone_on_with(client: openai.OpenAI) -> None:
    said = "我叫结衣，"
    asked = [{"role": "user", "content": "你是谁？"}, {"role": "assistant", "content": said}]

    alone, begun = reply(client, messages=asked[:1], max_tokens=1), reply(client, messages=asked)

    assert begun.usage is not None
    assert alone.usage is not None
    assert 0 < begun.usage.prompt_tokens - alone.usage.prompt_tokens <= len(said.encode())
    assert text(begun)
    assert not text(begun).startswith(said)


def test_messages_of_every_form_are_taken(client: openai.OpenAI) -> None:
    def sent(*messages: tuple[str, Any]) -> int:
        answer = reply(client, messages=[{"role": role, "content": said} for role, said in messages], max_tokens=1)
        assert answer.usage is not None
        return answer.usage.prompt_tokens

    brief = "Say little."
    plain = sent(("user", "Hi."))
    behind = sent(("system", brief), ("user", "Hi."))
    assert behind > plain
    assert sent(("developer", brief), ("user", "Hi.")) == behind
    assert sent(("user", [{"type": "text", "text": "H"}, {"type": "text", "text": "i."}])) == plain
    assert sent(("system", ""), ("user", "Hi."), ("assistant", "")) == plain
    assert sent(("user", "Hi."), ("user", "Ho.")) == sent(("user", "Hi.\n\nHo."))
    assert sent(("user", "Hi."), ("system", brief)) == sent(("user", f"{brief}\n\nHi."))


def test_a_long_conversation_says_what_it_left_out_and_that_stays(client: openai.OpenAI) -> None:
    def left_out(turns: int) -> str | None:
        said = [
            {"role": ("user", "assistant")[at % 2], "content": f"{at}. " + "月が綺麗 moon " * 6} for at in range(turns)
        ]
        raw = client.chat.completions.with_raw_response.create(model="yui", messages=said, max_tokens=1)  # type: ignore[arg-type]
        left = raw.headers.get("x-roleplay-left-out")
        return None if left is None else str(left)

    assert left_out(3) is None
    counts = [int(left_out(turns) or 0) for turns in range(61, 91, 2)]
    groups = [len(list(group)) for _, group in itertools.groupby(counts)]
    assert counts[0] > 0
    assert counts == sorted(counts)
    assert 2 <= len(groups) <= 5
    assert max(groups) >= 4


def test_one_message_too_long_is_an_error_that_clients_know(client: openai.OpenAI) -> None:
    for words in (2_000, 300_000):
        with pytest.raises(openai.BadRequestError) as refused:
            reply(client, text="moon " * words)
        assert (refused.value.code, refused.value.param) == ("context_length_exceeded", "messages")


def test_settings_of_other_servers_are_taken(client: openai.OpenAI) -> None:
    warm: dict[str, Any] = {"temperature": 1.5, "seed": 3}
    one = reply(client, **warm, extra_body={"top_k": 1, "min_p": 0.1, "repetition_penalty": 1.0, "chat_id": "x"})
    assert text(one) == text(reply(client)), "of one token left, the likeliest is drawn"


def test_the_asynchronous_client_is_answered_alike(served: Served, client: openai.OpenAI) -> None:
    async def ask() -> str:
        async with openai.AsyncOpenAI(base_url=served.address, api_key=KEY, max_retries=0) as other:
            said = [{"role": "user", "content": ASKED["yui"]}]
            assert len([model async for model in other.models.list()]) == 5
            stream = await other.chat.completions.create(
                model="yui",
                messages=said,
                temperature=0,
                max_tokens=TOKENS,
                stream=True,  # type: ignore[arg-type]
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert asyncio.run(ask()) == text(reply(client))


def test_a_wrong_key_is_what_the_client_calls_it(served: Served) -> None:
    refused = pytest.raises(openai.AuthenticationError, match="not this server's")
    with openai.OpenAI(base_url=served.address, api_key="wrong", max_retries=0) as other, refused:
        other.models.list()
