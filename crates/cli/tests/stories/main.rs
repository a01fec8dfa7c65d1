//! The command line's stories, as one program, so that they are linked once.

mod a_store_that_is_not_well_is_named;
mod an_operator_removes_what_may_go;
mod append_and_read;
mod backup_and_restore_are_inverse;
mod bad_input_is_named;
mod beside_a_writer;
mod closed_pipe;
mod command;
mod demo_tells_its_story_twice;
mod export_and_import_are_inverse;
mod forget_leaves_a_receipt_and_nothing_else;
mod help_and_completions;
mod import_names_the_bad_line;
mod import_survives_any_line;
#[cfg(feature = "s3")]
mod old_files_are_moved_to_s3_and_read_from_there;
mod projections_are_shown_and_mended;
mod repair_saves_and_says_what_is_lost;
mod show_and_diff_fold_any_stream;
mod signed_history_cannot_be_changed;
mod streams_and_stat;
mod the_guide_about_keeping_runs;
mod the_guide_on_time_travel_is_true;
mod verify_finds_damage;
mod what_is_refused_changes_nothing;
mod why_tells_causes_and_effects;
