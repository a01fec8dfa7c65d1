//! The stories of a disk that fails, as one program, so that they are linked once.

mod a_repair_that_is_cut;
mod agrees_with_the_model;
mod an_end_that_was_recovered_and_closed_is_not_taken_for_torn;
mod clock_goes_back;
mod common;
mod damage_is_reported_never_cut;
mod disk_full;
mod every_failing_operation;
mod failed_sync_stops_writing;
mod fresh_seeds;
mod power_cut;
mod reads_beside_a_writer;
mod same_seed_same_run;
mod upkeep_is_part_of_the_runs;
mod what_is_removed_is_in_no_file;
