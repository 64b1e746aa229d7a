//! Tests with real hosts. Each starts a cluster of its own.

mod chaos;
mod crashes;
mod examples;
mod gpus;
mod many;
mod membership;
mod partitions;
mod placing;
mod records;
mod watching;

use cluster_tests::Store;
use libtest_mimic::Trial;

/// Makes a trial of each function for each store of the records.
macro_rules! for_both_stores {
    ($($module:ident::$name:ident),* $(,)?) => {
        [$(
            trial(concat!(stringify!($module), "::", stringify!($name), "::embedded"), || {
                $module::$name(Store::Embedded);
            }),
            trial(concat!(stringify!($module), "::", stringify!($name), "::etcd"), || {
                $module::$name(Store::Etcd);
            })
        ),*]
    };
}

pub(crate) fn trials() -> Vec<Trial> {
    let both = for_both_stores! {
        chaos::random_faults_break_no_promise,
        crashes::killed_host_loses_no_acknowledged_call,
        crashes::paused_host_answers_nothing_once_its_lease_is_over,
        examples::counter_counts_wherever_it_is_run,
        membership::hosts_join_and_leave_under_load,
        membership::replaced_host_joins_as_another,
        partitions::majority_goes_on_without_a_host_that_is_cut_off,
        partitions::cut_in_one_direction_breaks_no_promise,
        partitions::poor_network_breaks_no_promise,
        placing::drained_host_hands_its_actors_over_under_load,
        records::calls_go_on_while_the_store_is_away,
        watching::any_actor_is_reached_from_any_host,
    };
    let one = [
        trial("examples::wordcount_counts_over_three_hosts", || {
            examples::wordcount_counts_over_three_hosts();
        }),
        trial("gpus::actor_with_a_gpu_moves_to_a_host_that_has_one_free", || {
            gpus::actor_with_a_gpu_moves_to_a_host_that_has_one_free();
        }),
        trial("many::ten_thousand_actors_live_on_three_hosts", || {
            many::ten_thousand_actors_live_on_three_hosts();
        }),
        trial("placing::actors_are_where_their_strategy_and_labels_say", || {
            placing::actors_are_where_their_strategy_and_labels_say();
        }),
        trial("placing::group_ends_with_a_host_and_leaves_nothing_reserved", || {
            placing::group_ends_with_a_host_and_leaves_nothing_reserved();
        }),
        trial("placing::actors_that_wait_go_to_a_host_that_joins", || {
            placing::actors_that_wait_go_to_a_host_that_joins();
        }),
        trial("placing::drain_of_what_cannot_be_drained_is_refused", || {
            placing::drain_of_what_cannot_be_drained_is_refused();
        }),
        trial("membership::first_host_with_wiped_data_is_no_member", || {
            membership::first_host_with_wiped_data_is_no_member();
        }),
        trial("records::hosts_survive_a_long_absence_of_the_first", || {
            records::hosts_survive_a_long_absence_of_the_first();
        }),
        trial("watching::hosts_say_whether_they_can_work", || {
            watching::hosts_say_whether_they_can_work();
        }),
    ];
    both.into_iter().chain(one).collect()
}

fn trial(name: &'static str, test: fn()) -> Trial {
    Trial::test(format!("hosts::{name}"), move || {
        test();
        Ok(())
    })
}
