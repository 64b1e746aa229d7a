//! What each kind of peer may do: one table.

use std::fmt;
use std::str::FromStr;

use self::Who::{Admin, Anonymous, Local, Node, Read, Run};
use crate::{Error, Name, Subject};

/// What a client may do. Each may do what those before it may.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Look at the cluster.
    Read,
    /// Run programs on it and call actors.
    Run,
    /// Change the cluster itself.
    Admin,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Peer {
    /// A node of the cluster.
    Node {
        /// Its name.
        name: Name,
    },
    /// A client of the cluster.
    Client {
        /// Its name.
        name: Name,
        /// What it may do.
        role: Role,
    },
    /// The owner of this host, on the same machine, by a [`LocalToken`].
    ///
    /// [`LocalToken`]: crate::LocalToken
    Local,
    /// Somebody without a certificate.
    Anonymous,
}

/// Something that a peer may ask a host for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Operation {
    /// Get a first certificate for a token.
    Join,
    /// Get a certificate for another month.
    RenewCertificate,
    /// Open the session of two nodes: calls, references, placement.
    OpenSession,
    /// Read and write the control store.
    UseControlStore,
    /// Get the bytes of an object or a package as another node.
    PullContent,
    /// See whether the host can work.
    ReadHealth,
    /// See nodes, actors, objects, packages, jobs, and why they are so.
    ReadStatus,
    /// See metrics.
    ReadMetrics,
    /// Read what actors print, which can be anything they know.
    ReadLogs,
    /// Put a package into the cluster.
    UploadPackage,
    /// Run a driver and see its output.
    RunJob,
    /// Call an actor by name.
    CallActor,
    /// Kill an actor or a job.
    KillActor,
    /// Stop placing on a node, or let it place again.
    DrainNode,
    /// Stop a node.
    StopNode,
    /// Make, list and revoke tokens.
    ManageTokens,
    /// List and revoke nodes and clients.
    ManageIdentities,
}

/// The columns of the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Who {
    Anonymous,
    Node,
    Read,
    Run,
    Admin,
    Local,
}

/// The table.
const fn allowed(operation: Operation) -> &'static [Who] {
    match operation {
        Operation::Join => &[Anonymous, Node, Read, Run, Admin, Local],
        Operation::RenewCertificate => &[Node, Read, Run, Admin],
        Operation::OpenSession => &[Node],
        Operation::UseControlStore => &[Node],
        Operation::PullContent => &[Node],
        Operation::ReadHealth => &[Node, Read, Run, Admin, Local],
        Operation::ReadStatus => &[Node, Read, Run, Admin, Local],
        Operation::ReadMetrics => &[Read, Run, Admin, Local],
        Operation::ReadLogs => &[Node, Run, Admin, Local],
        Operation::UploadPackage => &[Run, Admin, Local],
        Operation::RunJob => &[Run, Admin, Local],
        Operation::CallActor => &[Run, Admin, Local],
        Operation::KillActor => &[Run, Admin, Local],
        Operation::DrainNode => &[Admin, Local],
        Operation::StopNode => &[Admin, Local],
        Operation::ManageTokens => &[Admin, Local],
        Operation::ManageIdentities => &[Admin, Local],
    }
}

impl Peer {
    /// Whether the peer may do this. To be asked for every request: a
    /// connection says nothing, since anybody can open one in order to join.
    pub fn may(&self, operation: Operation) -> bool {
        let who = match self {
            Peer::Node { name: _ } => Node,
            Peer::Client { name: _, role: Role::Read } => Read,
            Peer::Client { name: _, role: Role::Run } => Run,
            Peer::Client { name: _, role: Role::Admin } => Admin,
            Peer::Local => Local,
            Peer::Anonymous => Anonymous,
        };
        allowed(operation).contains(&who)
    }
}

