//! Mistakes that the compiler should explain well.

#[test]
fn mistakes_are_explained() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    if cfg!(feature = "async") {
        cases.compile_fail("tests/ui/async/*.rs");
    } else {
        cases.compile_fail("tests/ui/sequential/*.rs");
    }
}
