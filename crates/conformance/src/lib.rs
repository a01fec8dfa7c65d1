//! The rules that every store keeps, as named cases.
