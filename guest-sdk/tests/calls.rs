//! Calls, values and errors, against the fake host.

use std::time::Duration;

use greenroom::prelude::*;
use greenroom::{Bytes, Cause, testing};

#[derive(Default)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    fn new() -> Self {
        Self::default()
    }

    fn add(&mut self, amount: i64) -> i64 {
        self.value += amount;
        self.value
    }

    fn value(&self) -> i64 {
        self.value
    }

    fn fail(&self, why: String) -> Result<i64> {
        Err(Error::failed(why))
    }

    fn panic(&mut self) {
        panic!("no more");
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum BankError {
    Overdrawn { missing: u64 },
}

impl std::fmt::Display for BankError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let BankError::Overdrawn { missing } = self;
        write!(f, "overdrawn by {missing}")
    }
}

struct Account {
    balance: u64,
}

#[actor(max_pending_calls = 3)]
impl Account {
    /// Opens an account.
    fn new(balance: u64) -> Result<Self, BankError> {
        if balance == 13 {
            Err(BankError::Overdrawn { missing: 13 })
        } else {
            Ok(Account { balance })
        }
    }

    fn withdraw(&mut self, amount: u64) -> Result<u64, BankError> {
        self.balance = self
            .balance
            .checked_sub(amount)
            .ok_or_else(|| BankError::Overdrawn { missing: amount - self.balance })?;
        Ok(self.balance)
    }

    fn read_file(&self) -> std::io::Result<String> {
        Err(std::io::Error::other("no such file"))
    }
}

struct Shapes;

#[actor]
impl Shapes {
    fn new() -> Self {
        Shapes
    }

    fn concat(&self, left: String, right: String) -> String {
        left + &right
    }

    fn sum(&self, numbers: Vec<i64>) -> i64 {
        numbers.iter().sum()
    }

    fn len(&self, bytes: Bytes) -> usize {
        bytes.len()
    }

    fn echo(&self, bytes: Bytes) -> Bytes {
        bytes
    }

    fn many(&self, a: u8, b: u16, c: u32, d: u64, e: i8, f: Option<char>) -> (u64, Option<char>) {
        (u64::from(a) + u64::from(b) + u64::from(c) + d + e as u64, f)
    }
}

#[test]
fn calls_run_in_the_order_submitted() {
    let counter = Counter::remote().unwrap();
    let sums: Vec<_> = (1..=5).map(|amount| counter.add(amount).remote().unwrap()).collect();
    assert_eq!(get(&sums).unwrap(), [1, 3, 6, 10, 15]);
    assert_eq!(get(counter.value().remote().unwrap()).unwrap(), 15);
}

#[test]
fn get_takes_arrays_tuples_vectors_and_references() {
    let counter = Counter::remote().unwrap();
    let one = counter.add(1).remote().unwrap();
    let two = put(&"two".to_owned()).unwrap();
    assert_eq!(get(&one).unwrap(), 1);
    assert_eq!(get([&one, &one]).unwrap(), [1, 1]);
    assert_eq!(get((&one, &two)).unwrap(), (1, "two".to_owned()));
    assert_eq!(get(vec![one.clone()]).unwrap(), [1]);
    assert_eq!(get(Vec::<ObjectRef<u8>>::new()).unwrap(), [0u8; 0]);
    assert_eq!(get((one, two)).unwrap(), (1, "two".to_owned()));
}

#[test]
fn arguments_may_be_values_references_and_objects() {
    let shapes = Shapes::remote().unwrap();
    let owned = "b".to_owned();
    let object = put(&"c".to_owned()).unwrap();
    let call = |object: ObjectRef<String>| get(object).unwrap();
    assert_eq!(call(shapes.concat("a", &owned).remote().unwrap()), "ab");
    assert_eq!(call(shapes.concat(owned.clone(), &object).remote().unwrap()), "bc");
    assert_eq!(call(shapes.concat(object, owned).remote().unwrap()), "cb");
    assert_eq!(get(shapes.sum([1, 2, 3]).remote().unwrap()).unwrap(), 6);
    assert_eq!(get(shapes.sum(vec![1]).remote().unwrap()).unwrap(), 1);
    assert_eq!(get(shapes.sum(&[1, 2][..]).remote().unwrap()).unwrap(), 3);
    assert_eq!(get(shapes.len(b"four").remote().unwrap()).unwrap(), 4);
    assert_eq!(get(shapes.len(vec![0; 100_000]).remote().unwrap()).unwrap(), 100_000);
    let result = shapes.many(1, 2, 3, 4, 5, Some('x')).remote();
    assert_eq!(get(result.unwrap()).unwrap(), (15, Some('x')));
}

#[test]
fn bytes_come_back_as_they_were() {
    let shapes = Shapes::remote().unwrap();
    let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    let back = get(shapes.echo(&bytes).remote().unwrap()).unwrap();
    assert_eq!(back.into_vec(), bytes);
}

#[test]
fn a_result_given_to_another_call_delays_it() {
    let counter = Counter::remote().unwrap();
    let other = Counter::remote().unwrap();
    let three = counter.add(3).remote().unwrap();
    let seven = other.add(&three).remote().unwrap();
    let eight = other.add(1).remote().unwrap();
    assert_eq!(get([seven, eight]).unwrap(), [3, 4]);
}

#[test]
fn a_failed_argument_fails_the_call_with_its_error() {
    let counter = Counter::remote().unwrap();
    let failed = counter.fail("broken").remote().unwrap();
    let sum = counter.add(failed).remote().unwrap();
    assert_eq!(get(sum).unwrap_err(), Error::failed("broken"));
    assert_eq!(get(counter.value().remote().unwrap()).unwrap(), 0);
}

