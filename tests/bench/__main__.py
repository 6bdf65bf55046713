"""Run every benchmark: `python -m tests.bench`."""

from tests.bench.finding import search_in_a_long_history
from tests.bench.replies import one_lane_against_plain_generate
from tests.bench.screen import first_frame_against_a_bare_app, typing_while_loading_and_answering
from tests.bench.startup import help_against_bare_python
from tests.bench.steps import steps_as_trees_against_padded_rows

if __name__ == "__main__":
    help_against_bare_python()
    first_frame_against_a_bare_app()
    typing_while_loading_and_answering()
    one_lane_against_plain_generate()
    steps_as_trees_against_padded_rows()
    search_in_a_long_history()
