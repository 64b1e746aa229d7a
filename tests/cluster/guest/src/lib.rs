//! The load of the tests with several hosts. `load` calls actors that log who
//! called them, for some time, and tells of each call, until `end`; `look` tells what
//! the actors have logged; `many` creates as many actors as are asked for; `place`
//! and `wait` say where actors are that ask for a place; `group` tells how a
//! placement group lives and ends.

mod groups;
mod line;
mod load;
mod many;
mod placing;

use std::str::FromStr;

use greenroom::prelude::*;

pub use line::{Line, Outcome};

const USAGE: &str = "load CALLER ACTORS SECONDS IN_FLIGHT, or end ACTORS, or look ACTORS, or many ACTORS SECONDS, \
                     or place WHAT…, or wait ACTORS, or group, or settle NAME NODE, or visit NAME";

#[driver]
fn main(args: Vec<String>) -> Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["load", caller, actors, seconds, in_flight] => {
            load::load(caller, parse(actors)?, parse(seconds)?, parse(in_flight)?)
        }
        ["end", actors] => load::end(parse(actors)?),
        ["look", actors] => load::look(parse(actors)?),
        ["many", actors, seconds] => many::many(parse(actors)?, parse(seconds)?),
        ["place", what @ ..] => placing::place(what),
        ["wait", actors] => placing::wait(parse(actors)?),
        ["group"] => groups::group(),
        ["settle", name, node] => placing::settle(name, node),
        ["visit", name] => placing::visit(name),
        _ => Err(Error::failed(USAGE)),
    }
}

fn parse<T: FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::failed(format!("{text:?} is no number; {USAGE}")))
}

fn print(line: &Line) {
    println!("{}", serde_json::to_string(line).expect("a line is plain data"));
}
