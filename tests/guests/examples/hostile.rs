//! Programs that attack their host with what the SDK gives them.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use greenroom::prelude::*;

/// Attacks as it is told.
struct Attacker {
    held: Vec<Vec<u8>>,
    refs: Vec<ObjectRef<u64>>,
}

#[actor]
impl Attacker {
    fn new() -> Self {
        Attacker { held: Vec::new(), refs: Vec::new() }
    }

    fn ping(&self) -> bool {
        true
    }

    fn spin(&self) {
        loop {
            black_box(());
        }
    }

    #[allow(unconditional_recursion, reason = "an attack")]
    fn recurse(&self) -> u64 {
        black_box(self.recurse()) + 1
    }

    /// Asks for twice as much, again and again.
    fn double_memory(&mut self) {
        let mut size = 1 << 20;
        loop {
            self.held.push(vec![1; size]);
            size *= 2;
        }
    }

    /// Grows page by page.
    fn creep(&mut self) {
        loop {
            self.held.push(vec![1; 60_000]);
        }
    }

    /// Holds as many refs as it can get; answers how many, and why no more.
    fn hoard_refs(&mut self) -> Result<(usize, String)> {
        loop {
            match put(&1) {
                Ok(object) => self.refs.push(object),
                Err(error) => {
                    let count = self.refs.len();
                    self.refs.clear();
                    return Ok((count, format!("{error:?}")));
                }
            }
        }
    }

    /// Creates actors and keeps their handles.
    fn hoard_actors(&mut self, count: usize) -> Result<usize> {
        let actors = (0..count).map(|_| Idler::remote()).collect::<Result<Vec<_>>>()?;
        Ok(actors.len())
    }

    /// Creates actors and calls each; answers how many answered within a
    /// second, and how many are still awaited.
    fn fill_the_pool(&mut self, count: usize) -> Result<(usize, usize)> {
        let actors = (0..count).map(|_| Idler::remote()).collect::<Result<Vec<_>>>()?;
        let calls: Vec<_> =
            actors.iter().map(|actor| actor.ping().remote()).collect::<Result<_>>()?;
        let (answered, waiting) = wait(&calls, count, Some(Duration::from_secs(1)))?;
        get(&answered)?;
        Ok((answered.len(), waiting.len()))
    }

