"""How much of one text is in another."""

_WITHOUT_SPACES = ("zh", "ja", "th", "lo", "km", "my")


def rouge_l(reply: str, reference: str, language: str) -> float:
    """ROUGE-L, F1, between 0 and 1 (Lin 2004): the longest common subsequence against both lengths.

    It runs over characters in languages that are written without spaces (`language` is a tag such as `zh` or `en-GB`),
    over words in lower case otherwise. Two empty texts are equal.
    """
    from rapidfuzz.distance import Indel  # of the extra `evaluation`; `units` needs nothing

    # Inserting and deleting alone turn one text into the other through their longest common subsequence.
    return float(Indel.normalized_similarity(units(reply, language), units(reference, language)))


def units(text: str, language: str) -> list[str]:
    """What `rouge_l` compares: characters without white space, or words."""
    if language.lower().split("-")[0] in _WITHOUT_SPACES:
        return list("".join(text.split()))
    return text.lower().split()
