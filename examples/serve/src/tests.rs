use std::path::Path;

use super::*;
use crate::router::Busy;

fn start(servers: usize, requests_max: usize) -> Handle<Router> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    let models = host_toolchain::find_models(workspace).unwrap_or_else(|why| panic!("{why}"));
    let folder = models.minilm();
    Router::options().remote(Plan { folder, servers, gpus: 0.0, requests_max }).unwrap()
}

fn send(router: &Handle<Router>, text: &str) -> ObjectRef<Vec<f32>> {
    router.embed(text).remote().unwrap()
}

#[test]
fn requests_that_come_together_are_computed_together() {
    let router = start(1, 64);
    let sent: Vec<_> = TEXTS.iter().map(|text| send(&router, text)).collect();
    let together = get(sent).unwrap();
    let stats = get(router.stats().remote().unwrap()).unwrap();
    assert_eq!((stats.answered, stats.batches), (TEXTS.len(), 1));
    for (text, vector) in TEXTS.iter().zip(together) {
        let alone = get(send(&router, text)).unwrap();
        let product: f32 = alone.iter().zip(&vector).map(|(a, b)| a * b).sum();
        assert!((product - 1.0).abs() < 1e-4, "{text}");
    }
}

#[test]
fn more_requests_than_a_batch_holds_are_all_answered_with_their_own_vectors() {
    let router = start(1, 64);
    let texts: Vec<_> = (0..40).map(|number| format!("text number {number}")).collect();
    let sent: Vec<_> = texts.iter().map(|text| send(&router, text)).collect();
    let answers = get(sent).unwrap();
    let batches = get(router.stats().remote().unwrap()).unwrap().batches;
    assert_eq!(batches, 3);
    let alone = get(send(&router, &texts[39])).unwrap();
    let product = |other: &Vec<f32>| alone.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
    let nearest = (0..40).max_by(|a, b| product(&answers[*a]).total_cmp(&product(&answers[*b])));
    assert_eq!(nearest, Some(39));
}

#[test]
fn requests_beyond_the_bound_are_refused_and_those_within_are_not() {
    let router = start(1, 3);
    let sent: Vec<_> = (0..4).map(|_| send(&router, "hello")).collect();
    let mut answers: Vec<_> = sent.into_iter().map(get).collect();
    let refused = answers.pop().unwrap().unwrap_err();
    assert_eq!(refused.application::<Busy>().unwrap().waiting, 3);
    assert!(answers.iter().all(Result::is_ok));
    assert!(get(send(&router, "hello")).is_ok(), "there is room again");
}

#[test]
fn requests_without_a_server_are_errors_one_by_one() {
    let router = start(0, 64);
    for _ in 0..2 {
        let error = get(send(&router, "hello")).unwrap_err();
        assert_eq!(error.to_string(), "no server is left, and none could be started");
    }
}

#[test]
fn batches_of_a_killed_server_are_computed_by_another() {
    let router = start(2, 64);
    get(send(&router, "first")).unwrap();
    let servers = get(router.servers().remote().unwrap()).unwrap();
    servers[0].kill().unwrap();
    let sent: Vec<_> = TEXTS.iter().map(|text| send(&router, text)).collect();
    assert_eq!(get(sent).unwrap().len(), TEXTS.len());
    let stats = get(router.stats().remote().unwrap()).unwrap();
    assert_eq!(stats.repeated, 1);
    let ids: Vec<_> =
        get(router.servers().remote().unwrap()).unwrap().iter().map(Handle::id).collect();
    assert_eq!(ids.len(), 2);
    assert!(!ids.contains(&Handle::id(&servers[0])), "it was replaced");
}
