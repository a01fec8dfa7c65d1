//! Runs the real store on a fake disk and clock and checks it against a small model.
