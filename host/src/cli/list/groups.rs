//! `host list groups`.

use host_core::{NodeId, limits};
use host_proto::admin as proto;
use serde_json::{Value as Json, json};

use super::super::table::{laid_out, table};
use super::super::target::shown;
use super::super::text::one_line;

/// What is shown of each group.
const HEADER: [&str; 5] = ["GROUP", "JOB", "STRATEGY", "STATE", "BUNDLES"];

/// Placement groups for people.
pub(super) fn for_people(groups: &[proto::Group]) -> String {
    let mut rows = table();
    rows.set_header(HEADER);
    for group in groups {
        let state = match group.why.is_empty() {
            true => state(group.state()).into(),
            false => format!("{}: {}", state(group.state()), one_line(&group.why)),
        };
        rows.add_row([
            shown('g', group.id),
            shown('j', group.job),
            one_line(&group.strategy),
            state,
            bundles(&group.bundles),
        ]);
    }
    laid_out(&rows)
}

/// What each holds and where it is; of many the first.
fn bundles(bundles: &[proto::Bundle]) -> String {
    let shown = bundles.iter().take(limits::EXPLAINED_ITEMS).map(|bundle| {
        let resources = one_line(&bundle.resources);
        match bundle.node {
            0 => resources,
            node => format!("{resources} on {}", NodeId(node)),
        }
    });
    let mut shown: Vec<String> = shown.collect();
    if bundles.len() > shown.len() {
        shown.push(format!("{} more", bundles.len() - shown.len()));
    }
    shown.join("; ")
}

/// A placement group for programs.
pub(super) fn for_programs(group: &proto::Group) -> Json {
    let bundle = |bundle: &proto::Bundle| {
        let node = (bundle.node != 0).then(|| NodeId(bundle.node).to_string());
        json!({ "resources": bundle.resources, "node": node })
    };
    json!({
        "id": shown('g', group.id),
        "job": shown('j', group.job),
        "strategy": group.strategy,
        "state": state(group.state()),
        "why": Some(&group.why).filter(|why| !why.is_empty()),
        "bundles": group.bundles.iter().map(bundle).collect::<Vec<_>>(),
    })
}

fn state(state: proto::GroupState) -> &'static str {
    match state {
        proto::GroupState::Unknown => "unknown",
        proto::GroupState::Waiting => "waiting",
        proto::GroupState::Reserving => "reserving",
        proto::GroupState::Ready => "ready",
    }
}
