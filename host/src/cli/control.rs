//! The control store of a cluster, as options.

use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use host_control::{EtcdOptions, EtcdTls, EtcdUser};

use super::failure::Failure;

/// What the keys of a cluster begin with in an etcd.
const NAMESPACE: &str = "greenroom/";

/// Bytes of a file with certificates, a key or a password, at most.
const FILE_BYTES: u64 = 1 << 20;

/// Bits of a file's mode that let others than its owner read it.
const OTHERS_READ: u32 = 0o044;

/// Where the records of a cluster are.
#[derive(clap::Args, Debug)]
pub(super) struct ControlOptions {
    /// The control store: etcd://a:2379,b:2379, or etcds://a:2379,b:2379 for
    /// TLS [default: the first node's own]
    #[arg(long, value_name = "URL", env = "GREENROOM_CONTROL")]
    control: Option<String>,
    /// The authority that signed etcd's certificates, in PEM; for etcds://
    #[arg(long, value_name = "FILE", env = "GREENROOM_CONTROL_CA")]
    control_ca: Option<PathBuf>,
    /// The certificate to show to etcd, in PEM
    #[arg(long, value_name = "FILE", env = "GREENROOM_CONTROL_CERT")]
    control_cert: Option<PathBuf>,
    /// That certificate's key, in PEM; only its owner may be able to read it
    #[arg(long, value_name = "FILE", env = "GREENROOM_CONTROL_KEY")]
    control_key: Option<PathBuf>,
    /// Who to be to etcd, if it has users
    #[arg(long, value_name = "NAME", env = "GREENROOM_CONTROL_USER")]
    control_user: Option<String>,
    /// The file with that user's password; only its owner may be able to read
    /// it
    #[arg(long, value_name = "FILE", env = "GREENROOM_CONTROL_PASSWORD_FILE")]
    control_password_file: Option<PathBuf>,
}

impl ControlOptions {
    /// The etcd, if one is given.
    pub(super) fn etcd(&self) -> Result<Option<EtcdOptions>, Failure> {
        let Some(url) = &self.control else { return self.nothing_given() };
        let (scheme, members) = match (url.strip_prefix("etcd://"), url.strip_prefix("etcds://")) {
            (Some(members), _) => ("http", members),
            (_, Some(members)) => ("https", members),
            (None, None) => {
                return Err(Failure::usage(format!(
                    "--control {url:?}: it has to be etcd://HOST:PORT,HOST:PORT, or etcds:// for \
                     TLS"
                )));
            }
        };
        let members: Vec<&str> = members.split(',').collect();
        let tls = if scheme == "https" { Some(self.tls()?) } else { self.no_tls()? };
        let user = self.user()?;
        if user.is_some() && tls.is_none() && !members.iter().all(|member| is_loopback(member)) {
            return Err(Failure::usage(format!(
                "--control-user: {url} would carry the password unencrypted; use etcds://"
            )));
        }
        let endpoints = members.iter().map(|member| format!("{scheme}://{member}")).collect();
        let namespace = NAMESPACE.into();
        Ok(Some(EtcdOptions { endpoints, namespace, tls, user, cluster: None }))
    }

    fn nothing_given(&self) -> Result<Option<EtcdOptions>, Failure> {
        match self.first_given() {
            Some(option) => Err(Failure::usage(format!(
                "{option} is for an etcd; say which with --control etcds://HOST:PORT"
            ))),
            None => Ok(None),
        }
    }

    fn first_given(&self) -> Option<&'static str> {
        let files = [
            ("--control-ca", self.control_ca.is_some()),
            ("--control-cert", self.control_cert.is_some()),
            ("--control-key", self.control_key.is_some()),
            ("--control-user", self.control_user.is_some()),
            ("--control-password-file", self.control_password_file.is_some()),
        ];
        files.into_iter().find_map(|(option, is_given)| is_given.then_some(option))
    }

    fn no_tls(&self) -> Result<Option<EtcdTls>, Failure> {
        match self
            .first_given()
            .filter(|option| !option.ends_with("user") && !option.ends_with("password-file"))
        {
            Some(option) => Err(Failure::usage(format!(
                "{option} is for TLS; write --control etcds://… instead of etcd://"
            ))),
            None => Ok(None),
        }
    }

    fn tls(&self) -> Result<EtcdTls, Failure> {
        let Some(ca) = &self.control_ca else {
            return Err(Failure::usage(
                "etcds:// needs --control-ca FILE: the authority that signed etcd's certificates",
            ));
        };
        let identity = match (&self.control_cert, &self.control_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((
                pem("--control-cert", certificate, "CERTIFICATE", Readers::All)?,
                pem("--control-key", key, "PRIVATE KEY", Readers::Owner)?,
            )),
            (Some(_), None) => {
                return Err(Failure::usage("--control-cert needs its key: --control-key FILE"));
            }
            (None, Some(_)) => {
                return Err(Failure::usage(
                    "--control-key needs its certificate: --control-cert FILE",
                ));
            }
        };
        let ca = pem("--control-ca", ca, "CERTIFICATE", Readers::All)?;
        Ok(EtcdTls { ca, identity, server_name: None })
    }

    fn user(&self) -> Result<Option<EtcdUser>, Failure> {
        match (&self.control_user, &self.control_password_file) {
            (None, None) => Ok(None),
            (Some(name), Some(file)) => {
                let option = "--control-password-file";
                let password = String::from_utf8(read(option, file, Readers::Owner)?);
                let password = password.map_err(|_| refused(option, file, "it is no text"))?;
                // A file that an editor wrote ends with one.
                let password = password.strip_suffix('\n').unwrap_or(&password);
                if password.is_empty() {
                    return Err(refused(option, file, "there is no password in it"));
                }
                Ok(Some(EtcdUser { name: name.clone(), password: password.to_owned() }))
            }
            (Some(_), None) => {
                Err(Failure::usage("--control-user needs a password: --control-password-file FILE"))
            }
            (None, Some(_)) => {
                Err(Failure::usage("--control-password-file is for a user: --control-user NAME"))
            }
        }
    }
}

/// Who may be able to read a file.
#[derive(PartialEq)]
enum Readers {
    All,
    Owner,
}

fn refused(option: &str, file: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("{option} {}: {why}", file.display()))
}

/// A file that holds something in PEM.
fn pem(option: &str, file: &Path, what: &str, readers: Readers) -> Result<Vec<u8>, Failure> {
    let bytes = read(option, file, readers)?;
    let text = String::from_utf8_lossy(&bytes);
    // A key says of which kind it is first.
    if !text.contains("-----BEGIN ") || !text.contains(&format!("{what}-----")) {
        return Err(refused(option, file, format!("it holds no {what} in PEM")));
    }
    Ok(bytes)
}

fn read(option: &str, file: &Path, readers: Readers) -> Result<Vec<u8>, Failure> {
    let failed = |error| refused(option, file, error);
    let open = File::open(file).map_err(failed)?;
    if readers == Readers::Owner && open.metadata().map_err(failed)?.mode() & OTHERS_READ != 0 {
        let why = format!("others can read it; run `chmod 600 {}`", file.display());
        return Err(refused(option, file, why));
    }
    let mut bytes = Vec::new();
    open.take(FILE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Whether HOST:PORT is this machine and nobody else hears it.
fn is_loopback(member: &str) -> bool {
    let host = member.rsplit_once(':').map_or(member, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
