//! Actors that end, fail, grow, print and look around; and a driver.

use std::fmt;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime};

use greenroom::prelude::*;

/// Keeps what others must not lose.
#[derive(Default)]
struct Tally {
    value: i64,
    notes: Vec<String>,
}

#[actor]
impl Tally {
    fn new() -> Self {
        Self::default()
    }

    fn next(&mut self) -> i64 {
        self.value += 1;
        self.value
    }

    fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

/// Crashes until it has been tried often enough.
struct Flaky {
    tally: Handle<Tally>,
    calls: u32,
}

#[actor]
impl Flaky {
    fn new(tally: Handle<Tally>) -> Self {
        Flaky { tally, calls: 0 }
    }

    /// Panics in every try before this one.
    fn succeed_at(&mut self, attempt: i64) -> Result<i64> {
        let this = get(self.tally.next().remote()?)?;
        get(self.tally.note(format!("try {this}")).remote()?)?;
        assert!(this >= attempt, "try {this} of {attempt}");
        Ok(this)
    }

    fn note(&mut self, text: String) -> Result<()> {
        get(self.tally.note(text).remote()?)
    }

    /// How many calls this incarnation has had, and which it is.
    fn life(&mut self) -> (u32, u32) {
        self.calls += 1;
        (self.calls, context::current().incarnation)
    }

    fn trap(&mut self) {
        panic!("on purpose");
    }

    /// Sends a call that may be tried again this often.
    fn retry(&mut self, other: Handle<Flaky>, attempt: i64, retries: i32) -> Result<i64> {
        get(other.succeed_at(attempt).max_retries(retries).remote()?)
    }
}

/// May fail to be made.
#[derive(Debug)]
struct Unborn;

#[actor]
impl Unborn {
    fn new(how: String) -> Result<Self, Trouble> {
        match how.as_str() {
            "fine" => Ok(Unborn),
            "error" => Err(Trouble::Short { by: 3 }),
            _ => panic!("no constructor for {how}"),
        }
    }

    fn ping(&self) -> bool {
        true
    }
}

/// An error of the application.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Trouble {
    Short { by: u32 },
    Odd(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Short { by } => write!(f, "short by {by}"),
            Trouble::Odd(what) => write!(f, "{what} is odd"),
        }
    }
}

/// Fails in every way a method can.
struct Critic;

#[actor]
impl Critic {
    fn new() -> Self {
        Critic
    }

    fn typed(&self, by: u32) -> Result<u32, Trouble> {
        if by == 0 { Ok(1) } else { Err(Trouble::Short { by }) }
    }

    fn text(&self) -> Result<(), String> {
        Err("plainly wrong".into())
    }

    /// What a caller makes of another's typed error.
    fn read_typed(&self, other: Handle<Critic>) -> Result<String> {
        match get(other.typed(9).remote()?) {
            Err(error) => match error.application::<Trouble>() {
                Some(Trouble::Short { by }) => Ok(format!("short by {by}, typed")),
                other => Err(Error::failed(format!("{other:?}"))),
            },
            Ok(_) => Err(Error::failed("no error")),
        }
    }

    fn odd(&self, what: String) -> Result<(), Trouble> {
        Err(Trouble::Odd(what))
    }

    fn panics(&self, with: String) {
        panic!("{with}");
    }

    fn overflows(&self, depth: u64) -> u64 {
        if depth == 0 { 0 } else { std::hint::black_box(self.overflows(depth - 1)) + 1 }
    }
}

/// Ends itself.
struct Quitter;

#[actor]
impl Quitter {
    fn new() -> Self {
        Quitter
    }

    fn quit(&mut self) {
        context::exit();
    }

    fn echo(&mut self, value: i64) -> i64 {
        value
    }
}

/// Takes memory.
#[derive(Default)]
struct Hog {
    held: Vec<Vec<u8>>,
}

#[actor]
impl Hog {
    fn new() -> Self {
        Self::default()
    }

    fn take(&mut self, mebibytes: usize) -> usize {
        self.held.push(vec![1; mebibytes << 20]);
        self.held.iter().map(|part| part.len() >> 20).sum()
    }

    fn size(&self, bytes: Bytes) -> usize {
        bytes.len()
    }

    /// Answers what it is given.
    fn mirror(&self, bytes: Bytes) -> Bytes {
        bytes
    }
}

/// Prints and logs.
struct Talker;

#[actor]
impl Talker {
    fn new() -> Self {
        Talker
    }

    fn say(&self, text: String) {
        println!("{text}");
    }

    fn complain(&self, text: String) {
        eprintln!("{text}");
    }

    fn mumble(&self, text: String) {
        print!("{text}");
        // Rust holds a line back until it ends.
        let _ = std::io::stdout().flush();
    }

    fn log_all(&self, text: String) {
        log::error!("{text}");
        log::warn!("{text}");
        log::info!("{text}");
        log::debug!("{text}");
    }

    fn chatter(&self, lines: u32) {
        for line in 0..lines {
            println!("line {line}");
        }
    }
}

/// Looks at the world outside.
struct Explorer;

#[actor]
impl Explorer {
    fn new() -> Self {
        Explorer
    }

    fn read(&self, path: String) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }

    fn write(&self, path: String, text: String) -> Result<(), String> {
        std::fs::write(path, text).map_err(|error| error.to_string())
    }

    fn list(&self, path: String) -> Result<Vec<String>, String> {
        let entries = std::fs::read_dir(path).map_err(|error| error.to_string())?;
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
        };
        entries.map(name).collect::<Result<_, _>>().map_err(|error| error.to_string())
    }

    fn env(&self) -> Vec<(String, String)> {
        std::env::vars().collect()
    }

    fn connect(&self, address: String) -> Result<(), String> {
        std::net::TcpStream::connect(address).map(drop).map_err(|error| error.to_string())
    }

    /// Seconds since 1970, and whether the monotonic clock moves on.
    fn clocks(&self) -> (u64, bool) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let begun = Instant::now();
        std::thread::sleep(Duration::from_millis(2));
        (now.as_secs(), begun.elapsed() >= Duration::from_millis(2))
    }

    /// Two numbers that a seeded hasher makes.
    fn random(&self) -> (u64, u64) {
        use std::hash::{BuildHasher, RandomState};
        (RandomState::new().hash_one(1), RandomState::new().hash_one(1))
    }
}

/// Does what its first argument says.
#[driver]
fn main(args: Vec<String>) -> Result<()> {
    let mut args = args.into_iter();
    match args.next().as_deref() {
        Some("echo") => println!("{}", args.collect::<Vec<_>>().join(",")),
        Some("fail") => return Err(Error::from_application(&Trouble::Odd("driver".into()))),
        Some("panic") => panic!("the driver panics"),
        Some("spawn") => {
            let plain = Quitter::remote()?;
            let kept = Quitter::options().detached().name("kept").remote()?;
            get((plain.echo(1).remote()?, kept.echo(2).remote()?))?;
            // Longer than the driver: leaked handles keep nothing alive.
            std::mem::forget(plain);
        }
        _ => println!("nothing to do"),
    }
    Ok(())
}
