//! Which cluster a store belongs to.

use host_core::ClusterId;

use crate::Error;

/// The id of a new cluster, from the system's randomness.
///
/// # Errors
/// [`Error::Unavailable`] if the system gives none.
pub fn draw_cluster() -> Result<ClusterId, Error> {
    draw().map(ClusterId::from_bytes)
}

/// Random bytes.
pub(crate) fn draw() -> Result<[u8; 16], Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::Unavailable {
        why: format!("no randomness: {error}"),
        advice: "check that /dev/urandom can be read".into(),
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_clusters_have_one_id() {
        assert_ne!(draw_cluster().unwrap(), draw_cluster().unwrap());
    }
}