    /// Forgets handles instead of dropping them.
    fn leak_handles(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            let idler = Idler::remote()?;
            get(idler.ping().remote()?)?;
            std::mem::forget(idler);
        }
        Ok(())
    }

    fn flood_stdout(&self, lines: u32) {
        for line in 0..lines {
            println!("flood {line}");
        }
    }

    fn flood_log(&self, lines: u32) {
        for line in 0..lines {
            log::info!("flood {line}");
        }
    }

    fn print_long_line(&self, mebibytes: usize) {
        let part = "x".repeat(1 << 20);
        for _ in 0..mebibytes {
            print!("{part}");
        }
        println!();
        log::info!("{}", "y".repeat(mebibytes << 20));
    }

    fn print_escapes(&self) {
        println!("\x1b[2J\x1b]0;owned\x07\x1b[31mred\r\u{9b}1m");
        log::info!("\x1b[2Jlogged\u{202e}");
    }

    /// Sends an argument of this size.
    fn send_large(&self, to: Handle<Attacker>, mebibytes: usize) -> Result<usize> {
        get(to.measure(Bytes::from(vec![1; mebibytes << 20])).remote()?)
    }

    fn measure(&self, bytes: Bytes) -> usize {
        bytes.len()
    }

    fn answer_large(&self, mebibytes: usize) -> Bytes {
        Bytes::from(vec![1; mebibytes << 20])
    }

    /// Sends a value with this many refs in it.
    fn send_refs(&self, to: Handle<Attacker>, count: usize) -> Result<usize> {
        let object = put(&1)?;
        let refs: Vec<ObjectRef<u64>> = (0..count).map(|_| object.clone()).collect();
        get(to.count_refs(refs).remote()?)
    }

    fn count_refs(&self, refs: Vec<ObjectRef<u64>>) -> usize {
        refs.len()
    }

    /// Waits on the same object this many times over.
    fn wait_on_many(&self, object: (ObjectRef<u64>,), count: usize, rounds: u32) -> Result<usize> {
        let refs: Vec<&ObjectRef<u64>> = (0..count).map(|_| &object.0).collect();
        let mut ready = 0;
        for _ in 0..rounds {
            ready += wait(refs.iter().copied(), 1, Some(Duration::from_millis(1)))?.0.len();
        }
        Ok(ready)
    }

    /// Waits for what never comes.
    fn wait_forever(&self, object: (ObjectRef<u64>,)) -> Result<u64> {
        get(object.0)
    }

    /// Waits for the longest time there is.
    fn wait_for_ages(&self, object: (ObjectRef<u64>,)) -> Result<u64> {
        get_timeout(object.0, Duration::MAX)
    }

    /// An actor with this many custom resources of different names.
    fn ask_for_resources(&self, count: usize) -> Result<()> {
        let mut options = Idler::options();
        for index in 0..count {
            options = options.resource(format!("r{index}"), 0.0);
        }
        options.remote().map(drop)
    }

    fn call_itself(&self) -> Result<bool> {
        get(context::me::<Attacker>()?.ping().remote()?)
    }

    fn kill_itself(&self) -> Result<()> {
        context::me::<Attacker>()?.kill()?;
        self.spin();
        Ok(())
    }

    /// Sends calls nobody reads until there is no room; how many there were.
    fn flood_mailbox(&self, to: Handle<Attacker>) -> Result<(u32, String)> {
        let mut sent = 0;
        loop {
            match to.ping().tell() {
                Ok(()) => sent += 1,
                Err(error) => return Ok((sent, format!("{error:?}"))),
            }
        }
    }

    /// Calls with time-outs that will not come.
    fn flood_timers(&self, to: Handle<Attacker>, count: u32) -> Result<u32> {
        let mut sent = 0;
        for _ in 0..count {
            to.ping().timeout(Duration::from_secs(1 << 40)).remote()?;
            sent += 1;
        }
        Ok(sent)
    }

    /// Objects that each hold a ref to the one before.
    fn chain_objects(&self, length: u32) -> Result<ObjectRef<Chain>> {
        let mut chain = put(&Chain { next: None })?;
        for _ in 1..length {
            chain = put(&Chain { next: Some(chain) })?;
        }
        Ok(chain)
    }

    /// Actors that each hold the one before.
    fn chain_actors(&self, length: u32, called: bool) -> Result<Handle<Holder>> {
        let mut chain = Holder::remote(None)?;
        for _ in 1..length {
            let next = Holder::remote(Some(chain))?;
            if called {
                get(next.ping().remote()?)?;
            }
            chain = next;
        }
        Ok(chain)
    }

    /// Calls of which each waits for the one before.
    fn chain_calls(&self, to: Handle<Attacker>, length: u32) -> Result<u64> {
        let mut object = to.next_number(0).remote()?;
        for _ in 1..length {
            object = to.next_number(object).remote()?;
        }
        get(object)
    }

    fn next_number(&self, number: u64) -> u64 {
        number + 1
    }

    fn flood_clocks(&self, rounds: u32) -> bool {
        let begun = Instant::now();
        for _ in 0..rounds {
            black_box((Instant::now(), SystemTime::now()));
        }
        begun.elapsed() > Duration::ZERO
    }

    fn flood_random(&self, rounds: u32) -> u64 {
        use std::hash::{BuildHasher, RandomState};
        (0..rounds).map(|round| RandomState::new().hash_one(round)).fold(0, u64::wrapping_add)
    }

    fn read_much(&self, path: String, rounds: u32) -> Result<usize> {
        let mut total = 0;
        for _ in 0..rounds {
            total += std::fs::read(&path)?.len();
        }
        Ok(total)
    }

    fn trap(&self, after: (ObjectRef<u64>,)) -> Result<()> {
        get(after.0)?;
        std::process::abort();
    }
}

/// A link of a chain.
#[derive(Serialize, Deserialize)]
struct Chain {
    next: Option<ObjectRef<Chain>>,
}

/// Does nothing.
struct Idler;

#[actor]
impl Idler {
    fn new() -> Self {
        Idler
    }

    fn ping(&self) -> bool {
        true
    }
}

/// Holds another.
struct Holder {
    held: Option<Handle<Holder>>,
}

#[actor]
impl Holder {
    fn new(held: Option<Handle<Holder>>) -> Self {
        Holder { held }
    }

    fn ping(&self) -> bool {
        self.held.is_some()
    }

    fn hold_itself(&mut self) -> Result<()> {
        self.held = Some(context::me()?);
        Ok(())
    }

    fn hold(&mut self, other: Handle<Holder>) {
        self.held = Some(other);
    }
}

/// Waits for an attacker.
struct Bystander;

#[actor]
impl Bystander {
    fn new() -> Self {
        Bystander
    }

    fn wait_on(&self, attacker: Handle<Attacker>, after: (ObjectRef<u64>,)) -> Result<()> {
        get(attacker.trap(after).remote()?)
    }
}

/// Never comes to be.
struct Stillborn;

#[actor]
impl Stillborn {
    fn new(how: String) -> Self {
        match how.as_str() {
            "trap" => std::process::abort(),
            "exit" => std::process::exit(3),
            "memory" => {
                let mut held = Vec::new();
                loop {
                    held.push(vec![1u8; 1 << 20]);
                }
            }
            _ => loop {
                black_box(());
            },
        }
    }

    fn ping(&self) -> bool {
        true
    }
}
