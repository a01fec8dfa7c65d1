//! The stories of read models in SQLite, as one program, so that they are linked once.

mod a_new_version_is_built_beside;
mod a_read_model_is_up_to_date_when_it_says_so;
mod bank;
mod handled_events_are_remembered_up_to_a_bound;
mod no_event_is_skipped_and_none_repeated;
mod two_of_one_name_are_fenced;
mod what_cannot_be_projected_is_named;
mod whatever_belongs_to_a_read_model_moves_with_it;
