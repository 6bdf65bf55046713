"""What the figures say together."""

import pytest

from roleplay.evaluation.findings import findings_of
from roleplay.evaluation.report import Measure
from roleplay.measures.interval import Interval
from tests.evaluation.reports import around


def measure(name: str, **lanes: Interval) -> Measure:
    """Of lanes named `pp`, `bp`, `p` and `b`."""
    names = {"pp": "persona+prefix", "bp": "base+prefix", "p": "persona", "b": "base"}
    by_name = {names[lane]: interval for lane, interval in lanes.items()}
    return Measure(name, "likelihood", name, "lower", by_name, references={"floor": 0.2, "ceiling": 0.8}, note="Why.")


@pytest.mark.parametrize(
    ("measures", "level", "told"),
    [
        ([measure("heldout_bits", pp=around(4, 0.1), bp=around(5, 0.1))], "good", "likelier with the adapter"),
        ([measure("heldout_bits", pp=around(5, 0.1), bp=around(4, 0.1))], "warning", "less likely with the adapter"),
        ([measure("heldout_bits", pp=around(4, 0.9), bp=around(5, 0.9))], "warning", "about as likely"),
        ([measure("kl", p=Interval(0, 0, 0))], "warning", "changes nothing"),
        ([measure("style", pp=around(0.7), bp=around(0.3))], "good", "sound like Mira: 83% of the way"),
        ([measure("style", pp=around(0.45), bp=around(0.3))], "note", "sound half like Mira"),
        ([measure("style", pp=around(0.25), bp=around(0.3))], "warning", "do not sound like Mira"),
        ([measure("heldout_bits", pp=around(4, 0.1), p=around(5, 0.1))], "note", "prefix still matters"),
        ([measure("heldout_bits", pp=around(4, 0.9), p=around(5, 0.9))], "note", "hardly needs the prefix"),
        ([measure("retention_loss", p=around(2.6), b=around(2.0))], "warning", "from 2.00 to 2.60 nats per token"),
        ([measure("forgotten", p=around(0.4))], "note", "Forgotten without the prefix: 40%. Why."),
        ([measure("stopped", pp=around(0.9))], "warning", "Only 90% of the replies end by themselves"),
        ([measure("copied", pp=around(0.6))], "warning", "60% of what it says stands word for word"),
    ],
)
def test_each_figure_has_its_sentence(measures: list[Measure], level: str, told: str) -> None:
    found = [(finding.level, finding.text) for finding in findings_of(measures, "Mira")]

    assert len(found) == 1
    assert found[0][0] == level
    assert told in found[0][1]


@pytest.mark.parametrize(
    "fine",
    [
        measure("retention_loss", p=around(2.4), b=around(2.0)),
        measure("stopped", pp=around(0.99)),
        measure("copied", pp=around(0.1)),
        measure("kl", p=around(0.5)),
    ],
)
def test_what_is_as_it_should_be_has_none(fine: Measure) -> None:
    assert findings_of([fine], "Mira") == []


def test_the_worst_comes_first() -> None:
    measures = [measure("heldout_bits", pp=around(4, 0.1), bp=around(5, 0.1), p=around(4, 0.1))]
    measures += [measure("stopped", pp=around(0.5))]

    assert [finding.level for finding in findings_of(measures, "Mira")] == ["warning", "good"]
