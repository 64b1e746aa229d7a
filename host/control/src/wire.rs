//! Between the types here and their form on the wire and in the history file.
//!
//! What comes in is checked like what a caller passes: a decoded value that
//! breaks a rule is an error, never a value.

mod failure;

use bytes::Bytes;
use host_proto::control as proto;

pub(crate) use self::failure::{from_status, to_status};
use crate::{
    Answer, Change, Changes, Compare, Error, Key, LeaseId, Outcome, Page, Reading, Record,
    Revision, Seen, Test, Transaction, Write, WriteKind,
};

/// Something that the other side must not leave out, or must not say.
fn malformed(what: &'static str) -> Error {
    Error::Invalid { why: format!("malformed message: {what}").into() }
}

pub(crate) fn record_to(record: Record) -> proto::Record {
    let Record { key, value, created, modified, lease } = record;
    proto::Record {
        key: key.bytes().clone(),
        value,
        created: created.number(),
        modified: modified.number(),
        lease: LeaseId::number_of(lease),
    }
}

pub(crate) fn record_from(record: proto::Record) -> Result<Record, Error> {
    let proto::Record { key, value, created, modified, lease } = record;
    Ok(Record {
        key: Key::new(key)?,
        value,
        created: Revision::new(created),
        modified: Revision::new(modified),
        lease: LeaseId::new(lease),
    })
}

pub(crate) fn changes_to(changes: Changes) -> proto::Changes {
    let Changes { revision, changes } = changes;
    let change = |change| {
        let change = match change {
            Change::Put(record) => proto::change::Change::Put(record_to(record)),
            Change::Deleted(key) => proto::change::Change::Deleted(key.bytes().clone()),
        };
        proto::Change { change: Some(change) }
    };
    proto::Changes {
        revision: revision.number(),
        changes: changes.into_iter().map(change).collect(),
        more: false,
    }
}

pub(crate) fn changes_from(changes: proto::Changes) -> Result<Changes, Error> {
    // Whoever reads from the wire puts the parts of a revision together.
    let proto::Changes { revision, changes, more: _ } = changes;
    let change = |change: proto::Change| match change.change {
        Some(proto::change::Change::Put(record)) => Ok(Change::Put(record_from(record)?)),
        Some(proto::change::Change::Deleted(key)) => Ok(Change::Deleted(Key::new(key)?)),
        None => Err(malformed("a change of nothing")),
    };
    let changes = changes.into_iter().map(change).collect::<Result<_, _>>()?;
    Ok(Changes { revision: Revision::new(revision), changes })
}

pub(crate) fn reading_to(reading: Reading) -> proto::GetAnswer {
    let Reading { revision, record } = reading;
    proto::GetAnswer { revision: revision.number(), record: record.map(record_to) }
}

pub(crate) fn reading_from(answer: proto::GetAnswer) -> Result<Reading, Error> {
    let proto::GetAnswer { revision, record } = answer;
    Ok(Reading { revision: Revision::new(revision), record: record.map(record_from).transpose()? })
}

pub(crate) fn page_to(page: Page) -> proto::RangeAnswer {
    let Page { revision, records, more } = page;
    let records = records.into_iter().map(record_to).collect();
    proto::RangeAnswer { revision: revision.number(), records, more }
}

pub(crate) fn page_from(answer: proto::RangeAnswer) -> Result<Page, Error> {
    let proto::RangeAnswer { revision, records, more } = answer;
    let records = records.into_iter().map(record_from).collect::<Result<_, _>>()?;
    Ok(Page { revision: Revision::new(revision), records, more })
}

/// The comparisons and writes of a transaction.
pub(crate) fn transaction_to(
    transaction: &Transaction,
) -> (Vec<proto::Compare>, Vec<proto::Write>) {
    let Transaction { compares, writes } = transaction;
    (compares.iter().map(compare_to).collect(), writes.iter().map(write_to).collect())
}

pub(crate) fn transaction_from(
    compares: Vec<proto::Compare>,
    writes: Vec<proto::Write>,
) -> Result<Transaction, Error> {
    Ok(Transaction {
        compares: compares.into_iter().map(compare_from).collect::<Result<_, _>>()?,
        writes: writes.into_iter().map(write_from).collect::<Result<_, _>>()?,
    })
}

fn compare_to(compare: &Compare) -> proto::Compare {
    let Compare { key, test, answer } = compare;
    let test = match test {
        Test::Absent => proto::compare::Test::Absent(true),
        Test::Present => proto::compare::Test::Present(true),
        Test::Created(revision) => proto::compare::Test::Created(revision.number()),
        Test::Modified(revision) => proto::compare::Test::Modified(revision.number()),
        Test::Value(value) => proto::compare::Test::Value(value.clone()),
    };
    let answer_value = match answer {
        Answer::Revisions => false,
        Answer::Value => true,
    };
    proto::Compare { key: key.bytes().clone(), test: Some(test), answer_value }
}

