"""`roleplay serve`: characters over HTTP."""

from typing import TYPE_CHECKING

import typer

from roleplay.cli.output import emit, say
from roleplay.cli.which_model import check_which_model
from roleplay.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from roleplay.serve.model import Model

PORT = 8765


def serve(
    names: list[str] = typer.Argument(help="Names of characters, or cards' paths."),
    host: str = typer.Option(
        "127.0.0.1", "--host", help="Address to listen on; others than this machine can reach it."
    ),
    port: int = typer.Option(PORT, "--port", min=0, max=65535, help="Port; 0 takes a free one."),
    key: bool = typer.Option(True, "--key/--no-key", help="Ask for the API key, or answer whoever asks."),
    base: str = typer.Option(None, "--base", help="pocket, a folder, or a hub id[@revision]."),
    adapter: str = typer.Option(
        "best", "--adapter", help="best (the promoted one, where one was promoted), last, or a kept epoch-N."
    ),
    quant: str = typer.Option(None, "--quant", help="Keep the base in none, int8 or nf4; as trained if left out."),
    device: str = typer.Option("auto", "--device", help="auto, cpu or cuda."),
    dtype: str = typer.Option(None, "--dtype", help="float32 or bfloat16; float32 on a CPU if left out."),
    rows: int = typer.Option(32, "--rows", min=1, max=1024, help="Replies that a base computes at once."),
    queue: int = typer.Option(64, "--queue", min=1, max=65536, help="Replies that may wait; beyond it: status 429."),
    trust_remote_code: bool = typer.Option(False, "--trust-remote-code", help="Let the base's own code run."),
) -> None:
    """Answer the OpenAI chat API with these characters, until Ctrl-C."""
    check_which_model("--adapter", adapter, quant, device, dtype)
    from roleplay.cards.find import open_card
    from roleplay.paths import find_home

    home = find_home()
    cards = [open_card(name, home) for name in dict.fromkeys(names)]
    try:
        from roleplay.serve.run import is_loopback
        from roleplay.serve.run import serve as answer
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("fastapi", "starlette", "uvicorn", "prometheus_client"):
            raise
        raise UsageError(f"serving needs {error.name}; install it with: pip install 'roleplay[server]'") from error
    from roleplay.serve.key import VARIABLE, find_key
    from roleplay.serve.open import Wanted

    secret, kept = find_key(home) if key else (None, "")
    if not is_loopback(host):
        say(f"--host {host}: other machines reach this server, and what is said passes unencrypted")
    if secret is None:
        say("--no-key: whoever reaches this server is answered")

    def ready(address: str, models: "Mapping[str, Model]") -> None:
        emit(address)
        for model in models.values():
            say(f"  {model.id:<24} {model.about}")
        if secret is not None:
            say(f"API key: {secret} (kept in {kept})" if kept != VARIABLE else f"API key: as {VARIABLE} says")
        say("Ctrl-C ends it.")

    wanted = Wanted(base, adapter, trust_remote_code, quant, device, dtype, rows, queue)
    answer(cards, home, wanted, host=host, port=port, key=secret, tell=say, ready=ready)
