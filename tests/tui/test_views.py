"""The parts of the chat: side by side where there is room, else one after the other."""

from roleplay.cards.load import CardFile
from roleplay.chat.store import ChatStore
from roleplay.paths import Home
from tests.tui.person import YUKI, Person, meet, play, write_card


def test_a_narrow_terminal_shows_one_part_and_ctrl_t_leads_on(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30", "Chat  Lanes  Character")
        assert "Alt+1" not in person.text
        await person.press("ctrl+t")
        await person.sees("No lane answers beside the conversation.")
        await person.press("ctrl+b")
        await person.says("Hi")
        await person.sees("harbour  who", "SOUP.")
        assert "Soup's on" not in person.text
        await person.press("ctrl+t")
        await person.sees("Alt+1 who on", "● persona+prefix")
        await person.press("ctrl+t")
        await person.sees("Soup's on", "Soup.")
        await person.press("x")
        assert person.prompt.text == "x"

    play(meet(home, "Soup."), story, (80, 30))


def test_a_click_on_a_tab_shows_its_part(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.pilot.click(offset=(person.screen[0].index("Character") + 1, 0))
        await person.sees("Alt+1 who on")
        await person.pilot.click(offset=(person.screen[0].index("Chat") + 1, 0))
        await person.sees("Soup's on")

    play(meet(home), story, (80, 24))


def test_where_all_is_in_view_ctrl_t_says_so(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30", "Alt+1 who on", "Soup's on")
        await person.press("ctrl+t")
        await person.is_told("all parts are in view")

    play(meet(home), story, (100, 30))


def test_sections_of_the_sidebar_fold(mira: CardFile, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("mira/first@30", "▼ prefixes", "Alt+1 who on")
        row = next(y for y, text in enumerate(person.screen) if "prefixes" in text)
        await person.pilot.click(offset=(4, row))
        await person.sees("▶ prefixes")
        assert "Alt+1" not in person.text

    play(meet(home), story, (110, 40))


def test_conversations_and_characters_are_chosen_in_the_sidebar(mira: CardFile, home: Home, store: ChatStore) -> None:
    write_card(mira.path.parent, YUKI)
    store.add(store.new_chat("mira"), None, "user", "Old question")

    async def story(person: Person) -> None:
        await person.sees("mira/first@30", "Old question", "雪")
        await person.says("Now")
        await person.sees("Soup.", "● Now▕")
        person.chat.query_one("#sidebar-chats").focus()
        await person.press("end", "enter")
        await person.sees("▌ Old question", "● Old question")
        person.chat.query_one("#sidebar-chats").focus()
        await person.press("home", "enter")
        await person.sees_no("▌ Old question")
        await person.until(lambda: person.app.focused is person.prompt)
        person.chat.query_one("#sidebar-characters").focus()
        await person.press("end", "enter")
        await person.sees("Say something to 雪", "● 雪")

    play(meet(home, "Soup.", kept=True), story, (110, 40))


def test_what_changed_since_the_last_time_is_told(mira: CardFile, home: Home) -> None:
    async def before(person: Person) -> None:
        await person.sees("mira/first@30")
        await person.says("Hi")
        await person.sees("Soup.")
        await person.hears_out()

    async def after(person: Person) -> None:
        await person.sees("The card has changed since", "Soup.", "mira/first@30")
        await person.says("And?")
        await person.sees("Bread.")
        await person.hears_out()
        assert person.text.count("The card has changed since") == 1

    play(meet(home, "Soup.", kept=True), before)
    mira.path.write_text(mira.path.read_text().replace("a cook.", "a baker."))
    play(meet(home, "Bread.", kept=True, resume=True), after, (110, 40))


def test_a_full_context_is_told(mira: CardFile, home: Home) -> None:
    from tests.tui.script import Reply

    async def story(person: Person) -> None:
        await person.says("Hi")
        await person.sees("Soup.", "the first 2 turns left out")
        await person.is_told("The context is full")

    play(meet(home, Reply(["Soup."], left_out=2)), story, (140, 40))