fn compare_from(compare: proto::Compare) -> Result<Compare, Error> {
    let proto::Compare { key, test, answer_value } = compare;
    let test = match test {
        Some(proto::compare::Test::Absent(true)) => Test::Absent,
        Some(proto::compare::Test::Present(true)) => Test::Present,
        Some(proto::compare::Test::Created(revision)) => Test::Created(Revision::new(revision)),
        Some(proto::compare::Test::Modified(revision)) => Test::Modified(Revision::new(revision)),
        Some(proto::compare::Test::Value(value)) => Test::Value(value),
        Some(proto::compare::Test::Absent(false) | proto::compare::Test::Present(false)) | None => {
            return Err(malformed("a comparison without a test"));
        }
    };
    let answer = if answer_value { Answer::Value } else { Answer::Revisions };
    Ok(Compare { key: Key::new(key)?, test, answer })
}

fn write_to(write: &Write) -> proto::Write {
    let Write { key, kind } = write;
    let change = match kind {
        WriteKind::Put { value, lease } => proto::write::Change::Put(proto::Put {
            value: value.clone(),
            lease: LeaseId::number_of(*lease),
        }),
        WriteKind::Delete => proto::write::Change::Delete(true),
    };
    proto::Write { key: key.bytes().clone(), change: Some(change) }
}

fn write_from(write: proto::Write) -> Result<Write, Error> {
    let proto::Write { key, change } = write;
    let kind = match change {
        Some(proto::write::Change::Put(proto::Put { value, lease })) => {
            WriteKind::Put { value, lease: LeaseId::new(lease) }
        }
        Some(proto::write::Change::Delete(true)) => WriteKind::Delete,
        Some(proto::write::Change::Delete(false)) | None => {
            return Err(malformed("a write of nothing"));
        }
    };
    Ok(Write { key: Key::new(key)?, kind })
}

pub(crate) fn outcome_to(outcome: Outcome) -> proto::TransactAnswer {
    let Outcome { revision, succeeded, seen } = outcome;
    let seen = seen.into_iter().map(|seen| match seen {
        None => proto::Seen::default(),
        Some(Seen { created, modified, lease, value }) => proto::Seen {
            present: true,
            created: created.number(),
            modified: modified.number(),
            lease: LeaseId::number_of(lease),
            value,
        },
    });
    proto::TransactAnswer { revision: revision.number(), succeeded, seen: seen.collect() }
}

pub(crate) fn outcome_from(answer: proto::TransactAnswer) -> Outcome {
    let proto::TransactAnswer { revision, succeeded, seen } = answer;
    let seen = seen.into_iter().map(|seen| {
        let proto::Seen { present, created, modified, lease, value } = seen;
        let value: Option<Bytes> = value;
        present.then(|| Seen {
            created: Revision::new(created),
            modified: Revision::new(modified),
            lease: LeaseId::new(lease),
            value,
        })
    });
    Outcome { revision: Revision::new(revision), succeeded, seen: seen.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &'static str) -> Key {
        Key::new(name).unwrap()
    }

    #[test]
    fn transaction_crosses_the_wire_unchanged() {
        let transaction = Transaction::new()
            .absent(key("a"))
            .created(key("b"), Revision::new(1))
            .modified(key("c"), Revision::new(2))
            .compare(Compare {
                key: key("d"),
                test: Test::Value("x".into()),
                answer: Answer::Value,
            })
            .compare(Compare { key: key("h"), test: Test::Present, answer: Answer::Revisions })
            .put(key("e"), "1")
            .put_leased(key("f"), "2", LeaseId::new(7).unwrap())
            .delete(key("g"));
        let (compares, writes) = transaction_to(&transaction);
        assert_eq!(transaction_from(compares, writes), Ok(transaction));
    }

    #[test]
    fn outcome_and_changes_cross_the_wire_unchanged() {
        let seen = Seen {
            created: Revision::new(1),
            modified: Revision::new(2),
            lease: LeaseId::new(3),
            value: Some("".into()),
        };
        let outcome = Outcome {
            revision: Revision::new(9),
            succeeded: false,
            seen: vec![None, Some(seen.clone()), Some(Seen { value: None, ..seen })],
        };
        assert_eq!(outcome_from(outcome_to(outcome.clone())), outcome);
        let record = Record {
            key: key("a"),
            value: "v".into(),
            created: Revision::new(1),
            modified: Revision::new(2),
            lease: None,
        };
        let changes = Changes {
            revision: Revision::new(2),
            changes: vec![Change::Put(record), Change::Deleted(key("b"))],
        };
        assert_eq!(changes_from(changes_to(changes.clone())), Ok(changes));
    }

    #[test]
    fn messages_that_leave_out_what_matters_are_refused() {
        let key = Bytes::from("a");
        let absent = Some(proto::compare::Test::Absent(false));
        let present = Some(proto::compare::Test::Present(false));
        for test in [absent, present, None] {
            let compare = proto::Compare { key: key.clone(), test, answer_value: false };
            assert!(transaction_from(vec![compare], vec![]).is_err());
        }
        let write = proto::Write { key: key.clone(), change: None };
        assert!(transaction_from(vec![], vec![write]).is_err());
        let write =
            proto::Write { key: "".into(), change: Some(proto::write::Change::Delete(true)) };
        assert!(transaction_from(vec![], vec![write]).is_err());
    }
}
