//! Mistakes that the compiler should explain well.

#[test]
fn mistakes_are_explained() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    // With more crates around, the compiler writes this one's names in full.
    if cfg!(feature = "gpu") {
        cases.compile_fail("tests/ui/names_gpu/*.rs");
    } else {
        cases.compile_fail("tests/ui/names/*.rs");
    }
    if cfg!(feature = "async") {
        cases.compile_fail("tests/ui/async/*.rs");
    } else {
        cases.compile_fail("tests/ui/sequential/*.rs");
    }
}
