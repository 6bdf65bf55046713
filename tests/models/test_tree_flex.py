"""FlexAttention over a tree: its blocks are those of the mask, its results those of the samples one by one."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.attention import flex_attention as torch_flex
from transformers import LlamaConfig, MistralConfig

from roleplay.dataset.tree import build_tree
from roleplay.models import tree_flex
from roleplay.models.tree_attention import dense_attention, grouped_attention
from roleplay.models.tree_flex import block_attention, find_blocks
from roleplay.models.tree_plan import FLEX, TreePlan, Unfit, plan_tree
from tests.models.test_tree_attention import CONFIGS, GROUPED, gradients, one_by_one, over_the_tree, tuned_model

pytestmark = pytest.mark.filterwarnings(
    "ignore:flex_attention called without torch.compile:UserWarning",
    "ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning",  # torch's own, while it compiles
)


def tree_plan(lengths: list[int], shared: int, device: str = "cpu") -> TreePlan:
    """Samples of these lengths that share their first tokens, then every second one its next ten as well."""
    samples = [[*range(shared), *[-1 - i % 2] * 10, *[1000 + i] * length] for i, length in enumerate(lengths)]
    return plan_tree(build_tree(samples, [[True] * len(sample) for sample in samples]), device)


def parts_of(plan: TreePlan, heads: tuple[int, int], width: int, **options: Any) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(len(plan.end))
    return [
        torch.randn(1, count, len(plan.end), width, generator=generator).to(**options).requires_grad_()
        for count in (heads[0], heads[1], heads[1])
    ]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=5), st.integers(1, 300))
def test_the_blocks_are_those_that_torch_finds_in_the_whole_mask(lengths: list[int], shared: int) -> None:
    end = tree_plan(lengths, shared).end
    blocks = find_blocks(end)
    count = len(blocks.end)
    assert count % 128 == 0

    def sees(batch: Any, head: Any, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
        inside = (q < len(end)) & (k < len(end))
        return torch.where(inside, (k <= q) & (q < end[k.clamp(max=len(end) - 1)]), q == k)

    wanted = torch_flex.create_block_mask(sees, 1, 1, count, count, device="cpu")
    found = torch_flex.BlockMask((count, count), *blocks.lists, BLOCK_SIZE=(128, 128), mask_mod=torch_flex.noop_mask)
    for name in torch_flex.BlockMask._TENSOR_ATTRS[:8]:
        torch.testing.assert_close(getattr(found, name), getattr(wanted, name), rtol=0, atol=0)


def test_siblings_a_block_apart_do_not_meet_and_what_is_shared_is_seen_whole() -> None:
    blocks = find_blocks(tree_plan([246, 246], shared=256).end)  # the rests are 256 to 511 and 512 to 767
    mask = torch_flex.BlockMask((768, 768), *blocks.lists, BLOCK_SIZE=(128, 128), mask_mod=torch_flex.noop_mask)
    whole = torch_flex.BlockMask(
        (768, 768), *blocks.lists[2:4], None, None, *[None] * 4, BLOCK_SIZE=(128, 128), mask_mod=torch_flex.noop_mask
    )
    assert mask.to_dense()[0, 0].tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 0, 0, 1, 0],
        [1, 1, 0, 0, 1, 1],
    ]
    assert whole.to_dense()[0, 0].tolist() == (mask.to_dense()[0, 0] - torch.eye(6, dtype=torch.int32)).tolist()


@pytest.mark.parametrize("kind", CONFIGS)
def test_loss_and_gradients_are_those_of_the_samples_one_by_one(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # torch refuses gradients on a CPU since its compiled kernel has none there; the plain formula does.
    monkeypatch.setattr(torch_flex, "_validate_device", lambda *parts: None)
    tuned = tuned_model(CONFIGS[kind])
    wanted = one_by_one(tuned)
    wanted_gradients = gradients(tuned, wanted)
    found = over_the_tree(tuned, FLEX)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    difference = gradients(tuned, found) - wanted_gradients
    assert difference.norm() <= 1e-5 * wanted_gradients.norm()


@pytest.mark.parametrize(("width", "padded"), [(8, 16), (24, 24)])
def test_scores_are_capped_and_narrow_heads_padded(width: int, padded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    attend, seen = tree_flex._attend, []
    monkeypatch.setattr(tree_flex, "_attend", lambda *parts: [seen.extend(parts[:3]), attend(*parts)][1])
    plan = tree_plan([30, 90, 5], shared=40)
    parts = [part.detach() for part in parts_of(plan, (4, 2), width)]
    wanted, _ = grouped_attention(torch.nn.Module(), *parts, None, tree=plan, softcap=0.8)
    found, _ = block_attention(torch.nn.Module(), *parts, None, tree=plan, softcap=0.8)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    assert {part.shape[3] for part in seen} == {padded}


def test_the_blocks_are_found_once_for_a_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[torch.Tensor] = []
    monkeypatch.setattr(tree_flex, "find_blocks", lambda end: [asked.append(end), find_blocks(end)][1])
    plan = tree_plan([5, 6], shared=3)
    for _ in range(3):
        block_attention(torch.nn.Module(), *(part.detach() for part in parts_of(plan, (2, 1), 16)), None, tree=plan)
    assert (len(asked), plan.calls) == (1, 3)


Attend = Callable[..., torch.Tensor]


@pytest.fixture
def attend_with(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], Attend]]:
    """The function for GPUs on a CPU, compiled by a backend of the test's own."""
    compile_with = torch.compile

    def make(backend: Any) -> Attend:
        monkeypatch.setattr(torch, "compile", lambda code, **options: compile_with(code, backend=backend, **options))

        def attend(
            plan: TreePlan, heads: tuple[int, int], width: int = 16, softcap: float | None = None
        ) -> torch.Tensor:
            blocks = find_blocks(plan.end)
            parts = [tree_flex._padded(part.detach(), len(blocks.end)) for part in parts_of(plan, heads, width)]
            return tree_flex._attend_compiled(*parts, blocks.end, blocks.lists, 0.25, softcap)

        return attend

    tree_flex._compiled.cache_clear()
    with torch._dynamo.config.patch(recompile_limit=2):
        yield make
    tree_flex._compiled.cache_clear()
    torch._dynamo.reset()


