//! Guests, as text, against the whole of what [`crate::add_to_linker`] gives
//! them, on both kinds of engine.

use std::sync::Arc;

use parking_lot::Mutex;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};

use crate::limits::{RESOURCES, WRITE_BYTES};
use crate::{Data, Output, Profile, Stream};

/// Polls one timer many times over, and writes many bytes at once.
const GUEST: &str = r#"
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "poll" (func (param "in" (list (borrow $p))) (result (list u32))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $p (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $io-error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $o (sub resource)))
    (alias outer 1 $io-error (type $outer))
    (export "error" (type $e (eq $outer)))
    (type $failure (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $f (eq $failure)))
    (export "[method]output-stream.write" (func
      (param "self" (borrow $o)) (param "contents" (list u8)) (result (result (error $f)))))))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output-stream (type $outer))
    (export "output-stream" (type $o (eq $outer)))
    (export "get-stdout" (func (result (own $o))))))

  (core module $memory
    (memory (export "memory") 20)
    ;; The one list that comes in lies past page 16.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0x100000))
  (core instance $m (instantiate $memory))
  (core func $poll-low (canon lower (func $poll "poll")
    (memory $m "memory") (realloc (func $m "realloc"))))
  (core func $subscribe-low (canon lower (func $clock "subscribe-duration")))
  (core func $stdout-low (canon lower (func $stdout "get-stdout")))
  (core func $write-low (canon lower (func $streams "[method]output-stream.write")
    (memory $m "memory")))

  (core module $main
    (import "m" "memory" (memory 1))
    (import "w" "poll" (func $poll (param i32 i32 i32)))
    (import "w" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "w" "stdout" (func $stdout (result i32)))
    (import "w" "write" (func $write (param i32 i32 i32 i32)))
    (func (export "poll") (param $n i32) (param $nanoseconds i64) (result i32)
      (local $timer i32) (local $i i32)
      (local.set $timer (call $subscribe (local.get $nanoseconds)))
      (loop $next
        (i32.store (i32.add (i32.const 0x10000) (i32.mul (local.get $i) (i32.const 4)))
          (local.get $timer))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
      (call $poll (i32.const 0x10000) (local.get $n) (i32.const 16))
      (i32.load (i32.const 20)))
    (func (export "write") (param $n i32)
      (call $write (call $stdout) (i32.const 0x10000) (local.get $n) (i32.const 16))))
  (core instance $i (instantiate $main
    (with "m" (instance $m))
    (with "w" (instance
      (export "poll" (func $poll-low)) (export "subscribe" (func $subscribe-low))
      (export "stdout" (func $stdout-low)) (export "write" (func $write-low))))))
  (func (export "poll") (param "n" u32) (param "nanoseconds" u64) (result u32)
    (canon lift (core func $i "poll")))
  (func (export "write") (param "n" u32) (canon lift (core func $i "write"))))
"#;

/// How many bytes were printed.
#[derive(Default)]
struct Counted(Mutex<usize>);

impl Output for Counted {
    fn write(&self, _: Stream, bytes: &[u8]) {
        *self.0.lock() += bytes.len();
    }
}

struct Guest {
    store: Store<Data>,
    instance: wasmtime::component::Instance,
    printed: Arc<Counted>,
}

impl Guest {
    async fn start(engine: &Engine) -> Guest {
        let mut linker = Linker::new(engine);
        crate::add_to_linker(&mut linker).unwrap();
        let component = Component::new(engine, wat::parse_str(GUEST).unwrap()).unwrap();
        let printed = Arc::new(Counted::default());
        let data = Data::new(Box::new(()), Arc::new(Profile::deny_all()), printed.clone());
        let mut store = Store::new(engine, data);
        let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
        Guest { store, instance, printed }
    }

    async fn poll(&mut self, n: u32, nanoseconds: u64) -> wasmtime::Result<u32> {
        let poll = self.instance.get_typed_func::<(u32, u64), (u32,)>(&mut self.store, "poll")?;
        poll.call_async(&mut self.store, (n, nanoseconds)).await.map(|(ready,)| ready)
    }

    async fn write(&mut self, n: u32) -> wasmtime::Result<()> {
        let write = self.instance.get_typed_func::<(u32,), ()>(&mut self.store, "write")?;
        write.call_async(&mut self.store, (n,)).await
    }
}

/// One without `concurrency_support`, one with.
fn engines() -> [Engine; 2] {
    [false, true].map(|concurrency| {
        let mut config = Config::new();
        config.concurrency_support(concurrency);
        Engine::new(&config).unwrap()
    })
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap()
}

#[tokio::test]
async fn a_poll_list_has_a_bound() {
    for engine in engines() {
        let mut guest = Guest::start(&engine).await;
        assert_eq!(guest.poll(3, 1).await.unwrap(), 3);
        assert_eq!(guest.poll(small(RESOURCES), 1).await.unwrap(), small(RESOURCES));
        let error = guest.poll(small(RESOURCES) + 1, 1).await.unwrap_err();
        let message = format!("{error:?}");
        assert!(message.contains("polled 8193 pollables at once"), "{message}");
    }
}

#[tokio::test]
async fn a_write_has_a_bound_and_arrives() {
    for engine in engines() {
        let mut guest = Guest::start(&engine).await;
        guest.write(5).await.unwrap();
        guest.write(small(WRITE_BYTES)).await.unwrap();
        assert_eq!(*guest.printed.0.lock(), 5 + WRITE_BYTES);
        let error = guest.write(small(WRITE_BYTES) + 1).await.unwrap_err();
        let message = format!("{error:?}");
        assert!(message.contains("wrote 65537 bytes at once"), "{message}");
    }
}

#[tokio::test]
async fn a_guest_that_sleeps_for_ever_goes_when_it_is_dropped() {
    for engine in engines() {
        let mut guest = Guest::start(&engine).await;
        tokio::select! {
            biased;
            result = guest.poll(1, u64::MAX) => panic!("it woke: {result:?}"),
            () = tokio::task::yield_now() => {}
        }
        drop(guest);
    }
}

#[tokio::test]
async fn a_million_timers_are_a_trap_and_not_a_million_timers() {
    for engine in engines() {
        let mut guest = Guest::start(&engine).await;
        // Each leaves its timer behind: two resources.
        let mut opened = 0;
        let error = loop {
            match guest.poll(1, 0).await {
                Ok(_) => opened += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(opened, RESOURCES / 2);
        assert!(format!("{error:?}").contains("no free keys"), "{error:?}");
    }
}

#[tokio::test]
async fn wasi_is_built_only_when_it_is_used() {
    let [engine, _] = engines();
    let guest = Guest::start(&engine).await;
    assert!(!guest.store.data().has_wasi());
}
