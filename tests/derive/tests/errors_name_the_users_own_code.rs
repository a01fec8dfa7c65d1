//! What does not compile says which variant or field is wrong, and what to write instead.

#[test]
fn each_mistake_has_its_message() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
