//! Who may ask for what.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use host_identity::{Admitted, Operation, Role, Subject};
use host_proto::admin as proto;
use host_proto::admin::upload_part::Part;
use tonic::{Code, Status};

use crate::fixture::{Client, Gate, Known, caller, check, node};

/// Asks for something and gives the answer away.
type Ask = fn(Client) -> BoxFuture<'static, Result<(), Status>>;

macro_rules! ask {
    ($method:ident, $request:expr) => {{
        let ask: Ask =
            |mut client| Box::pin(async move { client.$method($request).await.map(drop) });
        ask
    }};
}

/// Every operation of the contract, and what has to be allowed for it. Stop is
/// the last: it is carried out.
fn operations() -> Vec<(&'static str, Operation, Ask)> {
    use Operation::{
        CallActor, DrainNode, KillActor, ManageIdentities, ManageTokens, ReadLogs, ReadStatus,
        RunJob, StopNode, UploadPackage,
    };
    use proto::{
        CallRequest, CreateTokenRequest, DrainRequest, ExplainRequest, FindPackageRequest,
        ForgetIdentityRequest, GetActorRequest, KillRequest, ListIdentitiesRequest, ListRequest,
        ListTokensRequest, LogsRequest, RevokeIdentityRequest, RevokeTokenRequest, RunRequest,
        StatusRequest, StopRequest, UploadBegin, UploadPart,
    };
    vec![
        ("status", ReadStatus, ask!(status, StatusRequest { caller: caller() })),
        ("list", ReadStatus, ask!(list, ListRequest { caller: caller(), ..Default::default() })),
        ("get", ReadStatus, ask!(get_actor, GetActorRequest { caller: caller(), target: None })),
        ("explain", ReadStatus, ask!(explain, ExplainRequest { caller: caller(), target: None })),
        ("logs", ReadLogs, ask!(logs, LogsRequest { caller: caller(), ..Default::default() })),
        ("call", CallActor, ask!(call, CallRequest { caller: caller(), ..Default::default() })),
        ("kill", KillActor, ask!(kill, KillRequest { caller: caller(), target: None })),
        (
            "find package",
            UploadPackage,
            ask!(find_package, FindPackageRequest { caller: caller(), ..Default::default() }),
        ),
        (
            "upload",
            UploadPackage,
            ask!(upload_package, {
                let begin = UploadBegin { caller: caller(), ..Default::default() };
                futures_util::stream::iter([UploadPart { part: Some(Part::Begin(begin)) }])
            }),
        ),
        ("run", RunJob, ask!(run, RunRequest { caller: caller(), ..Default::default() })),
        ("drain", DrainNode, ask!(drain, DrainRequest { caller: caller(), ..Default::default() })),
        (
            "create token",
            ManageTokens,
            ask!(create_token, CreateTokenRequest { caller: caller(), ..Default::default() }),
        ),
        ("list tokens", ManageTokens, ask!(list_tokens, ListTokensRequest { caller: caller() })),
        (
            "revoke token",
            ManageTokens,
            ask!(revoke_token, RevokeTokenRequest { caller: caller(), ..Default::default() }),
        ),
        (
            "list identities",
            ManageIdentities,
            ask!(list_identities, ListIdentitiesRequest { caller: caller() }),
        ),
        (
            "revoke identity",
            ManageIdentities,
            ask!(revoke_identity, RevokeIdentityRequest { caller: caller(), ..Default::default() }),
        ),
        (
            "forget identity",
            ManageIdentities,
            ask!(forget_identity, ForgetIdentityRequest { caller: caller(), ..Default::default() }),
        ),
        ("stop", StopNode, ask!(stop, StopRequest { caller: caller() })),
    ]
}

#[test]
fn each_peer_may_do_what_the_table_of_roles_says_and_nothing_else() {
    check(async {
        let gate = Gate::new();
        let name = || "x".parse().unwrap();
        let client = |role| gate.admitted(Subject::Client { name: name(), role });
        let peers = [
            gate.admitted(Subject::Node { name: name() }),
            client(Role::Read),
            client(Role::Run),
            client(Role::Admin),
            Admitted::local(),
        ];
        for peer in peers {
            let served = node(1, "alpha", Arc::new(Known::default()));
            let asking = served.client(Some(peer.clone())).await;
            for (what, operation, ask) in operations() {
                let refused = ask(asking.clone()).await.err();
                let denied = refused.filter(|status| status.code() == Code::PermissionDenied);
                let who = peer.peer();
                assert_eq!(denied.is_none(), who.may(operation), "{who}: {what}: {denied:?}");
                if let Some(status) = denied {
                    assert!(status.message().contains(&who.to_string()), "{status:?}");
                }
            }
            assert_eq!(served.stopping.is_cancelled(), peer.peer().may(Operation::StopNode));
        }
    });
}

#[test]
fn who_is_not_known_may_do_nothing() {
    check(async {
        let served = node(1, "alpha", Arc::new(Known::default()));
        let stranger = served.client(None).await;
        for (what, _, ask) in operations() {
            let status = ask(stranger.clone()).await.unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated, "{what}");
        }
        assert!(!served.stopping.is_cancelled());
    });
}

#[test]
fn another_version_is_told_to_upgrade() {
    check(async {
        let served = node(1, "alpha", Arc::new(Known::default()));
        let mut client = served.client(Some(Admitted::local())).await;
        let caller = Some(proto::Caller { protocol: 99, this_node: false });
        let status = client.status(proto::StatusRequest { caller }).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(status.message().contains("99") && status.message().contains("upgrade"));
        let none = client.stop(proto::StopRequest { caller: None }).await.unwrap_err();
        assert_eq!(none.code(), Code::FailedPrecondition);
        assert!(!served.stopping.is_cancelled());
    });
}
