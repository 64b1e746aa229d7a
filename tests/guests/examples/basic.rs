//! Ordinary actors: what programs do every day, one behaviour a class.

use std::time::Duration;

use greenroom::Isolation;
use greenroom::prelude::*;

/// Keeps a number.
#[derive(Default)]
struct Counter {
    value: i64,
}

#[actor]
impl Counter {
    fn new() -> Self {
        Self::default()
    }

    fn increment(&mut self) -> i64 {
        self.value += 1;
        self.value
    }

    fn add(&mut self, amount: i64) -> i64 {
        self.value += amount;
        self.value
    }

    fn get_value(&self) -> i64 {
        self.value
    }
}

/// Writes down what it is told, in the order it is told.
#[derive(Default)]
struct Journal {
    entries: Vec<String>,
}

#[actor]
impl Journal {
    fn new() -> Self {
        Self::default()
    }

    fn write(&mut self, entry: String) -> usize {
        self.entries.push(entry);
        self.entries.len()
    }

    fn read(&self) -> Vec<String> {
        self.entries.clone()
    }
}

/// A counter behind a wall.
#[derive(Default)]
struct Vault {
    value: i64,
}

#[actor(isolation = "process")]
impl Vault {
    fn new() -> Self {
        Self::default()
    }

    fn increment(&mut self) -> i64 {
        self.value += 1;
        self.value
    }
}

/// Waits and computes, so that others can interrupt it.
struct Gate;

#[actor]
impl Gate {
    fn new() -> Self {
        Gate
    }

    /// Waits inside the method.
    fn pass(&mut self, object: (ObjectRef<i64>,)) -> Result<i64> {
        get(object.0)
    }

    fn wait_for(&mut self, object: (ObjectRef<i64>,)) -> Result<usize> {
        Ok(wait([object.0], 1, None)?.0.len())
    }

    /// Answers what it is given.
    fn echo(&mut self, value: i64) -> i64 {
        value
    }

    /// Computes until it is cancelled.
    fn until_cancelled(&mut self) -> u64 {
        let mut rounds = 0;
        while !context::is_cancelled() {
            rounds += 1;
        }
        println!("noticed");
        rounds
    }

    /// Computes, whatever anybody says.
    fn forever(&mut self) {
        loop {
            std::hint::black_box(());
        }
    }
}

/// Passes refs and handles on.
struct Courier {
    kept: Vec<ObjectRef<i64>>,
    counters: Vec<Handle<Counter>>,
}

#[actor]
impl Courier {
    fn new() -> Self {
        Courier { kept: Vec::new(), counters: Vec::new() }
    }

    /// The value and the refs: a top-level ref arrives as its value, nested
    /// ones as refs.
    fn sum(&mut self, first: i64, rest: Vec<ObjectRef<i64>>) -> Result<i64> {
        Ok(first + get(rest)?.iter().sum::<i64>())
    }

    fn put_number(&mut self, number: i64) -> Result<ObjectRef<i64>> {
        put(&number)
    }

    fn put_pair(&mut self, number: i64) -> Result<(ObjectRef<i64>, ObjectRef<i64>)> {
        Ok((put(&number)?, put(&(number + 1))?))
    }

    /// Keeps the ref and gives it away as well.
    fn keep(&mut self, object: (ObjectRef<i64>,)) -> ObjectRef<i64> {
        self.kept.push(object.0.clone());
        object.0
    }

    fn kept_sum(&self) -> Result<i64> {
        Ok(get(&self.kept)?.iter().sum())
    }

    fn put_bytes(&mut self, count: usize) -> Result<ObjectRef<Bytes>> {
        put(&Bytes::from(vec![7; count]))
    }

    fn drop_kept(&mut self) {
        self.kept.clear();
    }

    fn make_counter(&mut self) -> Result<Handle<Counter>> {
        Counter::remote()
    }

    fn keep_counter(&mut self, counter: Handle<Counter>) {
        self.counters.push(counter);
    }

    fn drop_counters(&mut self) {
        self.counters.clear();
    }

    fn increment_all(&mut self) -> Result<Vec<i64>> {
        let calls = self.counters.iter().map(|counter| counter.increment().remote());
        get(calls.collect::<Result<Vec<_>>>()?)
    }

    /// The ref of a call that this actor sent; its receiver gets it before it
    /// is ready.
    fn delegate(&mut self, counter: Handle<Counter>) -> Result<ObjectRef<i64>> {
        counter.increment().remote()
    }

    /// Sends `count` entries to a journal; the first waits for `object`.
    fn write_in_order(
        &mut self,
        journal: Handle<Journal>,
        name: String,
        object: (ObjectRef<String>,),
        count: u32,
    ) -> Result<()> {
        journal.write(object.0).tell()?;
        for index in 1..count {
            journal.write(format!("{name}{index}")).tell()?;
        }
        Ok(())
    }

    fn write_one(&mut self, journal: Handle<Journal>, entry: String) -> Result<usize> {
        get(journal.write(entry).remote()?)
    }

    /// The node, and what a program can know of it: id, name, zone.
    fn place(&self) -> (String, String, Option<String>) {
        let current = context::current();
        let zone = current.node_label("zone").map(str::to_owned);
        (current.node, current.node_name, zone)
    }

    fn make_on(&mut self, node: String) -> Result<i64> {
        get(Counter::options().on_node(node).remote()?.increment().remote()?)
    }

    fn make_near(&mut self, node: String) -> Result<i64> {
        get(Counter::options().near_node(node).remote()?.increment().remote()?)
    }

    fn make_where(&mut self, conditions: String) -> Result<i64> {
        get(Counter::options().spread().labels(conditions).remote()?.increment().remote()?)
    }

