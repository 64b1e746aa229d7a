//! Waiting for objects in async actors: only the call that waits is suspended.

use std::future::IntoFuture;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::get::{AnyRef, Gettable, Raws, checked_count, split};
use crate::host;
use crate::object::ObjectRef;
use crate::task::{BoxFuture, current_call};

/// [`get`](crate::get) for async actors: `get_async([a, b]).await?`.
///
/// For one ref, `a.await?` says the same.
pub async fn get_async<R: Gettable>(refs: R) -> Result<R::Output> {
    get_until(refs, None).await
}

/// [`get_timeout`](crate::get_timeout) for async actors.
pub async fn get_async_timeout<R: Gettable>(refs: R, timeout: Duration) -> Result<R::Output> {
    get_until(refs, Some(host::nanoseconds(timeout))).await
}

async fn get_until<R: Gettable>(refs: R, timeout: Option<u64>) -> Result<R::Output> {
    let Raws(raws) = refs.raws();
    if raws.is_empty() {
        return R::decode(Vec::new());
    }
    R::decode(host::get_async(current_call(), raws, timeout).await?)
}

/// [`wait`](crate::wait) for async actors.
pub async fn wait_async<R: AnyRef>(
    refs: impl IntoIterator<Item = R>,
    count: usize,
    timeout: Option<Duration>,
) -> Result<(Vec<R>, Vec<R>)> {
    let refs: Vec<R> = refs.into_iter().collect();
    let ready = match checked_count(count, refs.len())? {
        // As many are always ready.
        0 => Vec::new(),
        count => {
            let raws = refs.iter().map(|any| any.object().raw()).collect();
            let timeout = timeout.map(host::nanoseconds);
            host::wait_async(current_call(), raws, count, timeout).await?
        }
    };
    Ok(split(refs, &ready))
}

impl<T: DeserializeOwned + 'static> IntoFuture for ObjectRef<T> {
    type Output = Result<T>;
    type IntoFuture = BoxFuture<Result<T>>;

    fn into_future(self) -> BoxFuture<Result<T>> {
        Box::pin(get_async(self))
    }
}

impl<T: DeserializeOwned + 'static> IntoFuture for &ObjectRef<T> {
    type Output = Result<T>;
    type IntoFuture = BoxFuture<Result<T>>;

    fn into_future(self) -> BoxFuture<Result<T>> {
        Box::pin(get_async(self.clone()))
    }
}
