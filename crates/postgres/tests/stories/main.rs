//! The stories of read models in PostgreSQL, as one program, so that they are linked once.

mod a_commit_whose_answer_is_lost_happens_once;
mod a_new_version_is_built_beside_and_takes_over;
mod a_poison_event_is_parked_with_its_key;
mod a_projection_may_read_in_its_transaction;
mod a_server_that_is_restarted_is_found_again;
mod common;
mod connections_are_as_safe_as_the_address_says;
mod each_event_has_its_effect_once;
mod failures_of_the_server_lose_nothing_and_repeat_nothing;
mod the_example_tells_its_story;
mod values_become_what_their_columns_are;
mod what_a_server_must_promise;
