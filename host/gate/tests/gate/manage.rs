//! What an operator does with tokens and identities.

use std::time::Duration;

use host_control::{ControlStore as _, Deadline, Error as StoreError, Key, Transaction};
use host_gate::{Error, Guarded, Identity};
use host_identity::{Kind, Order, PrivateKey, Role, TokenId, Uses, record};

use crate::faulty::{Fault, Faulty};
use crate::fixture::{Cluster, DAY, dyn_store, name, node, said};

#[tokio::test]
async fn tokens_are_listed_with_what_became_of_them() {
    let cluster = Cluster::found().await;
    let used = cluster.token().await;
    let (used_id, many) = (used.id(), cluster.order(Kind::Client(Role::Admin), Uses::Many, None));
    let many = many.await.id();
    cluster.join_with(used, "beta").await.unwrap();
    cluster.registrar.revoke_token(many).await.unwrap();
    let tokens = cluster.registrar.tokens().await.unwrap();
    assert_eq!(tokens.len(), 2);
    let find = |id| tokens.iter().find(|token| token.id == id).unwrap();
    assert_eq!((find(used_id).used, find(used_id).revoked), (1, None));
    assert!(find(many).revoked.is_some());
    let nobody = TokenId::from_bytes([9; 8]);
    let error = cluster.registrar.revoke_token(nobody).await;
    assert!(matches!(error, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn identities_are_listed_and_what_is_not_sealed_is_not_believed() {
    let cluster = Cluster::found().await;
    cluster.node("beta").await;
    cluster.client("person", Role::Read).await;
    // A hostile node wrote itself into the store.
    let genuine = Key::new(format!("{}beta", record::NODES)).unwrap();
    let forged = Key::new(format!("{}evil", record::NODES)).unwrap();
    let deadline = Deadline::after(Duration::from_secs(5));
    let copy = cluster.store.get(&genuine, deadline).await.unwrap().record.unwrap().value;
    let write = Transaction::new().put(forged, copy);
    cluster.store.transact(&write, deadline).await.unwrap();
    let identities = cluster.registrar.identities().await.unwrap();
    let names: Vec<_> = identities.iter().map(|it| it.subject.to_string()).collect();
    assert_eq!(names, ["node/alpha", "node/beta", "client/read/person"]);
    assert!(said(cluster.registrar.revoke_identity(&node("nobody")).await).contains("nobody"));
}

#[tokio::test]
async fn other_nodes_do_not_write_what_is_the_authority_s() {
    let cluster = Cluster::found().await;
    let guarded = Guarded::new(dyn_store(&cluster.store));
    let deadline = Deadline::after(Duration::from_secs(5));
    for key in [record::CA_KEY.to_owned(), format!("{}beta", record::NODES)] {
        let key = Key::new(key).unwrap();
        for transaction in
            [Transaction::new().put(key.clone(), "x"), Transaction::new().delete(key.clone())]
        {
            let denied = guarded.transact(&transaction, deadline).await;
            assert!(matches!(denied, Err(StoreError::Denied { .. })), "{denied:?}");
        }
        guarded.get(&key, deadline).await.unwrap();
    }
    let other = Transaction::new().put(Key::new("names/counter").unwrap(), "x");
    assert!(guarded.transact(&other, deadline).await.unwrap().succeeded);
}

#[tokio::test]
async fn lost_answers_of_the_store_do_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let store = host_control::Embedded::open(folder.path(), None).await.unwrap();
    let store = Faulty::over(dyn_store(&store), Fault::Forgets);
    let clock = host_gate::system_clock();
    let home = folder.path().join("alpha");
    let founded = Identity::found(&home, name("alpha"), store.clone(), clock).await;
    let (_, registrar) = founded.unwrap();
    let order = Order {
        kind: Kind::Node,
        uses: Uses::Many,
        name: None,
        lifetime: DAY,
        note: String::new(),
    };
    let (token, _) = registrar.create_token(order).await.unwrap();
    registrar.revoke_token(token.id()).await.unwrap();
    registrar.grant(node("beta"), PrivateKey::draw().unwrap()).await.unwrap();
    let identities = registrar.identities().await.unwrap();
    let live: Vec<_> = identities.iter().map(|it| it.live.len()).collect();
    assert_eq!(live, [1, 1], "one certificate each");
    registrar.forget_identity(&node("beta")).await.unwrap();
    store.set(Fault::Away);
    assert!(said(registrar.tokens().await).contains("it is away"));
}
