//! How to reach an etcd.

use std::fmt;

use crate::ClusterId;

/// How to reach an etcd, and what of it to use.
#[derive(Clone, Debug)]
pub struct EtcdOptions {
    /// Its members: `http://HOST:PORT`, `https://HOST:PORT`, or `HOST:PORT`,
    /// which is https if there are settings for TLS. They are asked in turn
    /// while one does not answer.
    pub endpoints: Vec<String>,
    /// What all keys begin with, so that several clusters can share an etcd;
    /// 1 to 128 bytes.
    pub namespace: String,
    /// For https.
    pub tls: Option<EtcdTls>,
    /// If etcd asks who it is.
    pub user: Option<EtcdUser>,
    /// The cluster that the namespace has to be of. With none, that which it
    /// is of counts, and a namespace of none becomes that of a new one.
    pub cluster: Option<ClusterId>,
}

/// Settings for TLS, in PEM.
#[derive(Clone)]
pub struct EtcdTls {
    /// The authority that signed etcd's certificates.
    pub ca: Vec<u8>,
    /// The certificate and the key to show, if etcd asks for them.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// The name in etcd's certificates, if not that of the endpoint.
    pub server_name: Option<String>,
}

/// A user of etcd's.
#[derive(Clone)]
pub struct EtcdUser {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: String,
}

// Keys and passwords stay out of logs.
impl fmt::Debug for EtcdTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdTls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

impl fmt::Debug for EtcdUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdUser").field("name", &self.name).finish_non_exhaustive()
    }
}