def test_trees_of_every_size_use_one_compiled_graph(attend_with: Callable[[Any], Attend]) -> None:
    graphs: list[torch.fx.GraphModule] = []

    def count(graph: torch.fx.GraphModule, inputs: Any) -> Any:
        graphs.append(graph)
        return graph

    attend = attend_with(count)
    for tokens in (200, 3, 700, 300, 900):  # 256 padded tokens: as many as a head is wide, in as many blocks as heads
        attend(tree_plan([tokens], shared=1), (4, 2), width=256)
    assert len(graphs) == 1
    call = next(node for node in graphs[0].graph.nodes if "flex_attention" in str(node.target))
    assert call.args[5] == 0.25  # a number in the kernel, no variable
    for softcap in (30.0, 50.0):
        attend(tree_plan([5], shared=1), (4, 2), width=256, softcap=softcap)
    assert len(graphs) == 3


def test_what_cannot_be_compiled_is_unfit(attend_with: Callable[[Any], Attend]) -> None:
    def fail(graph: torch.fx.GraphModule, inputs: Any) -> Any:
        raise RuntimeError("no compiler")

    with pytest.raises(Unfit, match=r"FlexAttention could not be compiled: .*no compiler"):
        attend_with(fail)(tree_plan([3], shared=1), (2, 1))


def test_too_many_variants_are_an_error_and_nothing_is_computed_uncompiled(
    attend_with: Callable[[Any], Attend], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_flex, "_GRAPHS", 2)
    attend, plan = attend_with("eager"), tree_plan([3], shared=1)
    for softcap in (1.0, 2.0):
        attend(plan, (1, 1), softcap=softcap)
    with pytest.raises(Unfit, match="could not be compiled"):
        attend(plan, (1, 1), softcap=3.0)


def test_a_window_shorter_than_a_sample_and_dropout_are_refused() -> None:
    with pytest.raises(Unfit, match="23 tokens do not fit into its window of 16"):
        over_the_tree(tuned_model(MistralConfig(**GROUPED, sliding_window=16)), FLEX)
    with pytest.raises(Unfit, match="dropout"):
        over_the_tree(tuned_model(LlamaConfig(**GROUPED, attention_dropout=0.1)), FLEX)


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_the_compiled_kernel_of_a_cpu_reads_the_blocks(attend_with: Callable[[Any], Attend]) -> None:
    attend = attend_with("inductor")
    for lengths, shared in (([246, 246], 256), ([30, 700, 5], 40), ([3], 1)):
        plan = tree_plan(lengths, shared)
        with torch.no_grad():
            found = attend(plan, (4, 2))[:, :, : len(plan.end)].transpose(1, 2)
        wanted, _ = dense_attention(torch.nn.Module(), *parts_of(plan, (4, 2), 16), None, tree=plan, scaling=0.25)
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize(("heads", "width"), [((4, 4), 64), ((8, 2), 64), ((4, 2), 8), ((4, 1), 96)])
@pytest.mark.parametrize("softcap", [None, 20.0])
def test_on_a_gpu_it_is_the_other_ways_forward_and_backward(
    heads: tuple[int, int], width: int, softcap: float | None
) -> None:
    module = torch.nn.Module()
    for lengths, shared in (([246, 246], 256), ([30, 700, 5, 90], 40), ([3], 1)):
        plan = tree_plan(lengths, shared, "cuda")
        other = dense_attention if softcap is None else grouped_attention
        wide = parts_of(plan, heads, width, device="cuda", dtype=torch.float64)
        wanted, _ = other(module, *wide, None, tree=plan, softcap=softcap)
        pull = torch.randn_like(wanted)
        wanted_gradients = torch.autograd.grad((wanted * pull).sum(), wide)
        for dtype, allowed in ((torch.float32, 1e-5), (torch.bfloat16, 2e-2)):
            parts = [part.detach().to(dtype).requires_grad_() for part in wide]
            found, _ = block_attention(module, *parts, None, tree=plan, softcap=softcap)
            gradients_found = torch.autograd.grad((found * pull.to(dtype)).sum(), parts)
            for one, exact in zip([found, *gradients_found], [wanted, *wanted_gradients], strict=True):
                assert (one.double() - exact).norm() <= allowed * exact.norm()
