"""Run every benchmark: `python -m tests.bench`."""

from tests.bench.knowledge import build_of_a_large_book, search_in_many_passages
from tests.bench.lanes import first_token_at_turn_20_against_turn_2, four_lanes_against_one
from tests.bench.replies import one_lane_against_plain_generate
from tests.bench.screen import first_frame_against_a_bare_app, typing_while_loading_and_answering
from tests.bench.serving import sixteen_streams_against_one
from tests.bench.startup import help_against_bare_python
from tests.bench.steps import steps_as_trees_against_padded_rows

if __name__ == "__main__":
    help_against_bare_python()
    first_frame_against_a_bare_app()
    typing_while_loading_and_answering()
    one_lane_against_plain_generate()
    four_lanes_against_one()
    first_token_at_turn_20_against_turn_2()
    steps_as_trees_against_padded_rows()
    sixteen_streams_against_one()
    search_in_many_passages()
    build_of_a_large_book()
