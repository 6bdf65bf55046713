from roleplay.dialogue import Dialogue, Turn


def test_identity_follows_roles_and_text_and_not_the_place_in_the_file() -> None:
    turns = (Turn("user", "在看什么？"), Turn("assistant", "绘本。"))
    dialogue = Dialogue(turns, "a.yaml:1")

    assert dialogue.identity == Dialogue(turns, "b.yaml:99").identity
    assert dialogue.identity != Dialogue(turns[::-1], "a.yaml:1").identity
    assert dialogue.identity != Dialogue((turns[0], Turn("user", "绘本。")), "a.yaml:1").identity
    assert dialogue.identity == "a25010449c74dc3f47f36650d306dbf750537eaf2605b74ebf1a70a0c495f563"