    fn make_apart(&mut self) -> Result<(Handle<Counter>, Handle<Vault>)> {
        let counter = Counter::options().isolation(Isolation::Process).remote()?;
        let vault = Vault::options().isolation(Isolation::Shared).remote()?;
        Ok((counter, vault))
    }

    fn make_labelled(&mut self, name: String, value: String) -> Result<i64> {
        get(Counter::options().label(&name, &value).remote()?.increment().remote()?)
    }

    fn identity(&self) -> (String, String, Option<String>, u32) {
        let me = context::current();
        (me.actor, me.class, me.name, me.incarnation)
    }

    /// What the calls through its own handle and the ids of both say.
    fn own_handle_is_itself(&self) -> Result<bool> {
        let me = context::me::<Courier>()?;
        Ok(Handle::id(&me) == context::current().actor)
    }
}

/// Gets and waits as its caller says.
struct Waiter;

#[actor]
impl Waiter {
    fn new() -> Self {
        Waiter
    }

    fn get_many(&mut self, objects: Vec<ObjectRef<i64>>) -> Result<Vec<i64>> {
        get(objects)
    }

    fn get_within(&mut self, object: (ObjectRef<i64>,), millis: u64) -> Result<i64> {
        get_timeout(&object.0, Duration::from_millis(millis))
    }

    /// How many are ready and how many are not.
    fn wait_for(
        &mut self,
        objects: Vec<ObjectRef<i64>>,
        count: usize,
        millis: Option<u64>,
    ) -> Result<(usize, usize)> {
        let timeout = millis.map(Duration::from_millis);
        let (ready, rest) = wait(objects, count, timeout)?;
        Ok((ready.len(), rest.len()))
    }

    /// Values in the order in which their objects become ready.
    fn drain(&mut self, mut objects: Vec<ObjectRef<i64>>) -> Result<Vec<i64>> {
        let mut values = Vec::new();
        while !objects.is_empty() {
            let (ready, rest) = wait(objects, 1, None)?;
            values.extend(get(ready)?);
            objects = rest;
        }
        Ok(values)
    }

    /// Ten thousand values by put and get.
    fn put_and_get_many(&mut self, count: i64) -> Result<i64> {
        let objects = (0..count).map(|n| put(&n)).collect::<Result<Vec<_>>>()?;
        Ok(get(&objects)?.iter().sum())
    }

    fn times_out(&mut self, gate: Handle<Gate>, millis: u64) -> Result<()> {
        get(gate.forever().timeout(Duration::from_millis(millis)).remote()?)
    }

    /// Cancels a call of its own once it runs, and waits for what becomes
    /// of it.
    fn cancels(&mut self, gate: Handle<Gate>) -> Result<i64> {
        let object = gate.pass((put(&0)?,)).remote()?;
        get(&object)?;
        let endless = gate.until_cancelled().remote()?;
        cancel(&endless)?;
        match get(endless) {
            Err(Error::Cancelled(_)) => get(gate.echo(7).remote()?),
            other => Err(Error::failed(format!("{other:?}"))),
        }
    }

    fn kills(&mut self, counter: Handle<Counter>) -> Result<()> {
        counter.kill()
    }

    fn kills_and_restarts(&mut self, counter: Handle<Counter>) -> Result<()> {
        counter.kill_and_restart()
    }
}

/// Finds actors by their names.
struct Registrar;

#[actor]
impl Registrar {
    fn new() -> Self {
        Registrar
    }

    /// The counter of this name, made if there is none; counted up.
    fn get_or_make(&mut self, name: String) -> Result<(String, i64)> {
        let counter = Counter::options().name(name).detached().get_if_exists().remote()?;
        let count = get(counter.increment().remote()?)?;
        Ok((Handle::id(&counter), count))
    }

    fn find(&mut self, name: String) -> Result<i64> {
        get(Counter::lookup(&name)?.increment().remote()?)
    }

    fn find_in(&mut self, namespace: String, name: String) -> Result<i64> {
        get(Counter::lookup_in(&namespace, &name)?.increment().remote()?)
    }
}

/// Calls whoever is next.
#[derive(Default)]
struct Link {
    next: Option<Handle<Link>>,
}

#[actor]
impl Link {
    fn new() -> Self {
        Self::default()
    }

    fn set_next(&mut self, next: Handle<Link>) {
        self.next = Some(next);
    }

    /// Calls the next, which calls the next, and so on.
    fn pass_on(&mut self, hops: u32) -> Result<u32> {
        let Some(next) = self.next.as_ref().filter(|_| hops > 0) else { return Ok(hops) };
        Ok(1 + get(next.pass_on(hops - 1).remote()?)?)
    }

    fn call_itself(&mut self) -> Result<u32> {
        get(context::me::<Link>()?.pass_on(0).remote()?)
    }

    /// Waits for a call whose argument only a later call of its own makes.
    fn wait_for_own_later_call(&mut self) -> Result<u32> {
        let mine = context::me::<Link>()?.pass_on(0).remote()?;
        let next = self.next.as_ref().ok_or_else(|| Error::Invalid("there is no next".into()))?;
        get(next.pass_on(mine).remote()?)
    }

    /// A call to itself that it does not wait for is no cycle.
    fn tell_itself(&mut self) -> Result<()> {
        context::me::<Link>()?.pass_on(0).tell()
    }
}

/// Lives only in zone a.
struct Zoned;

#[actor(strategy = "spread", labels = "zone=a, !slow")]
impl Zoned {
    fn new() -> Self {
        Zoned
    }

    fn zone(&self) -> Option<String> {
        context::current().node_label("zone").map(str::to_owned)
    }
}
