//! The command line of hitherto.
fn main() {}