impl From<Subject> for Peer {
    fn from(subject: Subject) -> Peer {
        match subject {
            Subject::Node { name } => Peer::Node { name },
            Subject::Client { name, role } => Peer::Client { name, role },
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Node { name } => write!(f, "node {name}"),
            Peer::Client { name, role } => write!(f, "client {name} ({role})"),
            Peer::Local => f.write_str("the owner of this host"),
            Peer::Anonymous => f.write_str("somebody without a certificate"),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Read => "read",
            Role::Run => "run",
            Role::Admin => "admin",
        })
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Role, Error> {
        match text {
            "read" => Ok(Role::Read),
            "run" => Ok(Role::Run),
            "admin" => Ok(Role::Admin),
            _ => Err(Error::malformed("a role", "it is read, run or admin")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table as a person reads it: operation, then nobody's, a node's, and
    /// the three clients' right, and that of the owner.
    const TABLE: &str = "
                            anonymous  node  read  run  admin  local
        Join                yes        yes   yes   yes  yes    yes
        RenewCertificate    -          yes   yes   yes  yes    -
        OpenSession         -          yes   -     -    -      -
        UseControlStore     -          yes   -     -    -      -
        PullContent         -          yes   -     -    -      -
        ReadHealth          -          yes   yes   yes  yes    yes
        ReadStatus          -          yes   yes   yes  yes    yes
        ReadMetrics         -          -     yes   yes  yes    yes
        ReadLogs            -          yes   -     yes  yes    yes
        UploadPackage       -          -     -     yes  yes    yes
        RunJob              -          -     -     yes  yes    yes
        CallActor           -          -     -     yes  yes    yes
        KillActor           -          -     -     yes  yes    yes
        DrainNode           -          -     -     -    yes    yes
        StopNode            -          -     -     -    yes    yes
        ManageTokens        -          -     -     -    yes    yes
        ManageIdentities    -          -     -     -    yes    yes
    ";

    const ALL: [Operation; 17] = [
        Operation::Join,
        Operation::RenewCertificate,
        Operation::OpenSession,
        Operation::UseControlStore,
        Operation::PullContent,
        Operation::ReadHealth,
        Operation::ReadStatus,
        Operation::ReadMetrics,
        Operation::ReadLogs,
        Operation::UploadPackage,
        Operation::RunJob,
        Operation::CallActor,
        Operation::KillActor,
        Operation::DrainNode,
        Operation::StopNode,
        Operation::ManageTokens,
        Operation::ManageIdentities,
    ];

    fn peers() -> [Peer; 6] {
        let name: Name = "x".parse().unwrap();
        let client = |role| Peer::Client { name: name.clone(), role };
        [
            Peer::Anonymous,
            Peer::Node { name: name.clone() },
            client(Role::Read),
            client(Role::Run),
            client(Role::Admin),
            Peer::Local,
        ]
    }

    #[test]
    fn rights_are_those_of_the_table() {
        let rows = TABLE.lines().map(str::trim).filter(|line| !line.is_empty()).skip(1);
        assert_eq!(rows.clone().count(), ALL.len());
        for (row, operation) in rows.zip(ALL) {
            let cells: Vec<&str> = row.split_whitespace().collect();
            assert_eq!(cells[0], format!("{operation:?}"));
            for (peer, cell) in peers().iter().zip(&cells[1..]) {
                assert_eq!(peer.may(operation), *cell == "yes", "{peer}: {operation:?}");
            }
        }
    }

    #[test]
    fn somebody_without_a_certificate_may_only_join() {
        for operation in ALL {
            assert_eq!(Peer::Anonymous.may(operation), operation == Operation::Join);
        }
    }

    #[test]
    fn a_higher_role_may_do_what_a_lower_one_may() {
        let [_, _, read, run, admin, _] = peers();
        for operation in ALL {
            assert!(!read.may(operation) || run.may(operation), "{operation:?}");
            assert!(!run.may(operation) || admin.may(operation), "{operation:?}");
        }
    }
}
