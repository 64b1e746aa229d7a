//! Amounts of named resources, exact: sums of fractions never drift.
