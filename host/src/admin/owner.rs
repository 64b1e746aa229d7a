//! How the owner of a host is let in over loopback: by the token in a file
//! that only the owner can read.

use host_identity::{Admitted, LocalToken};
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// What stands before the token in `authorization`.
pub const BEARER: &str = "Bearer ";

/// Lets those in who show the owner's token. For listeners on loopback only:
/// whoever sees the token on its way has it.
#[derive(Clone)]
pub struct OwnerOnly {
    token: LocalToken,
}

impl OwnerOnly {
    /// Expects this token.
    pub fn new(token: LocalToken) -> OwnerOnly {
        OwnerOnly { token }
    }
}

impl Interceptor for OwnerOnly {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let shown = shown(request.metadata()).and_then(|text| text.parse::<LocalToken>().ok());
        // Compared in constant time: `==` of tokens is.
        if shown.is_none_or(|shown| shown != self.token) {
            return Err(Status::unauthenticated(
                "the owner's token is missing or wrong: it is in the node's data directory, \
                 which --data-dir names",
            ));
        }
        request.extensions_mut().insert(Admitted::local());
        Ok(request)
    }
}

fn shown(metadata: &MetadataMap) -> Option<&str> {
    metadata.get("authorization")?.to_str().ok()?.strip_prefix(BEARER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owners_token_lets_in() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (folder.path().join("a"), folder.path().join("b"));
        let token = LocalToken::create(&ours).unwrap();
        let mut owner_only = OwnerOnly::new(token.clone());
        let mut ask = |shown: Option<String>| {
            let mut request = Request::new(());
            if let Some(shown) = shown {
                request.metadata_mut().insert("authorization", shown.parse().unwrap());
            }
            let answer = owner_only.call(request)?;
            Ok::<_, Status>(answer.extensions().get::<Admitted>().cloned())
        };
        let text = token.reveal();
        assert_eq!(ask(Some(format!("{BEARER}{}", *text))).unwrap(), Some(Admitted::local()));
        let wrong = LocalToken::create(&other).unwrap().reveal();
        for shown in [None, Some(text.to_string()), Some(format!("{BEARER}{}", *wrong))] {
            assert_eq!(ask(shown).unwrap_err().code(), tonic::Code::Unauthenticated);
        }
    }
}
