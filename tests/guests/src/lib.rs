//! The programs that the tests run in a host are the examples of this
//! package: one component each, grouped by what they are about. Small
//! behaviours are classes of one component, since every component costs time
//! to build.
