//! The `host` program as people use it: whole processes, their output and
//! their exit codes.

mod control;
mod harness;
mod invoke;
mod node;
mod outputs;
mod projects;
mod refusals;
mod run;
mod traces;
