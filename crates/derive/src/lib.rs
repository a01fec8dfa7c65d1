//! Turns an enum into events.
