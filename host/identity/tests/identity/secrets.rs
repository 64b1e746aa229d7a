//! No secret is ever printed.

use std::cell::RefCell;
use std::fmt::Debug;
use std::io;

use host_identity::join::{Binding, Joiner};
use host_identity::{JoinToken, Kind, LocalToken, Name, PrivateKey, Uses};

use crate::fixture::{Cluster, connect, name};

thread_local! {
    /// What this thread logged.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ThreadLog;

impl io::Write for ThreadLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How a secret could look in a text.
fn forms(secret: &[u8]) -> [String; 4] {
    let hex = |upper: bool| {
        let digits = secret
            .iter()
            .map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        digits.collect::<String>()
    };
    // As `{:?}` prints bytes: numbers, and as a text.
    let numbers = format!("{:?}", &secret[..8]);
    [hex(false), hex(true), numbers[1..numbers.len() - 1].to_owned(), {
        secret[..8].escape_ascii().to_string()
    }]
}

#[test]
fn secrets_are_in_no_log_and_no_debug_text() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(|| ThreadLog)
        .with_ansi(false)
        .init();
    let mut cluster = Cluster::new();
    let first = cluster.node("first");
    let token = cluster.token(Kind::Node, Uses::Many);
    let above = tempfile::tempdir().unwrap();
    let local = LocalToken::create(&above.path().join("run")).unwrap();
    let key = PrivateKey::load_or_draw(above.path(), "join.pem").unwrap();
    let scalar = scalar_of(above.path());
    let (joining, serving) = cluster.connect_to_join(&token, &first).unwrap();
    let binding = Binding::of(&joining).unwrap();
    show(&cluster.authority);
    show(&token);
    show(&local);
    show(&key);
    show(&binding);
    let joiner = Joiner::new(&token, name("a"), key);
    let request = joiner.request(&token, &binding).unwrap();
    let answer = cluster.serve(&request, Binding::of(&serving).unwrap()).unwrap();
    show(&joiner);
    let held = joiner.accept(&answer, cluster.now()).unwrap();
    let endpoint = cluster.endpoint(&held);
    let (client, server) = connect(&endpoint, &first).unwrap();
    show(&held);
    show(&endpoint);
    show(&first.admitted(&server).unwrap());
    show(&(client, server));
    show(&(first.server_config().unwrap(), token.ca(), cluster.token_record(token.id())));
    show(&"x".repeat(200).parse::<JoinToken>().unwrap_err());
    show(&"no token".parse::<LocalToken>().unwrap_err());
    show(&"no name".parse::<Name>().unwrap_err());
    let log = LOGGED.with_borrow(|log| String::from_utf8_lossy(log).into_owned());
    assert!(log.contains("rustls") && log.contains("JoinToken("), "the log was captured");
    let secret_of = |text: &str| {
        let digits = &text[text.len() - 64..];
        let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap();
        (0..32).map(byte).collect::<Vec<u8>>()
    };
    for secret in [secret_of(&token.reveal()), secret_of(&local.reveal()), scalar] {
        for form in forms(&secret) {
            assert!(!log.contains(&form), "{form} was logged");
        }
    }
    assert!(!log.contains("PRIVATE KEY"));
}

fn show(value: &impl Debug) {
    tracing::info!(?value, "shown");
    tracing::info!("{value:#?}");
}

/// The secret number in the file of a joiner's key: 32 bytes behind the head
/// that all PKCS #8 files of P-256 have.
fn scalar_of(folder: &std::path::Path) -> Vec<u8> {
    use rustls_pki_types::pem::PemObject;
    let pem = std::fs::read(folder.join("join.pem")).unwrap();
    let der = rustls_pki_types::PrivatePkcs8KeyDer::from_pem_slice(&pem).unwrap();
    der.secret_pkcs8_der()[36..68].to_vec()
}
