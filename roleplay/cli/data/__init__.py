"""`roleplay data`: build a dataset and look at it; a file per command."""

import typer

from roleplay.cli.data import (
    build,
    check,
    export,
    from_chats,
    identity,
    import_,
    novel,
    propose,
    replay,
    review,
    show,
    stats,
)

app = typer.Typer(help="Build a character's dataset and look at it.", no_args_is_help=True, rich_markup_mode=None)
app.command("build")(build.build)
app.command("show")(show.show)
app.command("stats")(stats.stats)
app.command("check")(check.check)
app.command("propose")(propose.propose)
app.command("replay")(replay.replay)
app.command("identity")(identity.identity)
app.command("import")(import_.import_)
app.command("export")(export.export)
app.command("novel")(novel.novel)
app.command("from-chats")(from_chats.from_chats)
app.command("review")(review.review)
