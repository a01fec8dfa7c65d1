//! Turns events into typed aggregates and decisions.
