//! Tests with several hosts, each a real process in a network of its own.
//!
//! `network`, `processes` and `clusters` prove that the harness does what it
//! says, with programs that are no hosts; `hosts` has the tests of hosts.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod clusters;
mod hosts;
mod network;
mod processes;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// Makes a list of trials of functions, named as `cargo test` names tests.
macro_rules! trials {
    ($($module:ident: [$($name:ident),* $(,)?]),* $(,)?) => {
        vec![$($(
            Trial::test(concat!(stringify!($module), "::", stringify!($name)), || {
                $module::$name();
                Ok(())
            })
        ),*),*]
    };
}

fn main() -> ExitCode {
    // First of all, while there is one thread. A machine that does not allow
    // it fails each test, with the reason.
    let entered = cluster_tests::namespace::enter().map_err(|error| error.to_string());
    if std::env::var_os(processes::CHILD).is_some() {
        processes::start_one_and_wait();
    }
    let mut arguments = Arguments::from_args();
    // Hosts that share two processors with other clusters miss their leases.
    arguments.test_threads.get_or_insert(1);
    let trials = match entered {
        Ok(()) => trials(),
        Err(reason) => trials()
            .into_iter()
            .map(|trial| {
                let reason = reason.clone();
                Trial::test(trial.name().to_owned(), move || Err(reason.into()))
            })
            .collect(),
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials() -> Vec<Trial> {
    let harness = trials! {
        network: [
            nodes_reach_each_other_themselves_and_nothing_else,
            cut_is_silent_and_in_one_direction,
            cut_stalls_a_connection_and_healing_continues_it,
            nobody_answers_behind_a_cut,
            sets_are_parted_from_sets,
            delay_is_added_in_each_direction,
            share_of_packets_is_lost,
            jitter_reorders_packets,
            streams_survive_a_poor_network,
            networks_do_not_meet,
        ],
        clusters: [
            hosts_join_and_see_each_other,
            faults_befall_the_host_they_are_meant_for,
            host_that_does_not_start_fails_the_test_with_its_last_words,
            host_without_its_data_can_be_expected_to_give_up,
            etcd_is_passed_to_hosts_and_cut_off_like_them,
        ],
        processes: [
            program_lives_in_its_node,
            paused_program_does_nothing_until_it_goes_on,
            killed_program_is_gone,
            terminated_program_may_say_goodbye,
            line_that_does_not_come_fails_with_what_was_waited_for,
            output_to_a_file_is_whole,
            etcd_serves_other_nodes_and_starts_again_on_its_data,
            programs_die_with_the_process_that_started_them,
        ],
    };
    harness.into_iter().chain(hosts::trials()).collect()
}