#[test]
fn a_methods_error_reaches_the_caller_typed() {
    let account = Account::remote(10).unwrap();
    let error = get(account.withdraw(15).remote().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "overdrawn by 5");
    assert_eq!(error.application(), Some(BankError::Overdrawn { missing: 5 }));
    assert_eq!(get(account.withdraw(4).remote().unwrap()).unwrap(), 6);
}

#[test]
fn an_error_that_serde_does_not_know_keeps_its_message() {
    let account = Account::remote(10).unwrap();
    let error = get(account.read_file().remote().unwrap()).unwrap_err();
    assert_eq!(error, Error::failed("no such file"));
}

#[test]
fn a_greenroom_error_passes_through_a_method_unchanged() {
    struct Teller {
        account: Handle<Account>,
    }

    #[actor]
    impl Teller {
        fn new(account: Handle<Account>) -> Self {
            Teller { account }
        }

        fn withdraw(&self, amount: u64) -> Result<u64> {
            get(self.account.withdraw(amount).remote()?)
        }
    }

    let teller = Teller::remote(Account::remote(1).unwrap()).unwrap();
    let error = get(teller.withdraw(3).remote().unwrap()).unwrap_err();
    assert_eq!(error.application(), Some(BankError::Overdrawn { missing: 2 }));
}

#[test]
fn a_panic_traps_the_call_and_ends_the_actor() {
    let counter = Counter::remote().unwrap();
    let trapped = counter.panic().remote().unwrap();
    let queued = counter.value().remote().unwrap();
    match get(trapped).unwrap_err() {
        Error::Trapped(trap) => {
            assert_eq!(trap.method, "Counter.panic");
            assert_eq!(trap.message, "no more");
        }
        other => panic!("{other:?}"),
    }
    for object in [queued, counter.value().remote().unwrap()] {
        match get(object).unwrap_err() {
            Error::Died(death) => assert_eq!(death.cause, Cause::Crashed),
            other => panic!("{other:?}"),
        }
    }
    let line = &testing::logs()[0];
    assert_eq!((line.level, line.target.as_str()), (log::Level::Error, "greenroom::panic"));
    assert!(line.message.starts_with("no more ("), "{}", line.message);
}

#[test]
fn a_constructor_error_is_permanent_and_tells_why() {
    let account = Account::options().max_restarts(5).remote(13).unwrap();
    match get(account.withdraw(1).remote().unwrap()).unwrap_err() {
        Error::Died(death) => {
            assert_eq!(death.cause, Cause::ConstructorFailed);
            assert!(death.message.ends_with("overdrawn by 13"), "{}", death.message);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_mailbox_is_an_answer() {
    let account = Account::remote(10).unwrap();
    for _ in 0..3 {
        account.withdraw(1).tell().unwrap();
    }
    let error = account.withdraw(1).tell().unwrap_err();
    assert!(matches!(error, Error::MailboxFull(_)), "{error:?}");
    testing::settle();
    assert_eq!(get(account.withdraw(1).remote().unwrap()).unwrap(), 6);
}

#[test]
fn a_call_with_a_timeout_ends_when_its_actor_hangs() {
    struct Stuck;

    #[actor]
    impl Stuck {
        fn new() -> Self {
            Stuck
        }

        fn hang(&self) -> Result<()> {
            let objects = [put(&1)?];
            wait(&objects, 1, None)?;
            while !context::is_cancelled() {
                wait(Vec::<ObjectRef<u8>>::new(), 0, None)?;
                let never = context::me::<Stuck>()?.hang().remote()?;
                greenroom::get_timeout(&never, Duration::from_millis(1)).ok();
            }
            Ok(())
        }
    }

    let stuck = Stuck::remote().unwrap();
    let hangs = stuck.hang().timeout(Duration::from_secs(3)).remote().unwrap();
    let error = get(hangs).unwrap_err();
    assert_eq!(error, Error::TimedOut("Stuck.hang did not answer in time".to_owned()));
    assert!(testing::elapsed() >= Duration::from_secs(3));
}

#[test]
fn wait_keeps_the_order_given() {
    let counter = Counter::remote().unwrap();
    let refs: Vec<_> = (0..4).map(|amount| counter.add(amount).remote().unwrap()).collect();
    let (ready, rest) = wait(&refs, 2, None).unwrap();
    assert_eq!(get(ready).unwrap(), [0, 1]);
    assert_eq!(get(rest).unwrap(), [3, 6]);
    let (ready, rest) = wait(refs, 4, Some(Duration::ZERO)).unwrap();
    assert_eq!((ready.len(), rest.len()), (4, 0));
    let error = wait(ready, 5, None).unwrap_err();
    assert_eq!(error, Error::Invalid("wait for 5 of 4 objects".to_owned()));
}

/// Says a text and expects a number.
#[derive(Debug)]
struct Odd;

impl Serialize for Odd {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("odd")
    }
}

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(|_| Odd)
    }
}

#[test]
fn values_that_do_not_decode_are_errors_that_name_the_place() {
    struct Oddities;

    #[actor]
    impl Oddities {
        fn new() -> Self {
            Oddities
        }

        fn take(&self, _first: u8, odd: Odd) -> bool {
            format!("{odd:?}").is_empty()
        }

        fn give(&self) -> Odd {
            Odd
        }
    }

    let oddities = Oddities::remote().unwrap();
    let error = get(oddities.take(1, Odd).remote().unwrap()).unwrap_err();
    let Error::Invalid(message) = error else { panic!("{error:?}") };
    assert!(message.starts_with("Oddities.take: argument `odd` is not a Odd: "), "{message}");
    let error = get(oddities.give().remote().unwrap()).unwrap_err();
    let Error::Invalid(message) = error else { panic!("{error:?}") };
    assert!(message.starts_with("the object is not a calls::Odd: "), "{message}");
}
