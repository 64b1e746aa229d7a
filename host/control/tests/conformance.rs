//! One suite for every control store: what the trait promises, tested on the
//! embedded store, on its client over gRPC, and on a real etcd.
//!
//! `cases` is the suite, `fixture` a store that can be stopped, cut off and
//! compacted; beside the suite stands what only one of the stores promises.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

#[path = "conformance/cases.rs"]
mod cases;
#[path = "conformance/embedded.rs"]
mod embedded_only;
#[path = "conformance/etcd.rs"]
mod etcd_only;
#[path = "conformance/faults.rs"]
mod faults;
#[path = "conformance/fixture.rs"]
mod fixture;
#[path = "conformance/leases.rs"]
mod leases;
#[path = "conformance/proxy.rs"]
mod proxy;
#[path = "conformance/remote.rs"]
mod remote_only;
#[path = "conformance/watches.rs"]
mod watches;

/// Makes a test of each case for each store.
macro_rules! conformance {
    ($($group:ident::$case:ident),* $(,)?) => {
        conformance!(@store embedded, fixture::Kind::Embedded, $($group::$case),*);
        conformance!(@store remote, fixture::Kind::Remote, $($group::$case),*);
        conformance!(@store etcd, fixture::Kind::Etcd, $($group::$case),*);
    };
    (@store $store:ident, $kind:expr, $($group:ident::$case:ident),*) => {
        mod $store {
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    $group::$case(fixture::Fixture::start($kind).await).await;
                }
            )*
        }
    };
}

conformance!(
    cases::exactly_one_writer_wins_each_round,
    cases::revision_grows_with_every_change_and_never_goes_back,
    cases::comparisons_hold_or_tell_what_they_saw,
    cases::transaction_that_fails_changes_nothing,
    cases::pages_have_every_record_once_in_order,
    cases::page_ends_before_it_is_too_large,
    cases::keys_are_any_bytes,
    cases::what_is_past_a_limit_is_refused_and_what_is_at_it_is_taken,
    leases::lease_that_is_not_kept_alive_takes_its_records_along,
    leases::lease_that_is_kept_alive_stays,
    leases::lease_that_is_gone_is_named,
    leases::record_goes_with_its_last_lease_only,
    watches::watch_tells_every_change_once_in_order,
    watches::changes_of_one_transaction_come_together,
    watches::watch_resumes_after_a_cut_connection,
    watches::watch_of_compacted_changes_says_so_and_a_new_one_works,
    watches::watcher_that_does_not_read_misses_nothing_unsaid,
    faults::operation_ends_at_its_deadline,
    faults::unreachable_store_is_waited_for,
    faults::restart_loses_no_acknowledged_write,
    faults::leases_and_watches_outlive_a_restart,
    faults::store_of_another_cluster_is_refused,
    faults::store_that_was_wiped_is_refused,
);
